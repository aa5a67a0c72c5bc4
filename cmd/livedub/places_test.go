package main

import "testing"

func TestCPUPlaces(t *testing.T) {
	for _, c := range []struct {
		there, live int
		used, cpus  float64
		want        int
	}{
		{0, 0, 0, 2, plenty},
		{5, 0, .3, 2, plenty}, // nobody speaks yet
		{1, 1, .7, 2, 2},      // room for one like it, and no second
		{1, 1, .3, 2, 6},
		{4, 2, .6, 16, 4 + 46}, // two of four do nothing
		{2, 2, 1.5, 2, 3},      // not full: one more
		{3, 3, 1.8, 2, 3},      // full
		{3, 3, 5, 2, 3},
	} {
		if got := cpuPlaces(c.there, c.live, c.used, c.cpus); got != c.want {
			t.Errorf("%d sessions, %d live, %.1f of %.0f CPUs: %d, want %d", c.there, c.live, c.used, c.cpus, got, c.want)
		}
	}
}

// TestPlacesAreThoseOfTheScarcest: a net that carries fewer bounds them; it never shuts all out.
func TestPlacesAreThoseOfTheScarcest(t *testing.T) {
	net := 3
	p := newPlaces(func(fps float64) int { return net * 30 / int(fps) })
	defer p.Close()
	if got := p.now(0, 0); got != 3 {
		t.Errorf("a net for 3: %d", got)
	}
	net = 0
	if got := p.now(0, 0); got != 1 {
		t.Errorf("a net for none: %d", got)
	}
}
