package report

import "math"

// coarse is by how much sound is thinned for the first, wide search.
const coarse = 8

// find returns the index in sound at which probe fits best, and whether it
// really is there (normalised correlation of at least one half).
func find(sound, probe []int16) (int, bool) {
	thin, thinProbe := decimate(sound), decimate(probe)
	at, _ := best(thin, thinProbe, 0, len(thin)-len(thinProbe))
	at, r := best(toFloat(sound), toFloat(probe), at*coarse-2*coarse, at*coarse+2*coarse)
	return at, r >= .5
}

// best returns the lag from..to at which probe correlates best with sound, and how well, -1..1.
func best(sound, probe []float64, from, to int) (int, float64) {
	energy := dot(probe, probe)
	lag, top := 0, -1.0
	for i := max(0, from); i <= min(to, len(sound)-len(probe)); i++ {
		part := sound[i : i+len(probe)]
		r := dot(part, probe) / math.Sqrt(energy*dot(part, part)+1)
		if r > top {
			lag, top = i, r
		}
	}
	return lag, top
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func toFloat(s []int16) []float64 {
	out := make([]float64, len(s))
	for i, v := range s {
		out[i] = float64(v)
	}
	return out
}

// decimate thins s by coarse, each value the mean of those it stands for.
func decimate(s []int16) []float64 {
	out := make([]float64, len(s)/coarse)
	for i := range out {
		for _, v := range s[i*coarse : (i+1)*coarse] {
			out[i] += float64(v) / coarse
		}
	}
	return out
}
