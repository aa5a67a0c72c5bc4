package lipseval

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
)

// Estimator reads one speaker's mouth. It never changes after Learn.
type Estimator struct {
	classes [nLayers]class
	line    float64 // row where the mouth mostly is
	lips    lips
	dark    float64 // how much darker than the skin the line between the lips mostly gets
	around  float64 // weight of what is around a sample, where there are no colours; else 0
	half    float64 // columns from the middle of the mouth to a corner, mostly
}

// colours is how many colours each layer is described by.
var colours = [nLayers]int{4, 4, 4, 4, 4}

// strip is the mean colour of rows across a few columns.
type strip [rows]feature

func (p *patch) strip(middle, half float64) *strip {
	c0, c1 := max(0, int(math.Round(middle-half))), min(cols-1, int(math.Round(middle+half)))
	s := &strip{}
	for r := range rows {
		for c := c0; c <= c1; c++ {
			for i := range 3 {
				s[r][i] += p[r*cols+c][i]
			}
		}
		for i := range 3 {
			s[r][i] /= float64(c1 - c0 + 1)
		}
	}
	return s
}

const (
	stripHalf = .035 * fine
	stripStep = .07 * fine
	nStrips   = 5
)

// Learn learns the colours of one speaker from frames of them as they were
// taken. It ends when ctx does.
func Learn(ctx context.Context, views []View) (*Estimator, error) {
	if len(views) == 0 {
		return nil, errors.New("lipseval: no frames to learn from: give some with a face")
	}
	every := max(1, len(views)/60)
	var patches []*patch
	for i := 0; i < len(views); i += every {
		p := &patch{}
		p.fill(views[i])
		patches = append(patches, p)
	}
	e := &Estimator{line: movement(patches)}
	e.begin(patches)
	for range 8 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		e.improve(patches)
	}
	e.measure(patches)
	return e, nil
}

// measure takes the sizes of the speaker's mouth that colours do not tell.
func (e *Estimator) measure(patches []*patch) {
	var lines, darks, uppers, lowers []float64
	for _, p := range patches {
		c, _ := e.joint(p, colOf(0))
		lines = append(lines, float64(c[0]+c[3])/2)
		uppers, lowers = append(uppers, float64(c[1]-c[0])), append(lowers, float64(c[3]-c[2]))
		darks = append(darks, p.darkness(c, colOf(0))...)
	}
	slices.Sort(lines)
	slices.Sort(darks)
	e.half = float64(cols)
	e.line, e.dark = lines[len(lines)/2], darks[len(darks)/2]
	slices.Sort(uppers)
	slices.Sort(lowers)
	e.lips = lips{uppers[len(uppers)/2], lowers[len(lowers)/2]}
	var halves []float64
	for _, p := range patches {
		_, corners, _, _ := e.find(p)
		halves = append(halves, (corners[1]-corners[0])/2)
	}
	slices.Sort(halves)
	e.half = halves[len(halves)/2]
}

// darkness returns how dark the line between the lips gets to either side of a column.
func (p *patch) darkness(c cuts, col float64) []float64 {
	var out []float64
	for _, d := range []int{-1, 1} {
		out = append(out, deepest(darkLine(p, int(math.Round(col)), d, max(c[0], 6), min(c[3], rows-7))))
	}
	return out
}

// movement returns the row around which a face changes the most: the mouth's.
func movement(patches []*patch) float64 {
	var weight, moment float64
	for r := int(rowOf(.8)); r < int(rowOf(1.6)); r++ {
		var m float64
		for c := int(colOf(-.25)); c <= int(colOf(.25)); c++ {
			var sum, square float64
			for _, p := range patches {
				v := p[r*cols+c][0] + 2*p[r*cols+c][2]
				sum += v
				square += v * v
			}
			n := float64(len(patches))
			m += square/n - sum*sum/n/n
		}
		m *= m
		weight += m
		moment += m * float64(r)
	}
	if weight == 0 {
		return rowOf(1.15)
	}
	return moment / weight
}

// redness tells lips from skin.
func redness(c feature) float64 { return c[2] - .15*c[0] }

// border is how many rows of a mouth its edges take.
const border = fine * 4 / 100

// begin sets out from what lips are everywhere: redder than the skin around
// them and than what is between them, which is often darker as well.
func (e *Estimator) begin(patches []*patch) {
	var lines []*strip
	var skin, mouth []float64
	for _, p := range patches {
		for s := range nStrips {
			line := p.strip(colOf(0)+(float64(s)-nStrips/2)*stripStep, stripHalf)
			lines = append(lines, line)
			for r := range rows {
				switch d := math.Abs(float64(r)-e.line) / fine; {
				case d < .25:
					mouth = append(mouth, redness(line[r]))
				case d > .3 && d < .6:
					skin = append(skin, redness(line[r]))
				}
			}
		}
	}
	slices.Sort(skin)
	slices.Sort(mouth)
	low, high := skin[len(skin)/2], mouth[len(mouth)*85/100]
	scale := 3 / max(high-low, .005)
	var s [nLayers]*sums
	var all [nLayers][]feature
	var within []feature // lips and what is between them
	for _, line := range lines {
		var log [nLayers][rows]float64
		for r := range rows {
			red := min(max((redness(line[r])-(low+high)/2)*scale, -2), 2)
			d := (float64(r) - e.line) / fine
			far := 12 * max(0, math.Abs(d)-.15)
			log[above][r], log[below][r] = -red, -red
			log[upper][r], log[lower][r] = red-far, red-far
			log[inside][r] = -red - far
		}
		c, _ := layered(rows, &log, lips{})
		for r := range rows {
			all[c.layer(r)] = append(all[c.layer(r)], line[r])
		}
		// The borders of lips are half skin.
		for r := c[0] + border; r < c[3]-border; r++ {
			within = append(within, line[r])
		}
	}
	all[upper] = append(all[upper], all[lower]...)
	all[upper] = scarce(all[upper], slices.Concat(all[above], all[below]), redness)
	all[lower] = all[upper]
	all[inside] = scarce(all[inside], within, func(c feature) float64 { return -redness(c) })
	for k := range nLayers {
		s[k] = newSums(1)
		for _, c := range all[k] {
			s[k].add(0, c)
		}
		e.classes[k] = spread(s[k].class(), all[k], colours[k])
	}
	e.settle()
}

// settle keeps lips and what is between them apart: no colour as red and as
// bright as lips is inside, none as dark and pale as a cavity is lips.
func (e *Estimator) settle() {
	var red, light, n float64
	for _, g := range e.classes[lower] {
		red, light, n = red+g.mean[2]*g.share, light+g.mean[0]*g.share, n+g.share
	}
	red, light = red/n, light/n
	pale := red
	for _, g := range e.classes[inside] {
		pale = min(pale, g.mean[2])
	}
	between := max(.012, .4*(red-pale))
	keep := func(k int, fits func(g gauss) bool) {
		var kept class
		for _, g := range e.classes[k] {
			if fits(g) {
				kept = append(kept, g)
			}
		}
		if len(kept) > 0 {
			e.classes[k] = kept
		}
	}
	keep(inside, func(g gauss) bool { return g.mean[2] < red-between || g.mean[0] < .8*light })
	keep(lower, func(g gauss) bool { return g.mean[2] > red-.008 || g.mean[0] > .72*light })
	e.classes[upper] = e.classes[lower]
}

// scarce returns what was found of a layer; where that is too little to have a
// colour, as between lips that hardly ever part, what of others is the most like it.
func scarce(found, others []feature, like func(feature) float64) []feature {
	if len(found) >= fewest {
		return found
	}
	others = slices.Clone(others)
	slices.SortStableFunc(others, func(a, b feature) int { return cmp.Compare(like(b), like(a)) })
	return others[:min(len(others), max(fewest, len(others)/200))]
}

// spread splits a class into n colours, or into as many as its samples have: a
// split that leaves no more colours than before is the last.
func spread(k class, samples []feature, n int) class {
	for 0 < len(k) && len(k) < n {
		// The widest colour is parted at its mean, along the luma.
		split := class{}
		wide := 0
		for i := range k {
			if k[i].inv[0] < k[wide].inv[0] {
				wide = i
			}
		}
		for i, g := range k {
			if i != wide {
				split = append(split, g)
				continue
			}
			d := .7 / math.Sqrt(g.inv[0])
			a, b := g, g
			a.mean[0] -= d
			b.mean[0] += d
			split = append(split, a, b)
		}
		k = split
		for range 4 {
			s := newSums(len(k))
			for _, c := range samples {
				s.add(k.likeliest(c), c)
			}
			if next := s.class(); len(next) > 0 {
				k = next
			}
		}
		if len(k) < len(split) {
			break
		}
	}
	return k
}

// improve reads all patches and learns the colours anew from what was read.
func (e *Estimator) improve(patches []*patch) {
	var s [nLayers]*sums
	for k := range nLayers {
		s[k] = newSums(len(e.classes[k]))
	}
	for _, p := range patches {
		for i := range nStrips {
			line := p.strip(colOf(0)+(float64(i)-nStrips/2)*stripStep, stripHalf)
			c, _ := e.cut(line, e.line)
			for r := range rows {
				k := c.layer(r)
				if k == upper {
					k = lower
				}
				s[k].add(e.classes[k].likeliest(line[r]), line[r])
			}
		}
	}
	for k := range nLayers {
		if c := s[k].class(); len(c) > 0 {
			e.classes[k] = c
		}
	}
	e.settle()
}

func (c cuts) layer(row int) int {
	k := above
	for k < below && row >= c[k] {
		k++
	}
	return k
}

// cut finds the layers of a line; the mouth is looked for around a row.
func (e *Estimator) cut(s *strip, around float64) (cuts, float64) {
	return layered(rows, e.logs(s, around), e.lips)
}
