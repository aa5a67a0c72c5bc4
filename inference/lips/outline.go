package lips

import (
	"math"
	"slices"
)

// An outline is how far the face reaches from a mouth in one frame, by
// direction: to the edge of a cheek or a jaw, beyond which there are hair,
// clothes or what is behind the head.
type outline struct {
	reach [rays]float32
	near  float64 // the least of them
}

const (
	rays      = 40 // directions, clockwise from the frame's right
	rayStep   = .03
	rayEnd    = .9  // farther than a mouth covers
	rayStart  = .07 // beyond the lips, where skin is
	rayMemory = 4   // samples that are taken for the skin so far
	rayHolds  = 6   // samples in a row that are something else: no fold, no moustache
	otherSkin = 1.3 // how unlike the skin so far something else is
	softEdge  = .09 // over which a mouth ends before an edge
	rayUp     = .45 // directions that lead up more than this end at the nose or an eye, never at an edge
)

// places on the cheeks, beside the nose, that are skin whatever grows around the lips.
var cheeks = [...][2]float64{{-.33, .02}, {.33, .02}, {-.26, -.12}, {.26, -.12}}

// readOutline follows skin from the lips outwards until it ends. Skin may change
// slowly, as light does, and have spots, folds and a beard; it ends where
// brightness or colour jump by more than the skin of this face varies, to what
// neither comes back nor is like its cheeks.
func readOutline(pic frame, p pose, s shape) *outline {
	o := new(outline)
	look := pic.spots(p)
	var t tracer
	for k, c := range cheeks {
		t.cheek[k] = look.spot(p.out(c[0], c[1]))
	}
	var from [rays][3]float32
	var mean, square2 [3]float32
	for k := range rays {
		if dx, dy := ray(k); dy > -rayUp {
			r := s.rim(dx, dy) + rayStart
			from[k] = look.spot(p.out(s.x+r*dx, s.y+s.tilt*r*dx+r*dy))
			for c, v := range from[k] {
				mean[c] += v
				square2[c] += v * v
			}
			t.n++
		}
	}
	for c := range mean {
		mean[c] /= t.n
		varies := 1.2 * float32(math.Sqrt(float64(max(square2[c]/t.n-mean[c]*mean[c], 0))))
		t.per[c] = 1 / max(varies, [...]float32{unlikely, unlikely / 2, unlikely / 2}[c])
	}
	var reach [rays]float32
	for k := range rays {
		dx, dy := ray(k)
		if reach[k] = rayEnd; dy > -rayUp {
			x, y := p.out(s.x, s.y)
			toX, toY := p.out(s.x+dx, s.y+s.tilt*dx+dy)
			reach[k] = float32(t.follow(from[k], s.rim(dx, dy)+rayStart, func(r float64) [3]float32 {
				return look.spot(x+r*(toX-x), y+r*(toY-y))
			}))
		}
	}
	o.even(&reach)
	return o
}

// even takes of each direction and those beside it the middle reach: an edge
// that one or two rays meet alone is a shade or a spot.
func (o *outline) even(reach *[rays]float32) {
	o.near = rayEnd
	for k := range rays {
		var beside [5]float32
		for i := range beside {
			beside[i] = reach[(k+i+rays-len(beside)/2)%rays]
		}
		slices.Sort(beside[:])
		o.reach[k] = beside[len(beside)/2]
		o.near = min(o.near, float64(o.reach[k]))
	}
}

// tracer knows a face's skin.
type tracer struct {
	n     float32
	per   [3]float32 // by plane: 1 over what parts skin from something else
	cheek [len(cheeks)][3]float32
}

// alike tells whether two places may both be skin.
func (t *tracer) alike(a, b [3]float32) bool {
	y, u, v := (a[0]-b[0])*t.per[0], (a[1]-b[1])*t.per[1], (a[2]-b[2])*t.per[2]
	return y*y+u*u+v*v < otherSkin*otherSkin
}

// follow returns how far something like skin goes, from a place on.
func (t *tracer) follow(skin [3]float32, from float64, at func(r float64) [3]float32) float64 {
	other, edge := 0, from
	for r := from + rayStep; r < rayEnd+rayHolds*rayStep; r += rayStep {
		v := at(r)
		same := t.alike(v, skin)
		for k := 0; !same && k < len(t.cheek); k++ {
			if same = t.alike(v, t.cheek[k]); same {
				skin = v // out of a beard
			}
		}
		if same {
			other = 0
			for c := range v {
				skin[c] += (v[c] - skin[c]) / rayMemory
			}
			continue
		}
		if other == 0 {
			edge = r - rayStep/2
		}
		if other++; other == rayHolds {
			return min(edge, rayEnd)
		}
	}
	return rayEnd
}

// ray returns the direction of a ray.
func ray(k int) (x, y float64) { return directions[k][0], directions[k][1] }

var directions = func() (d [rays][2]float64) {
	for k := range d {
		d[k][1], d[k][0] = math.Sincos(2 * math.Pi * float64(k) / rays)
	}
	return d
}()

// rim returns how far the lips reach in a direction.
func (s *shape) rim(x, y float64) float64 {
	tall := s.under
	if y < 0 {
		tall = -s.top
	}
	return 1 / math.Sqrt(square(x/max(s.width/2, .1))+square(y/max(tall, .05)))
}

// within tells how far a place on the mouth lies before the edge: 1 where
// nothing of the edge is near, 0 from the edge on.
func (o *outline) within(x, y float64) float64 {
	if o == nil {
		return 1
	}
	r := math.Hypot(x, y)
	if r <= o.near-softEdge {
		return 1
	}
	a := math.Atan2(y, x) / (2 * math.Pi) * rays
	if a < 0 {
		a += rays
	}
	k := int(a)
	edge := mix(o.reach[k%rays], o.reach[(k+1)%rays], float32(a-float64(k)))
	if edge >= rayEnd {
		return 1
	}
	return smooth((float64(edge) - r) / softEdge)
}
