package lips

import "math"

// light is how a frame was lit around a nose: the binary logarithms of its
// contrast and of how colourful it is.
type light [2]float64

func readLight(pic frame, p pose) light {
	var sum, square, colour, n float64
	for y := gridY; y < gridY+gridH*gridStep; y += 2 * gridStep {
		for x := gridX; x < gridX+gridW*gridStep; x += 2 * gridStep {
			px, py := p.out(x, y)
			v := float64(pic.luma(px, py))
			cu, cv := pic.chroma(px, py)
			sum += v
			square += v * v
			colour += math.Hypot(float64(cu)-128, float64(cv)-128)
			n++
		}
	}
	mean := sum / n
	return light{math.Log2(math.Sqrt(max(square/n-mean*mean, 0)) + 1), math.Log2(colour/n + 3)}
}

// other tells how much another light o is: 0 for such as come and go when a
// head turns, 1 where contrast or colours are nearly three times as strong.
func (l light) other(o light) float64 {
	return max(0, math.Abs(l[0]-o[0])-.5, math.Abs(l[1]-o[1])-.5)
}

// otherLight is from where a mouth of one light would be seen in the other: red lips on a grey face.
const otherLight = .4

// lit returns the mouths that were seen in a light like l.
func (a *atlas) lit(l light) []*entry {
	var out []*entry
	for i, e := range a.entries {
		switch alike := e.light.other(l) < otherLight; {
		case !alike && out == nil:
			out = append(make([]*entry, 0, len(a.entries)), a.entries[:i]...)
		case alike && out != nil:
			out = append(out, e)
		}
	}
	if out == nil {
		return a.entries
	}
	return out
}
