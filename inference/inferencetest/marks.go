package inferencetest

import (
	"slices"

	"livedub/inference"
)

// Offsets compares the marks of one speech by two engines: it returns how many ms later
// each phoneme of by is than the one of marks that it belongs to, in order. Those that
// only one of them has are passed over.
func Offsets(marks, by []inference.Mark) (ms []float64) {
	next := 0
	for _, m := range marks {
		i := slices.IndexFunc(by[next:min(next+4, len(by))], func(o inference.Mark) bool { return m.IPA != "" && o.Viseme == m.Viseme })
		if i < 0 {
			continue
		}
		ms = append(ms, (by[next+i].At-m.At).Seconds()*1000)
		next += i + 1
	}
	return ms
}
