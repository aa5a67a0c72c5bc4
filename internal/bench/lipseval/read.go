package lipseval

import (
	"math"
	"slices"

	"livedub/inference"
)

// Mouth is what an Estimator sees of a mouth. Lengths are in distances between the eyes.
type Mouth struct {
	Height float64 // of the opening between the lips, in the middle
	Outer  float64 // over both lips, in the middle
	Width  float64 // between the corners

	// Confidence is 0..1: how much likelier lips and what is between them are
	// than a face without a mouth, and how far neighbouring columns agree.
	Confidence float64

	// In the frame, pixels.
	Corners                     [2]inference.Point
	Top, Upper, Lower, Underlip inference.Point // outer and inner edges of the lips, in the middle
}

// temper divides log likelihoods where they become shares of a sample: colours
// next to each other are not independent, and an edge is as wide as a sample.
const temper = 3

// Read finds the mouth of v.
func (e *Estimator) Read(v View) Mouth {
	p := &patch{}
	p.fill(v)
	c, corners, col, gain := e.find(p)
	m := Mouth{Width: (corners[1] - corners[0]) / fine}
	var heights, outers, ups, los, tops, unders []float64
	for i := range nStrips {
		s := e.strip(p, col+(float64(i)-nStrips/2)*stripStep)
		top, up, lo, under := e.edges(s, c)
		heights, outers = append(heights, lo-up), append(outers, under-top)
		ups, los, tops, unders = append(ups, up), append(los, lo), append(tops, top), append(unders, under)
	}
	m.Height, m.Outer = trimmed(heights)/fine, trimmed(outers)/fine
	m.Confidence = (1 - math.Exp(-gain)) * math.Exp(-square((slices.Max(heights)-slices.Min(heights))/fine/.2))
	at := func(col, row float64) inference.Point {
		x, y := v.Eyes.at(xOf(col), yOf(row))
		return inference.Point{X: x, Y: y}
	}
	m.Top, m.Upper, m.Lower, m.Underlip = at(col, trimmed(tops)), at(col, trimmed(ups)), at(col, trimmed(los)), at(col, trimmed(unders))
	y := (trimmed(ups) + trimmed(los)) / 2
	m.Corners = [2]inference.Point{at(corners[0], y), at(corners[1], y)}
	return m
}

// find returns the mouth's layers and corners, its middle column and how much
// likelier it is than none.
func (e *Estimator) find(p *patch) (c cuts, corners [2]float64, col, gain float64) {
	col = colOf(0)
	for range 3 {
		c, gain = e.joint(p, col)
		corners = e.corners(p, c, col)
		next := (corners[0] + corners[1]) / 2
		if math.Abs(next-col) < .01*fine {
			break
		}
		col = min(max(next, colOf(-.4)), colOf(.4))
	}
	return c, corners, col, gain
}

// trimmed returns the mean without the least and the greatest.
func trimmed(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	var sum float64
	for _, x := range v[1 : len(v)-1] {
		sum += x
	}
	return sum / float64(len(v)-2)
}

// logs returns the log likelihoods of a line's samples under each layer; the mouth is looked for around a row.
func (e *Estimator) logs(s *strip, around float64) *[nLayers][rows]float64 {
	var log [nLayers][rows]float64
	for r := range rows {
		d := (float64(r) - around) / fine
		for k := range nLayers {
			log[k][r] = max(e.classes[k].log(s[r]), -6)
		}
		// Away from where mouths are, all is skin.
		pull := 12 * math.Pow(max(0, math.Abs(d)-.2), 2)
		if d < 0 {
			log[below][r] -= pull
		} else {
			log[above][r] -= pull
		}
		for _, k := range []int{upper, inside, lower} {
			log[k][r] -= 2 * pull
		}
	}
	return &log
}

// joint finds the layers of several lines next to each other as one, and how
// much likelier, per row of the mouth, they are than skin alone.
func (e *Estimator) joint(p *patch, col float64) (cuts, float64) {
	var sum [nLayers][rows]float64
	for i := range nStrips {
		log := e.logs(e.strip(p, col+(float64(i)-nStrips/2)*stripStep), e.line)
		for k := range nLayers {
			for r := range rows {
				sum[k][r] += log[k][r] / nStrips
			}
		}
	}
	c, score := layered(rows, &sum, e.lips)
	skin := 0.0 // the best of all ways to have above pass into below
	for r := range rows {
		skin += sum[below][r]
	}
	best := skin
	for r := range rows {
		skin += sum[above][r] - sum[below][r]
		best = max(best, skin)
	}
	return c, max(0, score-best) / float64(c[3]-c[0])
}

func square(x float64) float64 { return x * x }

// share returns how much of a sample is b rather than a, 0..1.
func share(a, b float64) float64 { return 1 / (1 + math.Exp((a-b)/temper)) }

// edges returns where a line's layers begin, as fractions of rows, near the cuts c that were found for all lines.
func (e *Estimator) edges(s *strip, c cuts) (top, up, lo, under float64) {
	const reach = fine * 8 / 100
	log := e.logs(s, e.line)
	// Outer edges: skin shares against lip shares, up to the middle of the lip.
	mid := (c[1] + c[2]) / 2
	from, to := max(c[0]-reach, 0), min(c[0]+reach, mid)
	top = float64(to)
	for r := from; r < to; r++ {
		top -= share(log[above][r], max(log[upper][r], log[inside][r]))
	}
	from, to = max(c[3]-reach, mid), min(c[3]+reach, rows)
	under = float64(from)
	for r := from; r < to; r++ {
		under += share(log[below][r], max(log[lower][r], log[inside][r]))
	}
	// Inner edges: what lies between two inner samples is inside too.
	first, last := max(c[1]-reach, c[0]), min(c[2]+reach, c[3])
	in := make([]float64, max(0, last-first))
	for i := range in {
		in[i] = share(log[upper][first+i], log[inside][first+i])
	}
	fill := slices.Clone(in)
	for i := 1; i < len(in); i++ {
		fill[i] = max(fill[i], fill[i-1])
	}
	var back, n, moment float64
	for i := len(in) - 1; i >= 0; i-- {
		back = max(back, in[i])
		w := min(back, fill[i])
		n += w
		moment += w * (float64(first+i) + .5)
	}
	middle := float64(mid)
	if n > 0 {
		middle = moment / n
	}
	return top, middle - n/2, middle + n/2, under
}

// corners returns the columns where the mouth ends. Towards them runs a dark
// line, whatever the light and the lips' colour: where it has paled, the mouth ends.
func (e *Estimator) corners(p *patch, c cuts, col float64) [2]float64 {
	from, to := max(c[0], 6), min(c[3], rows-7)
	mid := int(math.Round(col))
	var out [2]float64
	for side, d := range []int{-1, 1} {
		depth := darkLine(p, mid, d, from, to)
		// A wide open mouth is far darker than its corners are.
		out[side] = float64(mid) + float64(d)*ending(depth, .25*min(deepest(depth), e.dark), 1.2*e.half)
	}
	return out
}

// deepest returns how dark the line gets around where corners are.
func deepest(depth []float64) float64 {
	return slices.Max(depth[min(fine*15/100, len(depth)-1):min(fine*45/100, len(depth))])
}

// ending returns where depth falls below limit for good: where the line is
// longest, gaps counted against it, and what is farther out than most hardly for it.
func ending(depth []float64, limit, most float64) float64 {
	const first = fine * 18 / 100
	at, sum, best := first, 0.0, math.Inf(-1)
	for i := first; i < len(depth); i++ {
		// A line that is there counts for more than one that is not against it: teeth break it.
		sum += min(max((depth[i]-limit)/(limit+1e-9), -.6), 1)
		if float64(i) > most {
			sum -= .9
		}
		if sum > best {
			at, best = i, sum
		}
	}
	if at+1 < len(depth) && depth[at] > depth[at+1] {
		return float64(at) + min(max((depth[at]-limit)/(depth[at]-depth[at+1]), 0), 1)
	}
	return float64(at)
}

// darkLine follows the darkest line from column mid towards side d, beginning
// between the rows from and to. It returns, per column, how much darker the line is than
// what lies above and below it, smoothed over a few columns.
func darkLine(p *patch, mid, d, from, to int) []float64 {
	n := 0
	for x := mid; x >= 2 && x < cols-2 && n < fine*70/100; x += d {
		n++
	}
	// Lips meet in a thin line, at the corners always; nearer to the middle an
	// open mouth is as thick as a lip, but farther out so is a beard.
	const k, wide = fine * 7 / 100, fine * 15 / 100
	contrast := make([][rows]float64, n)
	for i := range n {
		var y [rows]float64
		for r := range rows {
			for j := -2; j <= 2; j++ {
				y[r] += p[r*cols+mid+d*i+j][0] / 5
			}
		}
		open := min(max((.4-float64(i)/fine)/.15, 0), 1)
		for r := wide; r < rows-wide; r++ {
			contrast[i][r] = max(min(y[r-k], y[r+k])-y[r], open*(min(y[r-wide], y[r+wide])-y[r]))
		}
	}
	// The best path, one row up or down a column, by dynamic programming from the far end.
	next := make([][rows]int8, n)
	var best [rows]float64
	for i := n - 1; i >= 0; i-- {
		var b [rows]float64
		for r := range rows {
			b[r] = math.Inf(-1)
			for s := -1; s <= 1; s++ {
				if q := r + s; q >= 0 && q < rows && best[q]-.002*math.Abs(float64(s)) > b[r] {
					b[r] = best[q] - .002*math.Abs(float64(s))
					next[i][r] = int8(s)
				}
			}
			b[r] += contrast[i][r]
		}
		best = b
	}
	r := from
	for q := from; q <= to; q++ {
		if best[q] > best[r] {
			r = q
		}
	}
	var depth []float64
	for i := range n {
		depth = append(depth, max(contrast[i][r], 0))
		r += int(next[i][r])
	}
	soft := make([]float64, n)
	for i := range soft {
		var sum, weight float64
		for j := -3; j <= 3; j++ {
			if i+j >= 0 && i+j < n {
				g := math.Exp(-float64(j*j) / 4.5)
				sum += g * depth[i+j]
				weight += g
			}
		}
		soft[i] = sum / weight
	}
	return soft
}
