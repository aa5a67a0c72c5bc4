package lips

// A tear is an edge that a new mouth brought into a face: of hair, of clothes,
// of what is behind the head.

const (
	tearNew  = .16 // around the new lips, where edges belong
	tearOld  = .1  // around those before, whose own edges are no measure
	torn     = 6   // sum of edges, each by how many times it is too strong, from which a face is torn
	tearLess = 14  // steps of brightness that are no edge
	tearHue  = 9   // steps of U and V together, likewise
)

// tears measures the edges in the changed frame, of brightness or of colour,
// outside the new lips, that the frame before has not nearby and that are stronger
// than those of its skin: the sum of how many times. Of places and what lies
// between them, each is every other one of the mask, as on a chess board.
func (p *paste) tears() float64 {
	places := p.tearable()
	if len(places) == 0 {
		return 0
	}
	now, was := new(spotted), new(spotted)
	p.readAround(places, now, was)
	slope := make([]edges2, maskW*maskH)
	var sum edges2 // of the skin's edges
	var n float32
	for _, q := range places {
		slope[q.i] = was.edge(q.i)
		if q.skin {
			sum[0], sum[1], n = sum[0]+slope[q.i][0], sum[1]+slope[q.i][1], n+1
		}
	}
	usual := edges2{tearLess + 2*sum[0]/max(n, 1), tearHue + 2*sum[1]/max(n, 1)}
	var all float32
	for _, q := range places {
		if q.inner {
			continue
		}
		allowed := usual
		if q.skin {
			for _, d := range [...]int{-maskW - 1, -maskW + 1, 0, maskW - 1, maskW + 1} {
				allowed[0], allowed[1] = max(allowed[0], 1.5*slope[q.i+d][0]), max(allowed[1], 1.5*slope[q.i+d][1])
			}
		}
		e := now.edge(q.i)
		all += 2 * max(e[0]/allowed[0]-1, e[1]/allowed[1]-1, 0)
	}
	return float64(all)
}

// tearable is a place where a face may be torn.
type tearable struct {
	i     int
	inner bool // at the new lips' border: its edges only count as those of the frame before
	skin  bool // in the frame before, no lips
}

// tearable returns the places of the mask where a tear would be seen.
func (p *paste) tearable() []tearable {
	out := make([]tearable, 0, maskW*maskH/4)
	for r := 2; r < maskH-2; r++ {
		for c := 2 + r%2; c < maskW-2; c += 2 {
			i := r*maskW + c
			if p.mask[i] <= .05 {
				continue
			}
			x, y := p.mask.place(i)
			if far := p.newLips(x, y, tearNew); far > .6 {
				out = append(out, tearable{i, far < 1, p.oldLips(x, y, tearOld) > 1})
			}
		}
	}
	return out
}

// spotted is what a frame looks like at places of the mask.
type spotted [maskW * maskH][3]float32

// edges2 are an edge of brightness and one of colour.
type edges2 [2]float32

// readAround reads the changed frame and the one before beside some places.
func (p *paste) readAround(places []tearable, now, was *spotted) {
	after, before := frameOf(p.dst).spots(p.pose), p.before.spots(p.pose)
	var read [maskW * maskH]bool
	for _, q := range places {
		for _, i := range [...]int{q.i - maskW, q.i - 1, q.i + 1, q.i + maskW} {
			if read[i] {
				continue
			}
			read[i] = true
			x, y := p.mask.place(i)
			px, py := p.global(x, y)
			now[i] = after.spot(px, py)
			d := p.chin(x, y)
			was[i] = before.spot(px+p.pose.s*d, py-p.pose.c*d)
		}
	}
}

// edge returns how much brightness and colour change over a place.
func (v *spotted) edge(i int) (e edges2) {
	for _, d := range [...]int{1, maskW} {
		a, b := &v[i-d], &v[i+d]
		y, cu, cv := a[0]-b[0], a[1]-b[1], a[2]-b[2]
		e[0] = max(e[0], y, -y)
		e[1] = max(e[1], max(cu, -cu)+max(cv, -cv))
	}
	return e
}
