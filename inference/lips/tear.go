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
	after := frameOf(p.dst)
	any := false
	for i := range p.mask {
		x, y := p.mask.place(i)
		px, py := p.global(x, y)
		now[i] = float32(soft(after, p.pose, px, py))
		px, py = p.sunk(x, y)
		was[i] = float32(soft(p.before, p.pose, px, py))
		any = any || p.mask[i] > 0
	}
	if !any {
		return 0
	}
	edge := func(v *[maskW * maskH]float32, i int) float32 {
		h, d := v[i+1]-v[i-1], v[i+maskW]-v[i-maskW]
		return max(h, -h, d, -d)
	}
	var sum, n float32 // of the skin's edges
	each := func(do func(i int, x, y float64)) {
		for r := 2; r < maskH-2; r++ {
			for c := 2; c < maskW-2; c++ {
				if i := r*maskW + c; p.mask[i] > .05 {
					x, y := p.mask.place(i)
					do(i, x, y)
				}
			}
		}
	}
	each(func(i int, x, y float64) {
		slope[i] = edge(&was, i)
		if p.oldLips(x, y, tearOld) > 1 {
			sum += slope[i]
			n++
		}
	})
	usual := float32(tearLess)
	if n > 0 {
		usual += 2 * sum / n
	}
	var all float64
	each(func(i int, x, y float64) {
		if p.newLips(x, y, tearNew) < 1 {
			return
		}
		allowed := usual
		if p.oldLips(x, y, tearOld) > 1 {
			for d := -maskW; d <= maskW; d += maskW {
				allowed = max(allowed, 1.5*slope[i+d-1], 1.5*slope[i+d], 1.5*slope[i+d+1])
			}
		}
		if e := edge(&now, i); e > allowed {
			all += float64(e/allowed - 1)
		}
	})
	return all
}
