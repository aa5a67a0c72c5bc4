package lipseval

import (
	"context"
	"errors"
	"math"
)

// Taught returns an estimator that reads the same speaker under other light or
// other coding. views pairs frames as e knows them with the same frames there:
// what e finds in the first says which colours which part of the face has in the
// second. So it needs no red lips, nor any colour at all, and sizes stay e's.
func (e *Estimator) Taught(ctx context.Context, known, other []View) (*Estimator, error) {
	if len(known) == 0 || len(known) != len(other) {
		return nil, errors.New("lipseval: frames to teach by must come in pairs: give as many of one as of the other")
	}
	var a, b []*patch
	for i := 0; i < len(known); i += max(1, len(known)/60) {
		p, q := &patch{}, &patch{}
		p.fill(known[i])
		q.fill(other[i])
		a, b = append(a, p), append(b, q)
	}
	// Whether surroundings help where there is no colour differs from face to face:
	// what reads the frames it was taught by the best is taken.
	tries := []float64{0}
	if pale(b) {
		tries = []float64{0, .25, .6, 1.2}
	}
	var best *Estimator
	most := math.Inf(-1)
	for _, around := range tries {
		t, err := e.taught(ctx, a, b, around)
		if err != nil {
			return nil, err
		}
		if c := e.agrees(t, a, b, len(tries)); c > most {
			best, most = t, c
		}
	}
	return best, nil
}

// agrees returns how what t reads in b correlates with what e reads in a; 0 if there is no choice.
func (e *Estimator) agrees(t *Estimator, a, b []*patch, choice int) float64 {
	if choice == 1 {
		return 0
	}
	var x, y []float64
	for i := range a {
		x, y = append(x, e.height(a[i])), append(y, t.height(b[i]))
	}
	return Correlation(x, y)
}

// height returns the height of the opening in a patch.
func (e *Estimator) height(p *patch) float64 {
	c, _, col, _ := e.find(p)
	var heights []float64
	for i := range nStrips {
		_, up, lo, _ := e.edges(e.strip(p, col+(float64(i)-nStrips/2)*stripStep), c)
		heights = append(heights, lo-up)
	}
	return trimmed(heights)
}

// taught returns an estimator that knows the colours that b has where e finds the parts of the face in a.
func (e *Estimator) taught(ctx context.Context, a, b []*patch, around float64) (*Estimator, error) {
	var samples [nLayers][]feature
	t := *e
	t.around = around
	var darks []float64
	for i, p := range a {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		whole, _, col, _ := e.find(p)
		for s := range nStrips {
			at := col + (float64(s)-nStrips/2)*stripStep
			c, _ := e.cut(e.strip(p, at), e.line)
			line := t.strip(b[i], at)
			for r := range rows {
				k := c.layer(r)
				samples[k] = append(samples[k], line[r])
			}
		}
		darks = append(darks, b[i].darkness(whole, col)...)
	}
	for k, s := range samples {
		all := newSums(1)
		for _, c := range s {
			all.add(0, c)
		}
		if c := spread(all.class(), s, colours[k]); len(c) > 0 {
			t.classes[k] = c
		}
	}
	t.dark = Quantile(darks, .5)
	return &t, nil
}

// pale tells whether frames have no colours to tell lips by.
func pale(patches []*patch) bool {
	for i := 0; i < len(patches); i += max(1, len(patches)/5) {
		for _, k := range []int{1, 2} {
			var of []float64
			for j := 0; j < rows*cols; j += 7 {
				of = append(of, patches[i][j][k])
			}
			if Quantile(of, .99)-Quantile(of, .01) > .01 {
				return false
			}
		}
	}
	return true
}

// strip returns the colours of a line down the face. Where there are none, how much
// lighter a row is than those around it may stand for them: lips are darker than the skin
// on both sides, whatever the light.
func (e *Estimator) strip(p *patch, middle float64) *strip {
	s := p.strip(middle, stripHalf)
	if e.around == 0 {
		return s
	}
	var sum [rows + 1]float64
	for r := range rows {
		sum[r+1] = sum[r] + s[r][0]
	}
	for r := range rows {
		for k, reach := range []int{fine * 6 / 100, fine * 20 / 100} {
			from, to := max(r-reach, 0), min(r+reach+1, rows)
			s[r][k+1] = .5 + e.around*(s[r][0]-(sum[to]-sum[from])/float64(to-from))
		}
	}
	return s
}
