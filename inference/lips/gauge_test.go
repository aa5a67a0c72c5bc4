package lips

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestGauge: readings that go their own way count nothing, those that agree make the
// height, and closed lips are closed.
func TestGauge(t *testing.T) {
	for name, c := range map[string]struct {
		read   func(height, noise float64) readings
		unsure bool
	}{
		"all agree":            {func(h, n float64) readings { return readings{h + n/40, .2 + .8*h, h + .04} }, false},
		"a grey picture":       {func(h, n float64) readings { return readings{0, .2 + .8*h, h} }, false},
		"colours lie":          {func(h, n float64) readings { return readings{.2 - .5*h + n/10, .2 + .8*h, h - .03} }, false},
		"the tracker is lost":  {func(h, n float64) readings { return readings{h, .3 + n/5, h} }, false},
		"edges by themselves":  {func(h, n float64) readings { return readings{.1 + n/10, .3 - n/9, h} }, true},
		"a mouth that is held": {func(h, n float64) readings { return readings{.1, .3, .1 + n/500} }, false},
	} {
		var of habits
		noise := rand.New(rand.NewPCG(1, 2))
		truth := func(i int) float64 { return max(0, .15*math.Sin(float64(i)/5)) }
		for i := range 300 {
			of.see(shape{read: c.read(truth(i), noise.NormFloat64()), width: .8}, 1)
		}
		if of.gauge.unsure() != c.unsure {
			t.Errorf("%s: unsure %v", name, of.gauge.unsure())
		}
		if c.unsure || name == "a mouth that is held" {
			continue
		}
		for i := range 60 {
			got := of.gauge.height(c.read(truth(i), 0))
			if math.Abs(got-truth(i)) > .03 {
				t.Errorf("%s: a height of %.3f is read as %.3f", name, truth(i), got)
			}
		}
	}
}

// TestGaugeTrustsSlowly: what is known of a speaker comes in without a jump.
func TestGaugeTrustsSlowly(t *testing.T) {
	var of habits
	last := math.NaN()
	for i := range 200 {
		h := max(0, .15*math.Sin(float64(i)/5))
		of.see(shape{read: readings{h, .2 + h, h + .05}, width: .8}, 1)
		got := of.gauge.height(readings{.1, .3, .15})
		if i > int(soon) && math.Abs(got-last) > .02 {
			t.Errorf("frame %d: one mouth is read as %.3f after %.3f", i, got, last)
		}
		last = got
	}
}
