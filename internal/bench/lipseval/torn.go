package lipseval

import (
	"image"
	"math"
)

// Tear is what a re-rendered frame has that is foreign to it. Areas are in
// squared distances between the eyes.
type Tear struct {
	Edge float64 // of steep places that neither the frame nor the mouth's source has: the largest connected one
	Blob float64 // of colour or light that the face has nowhere near, beside the lips: likewise

	At image.Rectangle // around the worse of both, pixels
}

// Torn tells whether an eye would see it.
func (t Tear) Torn() bool { return t.Badness() > 1 }

// Badness compares tears: over 1 is torn.
func (t Tear) Badness() float64 { return max(t.Edge/mostEdge, t.Blob/mostBlob) }

// Goals and reaches of the search, in samples (fine a distance between the eyes) and luma 0..1.
const (
	mostEdge = .004
	mostBlob = .005

	stillReach = 3  // an edge of the frame itself may move by so much
	patchReach = 7  // one of the mouth's source: that is warped and moved
	lipsReach  = 12 // and between and around the lips
	lipsMargin = 5  // so far around
	steep      = .035
	steeper    = 1.5 // than what is there already

	skinReach = 5 // how far skin may be pulled
	foreign   = .09
	chromatic = 2. // weight of chroma against luma

	jawReach = 19            // below the mouth all goes up and down with the jaw
	jawHalf  = fine * 6 / 10 // less so to the sides
	chinHalf = fine * 4 / 10
)

// Tears compares a frame as it was made with the same frame as it came and with
// the one whose mouth it shows; nil for a mouth that was drawn. dub and src are what
// was read of the mouth in made and came: what lies there is the new mouth.
func (e *Estimator) Tears(made, came, mouth *Face, dub, src Mouth) Tear {
	z := e.zone(made.eyes, dub, src)
	edge, edgeAt := largest(edgesOf(made, came, mouth, z))
	blob, blobAt := largest(blobsOf(made, came, mouth, z))
	at := edgeAt
	if blob/mostBlob > edge/mostEdge {
		at = blobAt
	}
	return Tear{Edge: edge, Blob: blob, At: pixels(made.eyes, at)}
}

// zone is the mouth in samples.
type zone struct{ left, right, top, bottom int }

func (z zone) holds(r, c, margin int) bool {
	return r >= z.top-margin && r <= z.bottom+margin && c >= z.left-margin && c <= z.right+margin
}

// zone returns the box around both mouths. A tear beside the mouth is easily read as a
// part of it: the mouth made is where the frame's own was, and no wider than it mostly is.
func (e *Estimator) zone(eyes Eyes, dub, src Mouth) zone {
	x0, _ := eyes.in(src.Corners[0].X, src.Corners[0].Y)
	x1, _ := eyes.in(src.Corners[1].X, src.Corners[1].Y)
	half := max(src.Width, min(dub.Width, 2*e.half/fine)) / 2
	z := zone{int(colOf((x0+x1)/2 - half)), int(colOf((x0+x1)/2+half) + 1), tall, 0}
	for _, m := range []Mouth{dub, src} {
		_, t := eyes.in(m.Top.X, m.Top.Y)
		_, b := eyes.in(m.Underlip.X, m.Underlip.Y)
		z.top, z.bottom = min(z.top, int(rowOf(t))), max(z.bottom, int(rowOf(b)+1))
	}
	return z
}

// edgesOf marks what is steep in made and nowhere near in came or mouth.
func edgesOf(made, came *Face, mouth *Face, z zone) []bool {
	out := make([]bool, tall*cols)
	margin := float32(steep) + 2*came.grain
	for i, v := range made.edges {
		if v <= margin || made.sharp[i] == came.sharp[i] {
			continue
		}
		r, c, least := i/cols, i%cols, (v-margin)/steeper
		still, moved := stillReach, patchReach
		if z.holds(r, c, lipsMargin) {
			if mouth == nil { // what a drawn mouth has within, none had before
				continue
			}
			still, moved = lipsReach, lipsReach
		}
		jaw, _ := z.jaw(r, c)
		out[i] = !came.rises(r, c, still, still+jaw, least) && (mouth == nil || !mouth.rises(r, c, moved, moved+jaw, least))
	}
	return out
}

// jaw returns how far up and down the jaw may move what is at a sample, and
// whether that is the chin or what is under it.
func (z zone) jaw(r, c int) (reach int, chin bool) {
	if r <= z.bottom {
		return 0, false
	}
	side := math.Abs(float64(2*c-z.left-z.right)) / 2
	return int(jawReach * max(0, 1-square(side/jawHalf))), side < chinHalf
}

// blobsOf marks what has a colour in made that came has nowhere near, beside the
// lips. Under the chin the mouth's source counts too: with another mouth the jaw
// stands elsewhere, and so do its shadow and the neck. At the sides it does not:
// hair and background that come with a mouth of another pose are what is looked for.
func blobsOf(made, came, mouth *Face, z zone) []bool {
	out := make([]bool, tall*cols)
	limit := foreign + 1.5*float64(came.grain)
	for r := range tall {
		for c := range cols {
			v := made.soft[r*cols+c]
			if z.holds(r, c, lipsMargin) || apart(v, came.soft[r*cols+c]) <= limit {
				continue
			}
			jaw, chin := z.jaw(r, c)
			out[r*cols+c] = !came.shows(v, r, c, skinReach+jaw, limit) && !(chin && mouth != nil && mouth.shows(v, r, c, skinReach, limit))
		}
	}
	return out
}

// shows tells whether the face has a colour within reach of a sample.
func (f *Face) shows(v feature, r, c, down int, limit float64) bool {
	for y := max(r-down, 0); y <= min(r+down, tall-1); y++ {
		for x := max(c-skinReach, 0); x <= min(c+skinReach, cols-1); x++ {
			if apart(v, f.soft[y*cols+x]) <= limit {
				return true
			}
		}
	}
	return false
}

// apart is how far colours lie from each other.
func apart(a, b feature) float64 {
	return math.Abs(a[0]-b[0]) + chromatic*(math.Abs(a[1]-b[1])+math.Abs(a[2]-b[2]))
}

// largest returns the area of the largest connected part of what is marked, and
// the samples it lies in; it clears the marks.
func largest(marked []bool) (area float64, at image.Rectangle) {
	most := 0
	var todo []int
	for i := range marked {
		if !marked[i] {
			continue
		}
		marked[i] = false
		todo = append(todo[:0], i)
		n, box := 0, image.Rectangle{}
		for len(todo) > 0 {
			j := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			r, c := j/cols, j%cols
			n, box = n+1, box.Union(image.Rect(c, r, c+1, r+1))
			for y := max(r-1, 0); y <= min(r+1, tall-1); y++ {
				for x := max(c-1, 0); x <= min(c+1, cols-1); x++ {
					if k := y*cols + x; marked[k] {
						marked[k] = false
						todo = append(todo, k)
					}
				}
			}
		}
		if n > most {
			most, at = n, box
		}
	}
	return float64(most) / (fine * fine), at
}

// pixels maps a box of samples to the frame.
func pixels(e Eyes, box image.Rectangle) image.Rectangle {
	var out image.Rectangle
	if box.Empty() {
		return out
	}
	for _, c := range []int{box.Min.X, box.Max.X} {
		for _, r := range []int{box.Min.Y, box.Max.Y} {
			x, y := e.at(xOf(float64(c)-.5), yOf(float64(r)-.5))
			out = out.Union(image.Rect(int(x), int(y), int(x)+1, int(y)+1))
		}
	}
	return out
}
