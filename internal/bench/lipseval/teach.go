package lipseval

import (
	"context"
	"errors"
)

// Taught returns an estimator that reads the same speaker under other light or
// other coding. views pairs frames as e knows them with the same frames there:
// what e finds in the first says which colours which part of the face has in the
// second. So it needs no red lips, nor any colour at all, and sizes stay e's.
func (e *Estimator) Taught(ctx context.Context, known, other []View) (*Estimator, error) {
	if len(known) == 0 || len(known) != len(other) {
		return nil, errors.New("lipseval: frames to teach by must come in pairs: give as many of one as of the other")
	}
	every := max(1, len(known)/60)
	var samples [nLayers][]feature
	t := *e
	var darks []float64
	for i := 0; i < len(known); i += every {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p, q := &patch{}, &patch{}
		p.fill(known[i])
		q.fill(other[i])
		whole, _, col, _ := e.find(p)
		for s := range nStrips {
			at := col + (float64(s)-nStrips/2)*stripStep
			c, _ := e.cut(p.strip(at, stripHalf), e.line)
			line := q.strip(at, stripHalf)
			for r := range rows {
				k := c.layer(r)
				samples[k] = append(samples[k], line[r])
			}
		}
		darks = append(darks, q.darkness(whole, col)...)
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
