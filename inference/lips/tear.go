package lips

// A tear is an edge that a new mouth brought into a face: of hair, of clothes,
// of what is behind the head.

const (
	tearNew  = .16 // around the new lips, where edges belong
	tearOld  = .1  // around those before, whose own edges are no measure
	torn     = 6   // sum of edges, each by how many times it is too strong, from which a face is torn
	tearLess = 14  // steps of brightness that are no edge
)

// tears measures the edges in the changed frame, outside the new lips, that the
// frame before has not nearby and that are stronger than those of its skin:
// the sum of how many times.
func (p *paste) tears() float64 {
	var now, was, slope [maskW * maskH]float32
	places := p.tearable()
	if len(places) == 0 {
		return 0
	}
	p.readAround(places, &now, &was)
	var sum, n float32 // of the skin's edges
	for _, q := range places {
		slope[q.i] = edgeAt(&was, q.i)
		if q.skin {
			sum += slope[q.i]
			n++
		}
	}
	usual := tearLess + 2*sum/max(n, 1)
	var all float64
	for _, q := range places {
		if q.inner {
			continue
		}
		allowed := usual
		if q.skin {
			for d := -maskW; d <= maskW; d += maskW {
				allowed = max(allowed, 1.5*slope[q.i+d-1], 1.5*slope[q.i+d], 1.5*slope[q.i+d+1])
			}
		}
		if e := edgeAt(&now, q.i); e > allowed {
			all += float64(e/allowed - 1)
		}
	}
	return all
}

// tearable is a place where a face may be torn.
type tearable struct {
	i     int
	inner bool // at the new lips' border: its edges only count as those of the frame before
	skin  bool // in the frame before, no lips
}

// tearable returns the places of the mask where a tear would be seen.
func (p *paste) tearable() []tearable {
	out := make([]tearable, 0, maskW*maskH/2)
	for r := 2; r < maskH-2; r++ {
		for c := 2; c < maskW-2; c++ {
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

// readAround reads the changed frame and the one before at some places and beside them.
func (p *paste) readAround(places []tearable, now, was *[maskW * maskH]float32) {
	after := frameOf(p.dst)
	for _, q := range places {
		for _, i := range [...]int{q.i - maskW, q.i - 1, q.i, q.i + 1, q.i + maskW} {
			if now[i] != 0 {
				continue
			}
			x, y := p.mask.place(i)
			px, py := p.global(x, y)
			now[i] = 1 + float32(soft(after, p.pose, px, py)) // 0: not read
			px, py = p.sunk(x, y)
			was[i] = float32(soft(p.before, p.pose, px, py))
		}
	}
}

// edgeAt returns how much the brightness changes over a place.
func edgeAt(v *[maskW * maskH]float32, i int) float32 {
	h, d := v[i+1]-v[i-1], v[i+maskW]-v[i-maskW]
	return max(h, -h, d, -d)
}
