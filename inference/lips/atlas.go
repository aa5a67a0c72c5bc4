package lips

import (
	"math"
	"time"

	"livedub/inference"
	"livedub/media"
)

const (
	most     = 56  // mouths kept of one face
	enough   = 12  // of different shapes, to show one instead of a warp
	finest   = 200 // pixels between the eyes at which a mouth is kept; closer faces are halved
	looksW   = 16
	looksH   = 10
	looksDim = looksW * looksH
)

// entry is one of the speaker's own mouths.
type entry struct {
	at         time.Duration
	pic        frame
	pose       pose
	shape      shape
	yaw, pitch float64
	middle     float64 // as in a view
	edge       *outline
	sharp      float64
	detail     float64 // of the mouth
	nose       *grid
	like       likeness
	light      light
	looks      [looksDim]float32 // the mouth's brightness, small, freed from the light
}

// bytes returns the memory of its frame.
func (e *entry) bytes() int { return len(e.pic.y.b) + len(e.pic.u.b) + len(e.pic.v.b) }

// unlike tells how different two mouths look, about 0..2.
func (e *entry) unlike(o *entry) float64 {
	var sum float32
	for i := range e.looks {
		d := e.looks[i] - o.looks[i]
		sum += d * d
	}
	return float64(sum) / looksDim
}

// apart is the distance by which mouths are chosen to be kept.
func (e *entry) apart(o *entry) float64 {
	dh, dw := (e.shape.height()-o.shape.height())/.04, (e.shape.width-o.shape.width)/.06
	dy, dp := (e.yaw-o.yaw)/.15, (e.pitch-o.pitch)/.15
	return math.Sqrt(dh*dh+dw*dw+.5*(dy*dy+dp*dp)) + 2*e.unlike(o) + e.light.other(o.light)
}

// newEntry makes an entry of a frame, without the piece of the frame itself.
func newEntry(pic frame, p pose, s shape, f inference.Face, nose *grid, at time.Duration) *entry {
	e := &entry{at: at, pose: p, shape: s, yaw: f.Yaw, pitch: f.Pitch, nose: nose}
	var sum, square float32
	for y := range looksH {
		for x := range looksW {
			px, py := p.out(s.x+(float64(x)-looksW/2+.5)*.065, s.y+(float64(y)-3.5)*.065)
			v := pic.luma(px, py)
			e.looks[y*looksW+x] = v
			sum += v
			square += v * v
		}
	}
	mean := sum / looksDim
	scale := 1 / float32(math.Sqrt(float64(max(square/looksDim-mean*mean, 16))))
	for i := range e.looks {
		e.looks[i] = (e.looks[i] - mean) * scale
	}
	e.sharp, e.detail = sharpness(pic.y, p), readDetail(pic, p, s)
	return e
}

// sharpness returns the mean bend of brightness around the nose, which shows
// motion and focus, where the mouth would rather show what it does.
func sharpness(y plane, p pose) float64 {
	x0, y0 := p.out(-.35, -.25)
	x1, y1 := p.out(.35, .25)
	var sum, n int
	for j := max(int(min(y0, y1)), 1); j < min(int(max(y0, y1)), y.h-1); j += 2 {
		row := y.b[j*y.stride:]
		for i := max(int(min(x0, x1)), 1); i < min(int(max(x0, x1)), y.w-1); i += 2 {
			d := 2*int(row[i]) - int(row[i-1]) - int(row[i+1])
			d += 2*int(row[i]) - int(y.b[(j-1)*y.stride+i]) - int(y.b[(j+1)*y.stride+i])
			sum += max(d, -d)
			n++
		}
	}
	return float64(sum) / float64(max(n, 1))
}

// keep copies the piece of the frame that a mouth needs. It tells whether all of it lies in the frame.
func (e *entry) keep(f *media.Frame) bool {
	minX, minY, maxX, maxY := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, c := range [][2]float64{{-.74, -.48}, {.74, -.48}, {-.74, .85}, {.74, .85}} {
		x, y := e.pose.out(e.shape.x+c[0], e.shape.y+c[1])
		minX, maxX = min(minX, x), max(maxX, x)
		minY, maxY = min(minY, y), max(maxY, y)
	}
	x0, y0 := int(minX)&^3, int(minY)&^3
	w, h := (int(maxX)-x0+4)&^3, (int(maxY)-y0+4)&^3
	if x0 < 0 || y0 < 0 || w < 8 || h < 8 {
		return false
	}
	w, h = min(w, (f.Width-x0)&^3), min(h, (f.Height-y0)&^3)
	if w < 8 || h < 8 || float64(x0+w) < maxX-.2*e.pose.eyes() || float64(y0+h) < maxY-.2*e.pose.eyes() {
		return false
	}
	e.pic = frame{
		y: cut(f.Y, f.YStride, x0, y0, w, h), u: cut(f.U, f.UVStride, x0/2, y0/2, w/2, h/2), v: cut(f.V, f.UVStride, x0/2, y0/2, w/2, h/2),
		x0: float64(x0), y0: float64(y0), scale: 1,
	}
	for eyes := e.pose.eyes(); eyes > finest && e.pic.y.w%4 == 0 && e.pic.y.h%4 == 0; eyes /= 2 {
		e.pic.y, e.pic.u, e.pic.v = e.pic.y.half(), e.pic.u.half(), e.pic.v.half()
		e.pic.scale /= 2
	}
	return true
}

func cut(b []byte, stride, x, y, w, h int) plane {
	p := plane{make([]byte, w*h), w, w, h}
	for j := range h {
		copy(p.b[j*w:(j+1)*w], b[(y+j)*stride+x:])
	}
	return p
}

// half returns the plane at half its size.
func (p plane) half() plane {
	q := plane{make([]byte, p.w/2*(p.h/2)), p.w / 2, p.w / 2, p.h / 2}
	for y := range q.h {
		a, b := p.b[2*y*p.stride:], p.b[(2*y+1)*p.stride:]
		for x := range q.w {
			q.b[y*q.stride+x] = byte((int(a[2*x]) + int(a[2*x+1]) + int(b[2*x]) + int(b[2*x+1]) + 2) / 4)
		}
	}
	return q
}

// strangest is how unlike all that is known a mouth may look and be taken for
// one: beyond it is rather a hand, or a microphone; beyond stranger it surely is.
const (
	strangest = .8
	stranger  = 1
)

// nearest returns how unlike the mouth that looks most like it e looks.
func (a *atlas) nearest(e *entry) float64 {
	d := math.Inf(1)
	for _, o := range a.entries {
		d = min(d, e.unlike(o))
	}
	return d
}

// bytes returns the memory of the atlas's frames.
func (a *atlas) bytes() (n int) {
	for _, e := range a.entries {
		n += e.bytes()
	}
	return n
}

// An atlas is what is known of one face's mouths. Its entries never change; a
// changed list is a new one, so that who holds an old list may go on reading it.
type atlas struct {
	entries []*entry
	habits  habits
	spoke   time.Duration // that the face was seen to speak
	taken   bool          // it was kept in another session
	who     inference.Person
}

// offer takes a mouth into the atlas if that makes it richer.
func (a *atlas) offer(e *entry, f *media.Frame) {
	near, nearest := -1, math.Inf(1)
	for i, o := range a.entries {
		if d := e.apart(o); d < nearest {
			near, nearest = i, d
		}
	}
	if len(a.entries) < most {
		// Soon full of what differs, never of one mouth held still.
		if nearest > .35 && e.keep(f) {
			a.entries = append(a.entries[:len(a.entries):len(a.entries)], e)
		}
		return
	}
	// Where two mouths are alike, the blurred or the older one leaves.
	if o := a.entries[near]; nearest < .35 {
		if e.sharp > .9*o.sharp && e.at-o.at > 2*time.Second && e.keep(f) {
			a.replace(near, e)
		}
		return
	}
	worst, closest := -1, nearest
	for i, o := range a.entries {
		for _, p := range a.entries[i+1:] {
			if d := o.apart(p); d < closest {
				worst, closest = i, d
				if p.sharp < .8*o.sharp {
					for k, q := range a.entries {
						if q == p {
							worst = k
						}
					}
				}
			}
		}
	}
	if worst >= 0 && e.keep(f) {
		a.replace(worst, e)
	}
}

func (a *atlas) replace(i int, e *entry) {
	a.entries = append(append(make([]*entry, 0, most), a.entries[:i]...), a.entries[i+1:]...)
	a.entries = append(a.entries, e)
}

// otherHeight is by how much an opening's reading must change for its mouth to be listed anew.
const otherHeight = .004

// again reads the mouths' openings as what is known of the speaker by now has them.
func (a *atlas) again() {
	var out []*entry
	for i, e := range a.entries {
		s := e.shape
		a.habits.part(&s)
		if out == nil && math.Abs(s.upper-e.shape.upper)+math.Abs(s.lower-e.shape.lower) > otherHeight {
			out = append(make([]*entry, 0, most), a.entries[:i]...)
		}
		if out != nil {
			n := *e
			n.shape = s
			out = append(out, &n)
		}
	}
	if out != nil {
		a.entries = out
	}
}
