package fleet

import (
	"math/rand/v2"
	"time"
)

// call is one that somebody wants to make.
type call struct {
	at     time.Duration
	length time.Duration
}

// calls draws a trace's calls: a Poisson process of changing rate, by thinning. Every policy gets the
// same calls of a seed.
func calls(t Trace, mean float64, seed uint64) []call {
	r := rand.New(rand.NewPCG(seed, 1))
	var out []call
	end := t.length().Seconds()
	peak := t.peak()
	if peak == 0 {
		return nil
	}
	for s := 0.0; ; {
		s += r.ExpFloat64() * mean / peak
		if s >= end {
			return out
		}
		keep, length := r.Float64()*peak, r.ExpFloat64()*mean
		if keep < t.at(s) {
			out = append(out, call{seconds(s), seconds(length)})
		}
	}
}

// erlangB is the share of calls that find all of n servers busy, by Erlang's formula.
func erlangB(n int, offered float64) float64 {
	b := 1.0
	for k := 1; k <= n; k++ {
		b = offered * b / (float64(k) + offered*b)
	}
	return b
}
