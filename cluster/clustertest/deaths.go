package clustertest

import (
	"testing"
	"time"

	"livedub/cluster"
)

// deathsOnce: whoever finds a node dead, one of those who ask hears of it. A node that
// leaves has not died; one that was killed and is started anew under its name has.
func deathsOnce(t *testing.T, start Start) {
	g := start(t, cluster.Rules{})
	m := open(t, g)
	asked := func(want int, when string) {
		t.Helper()
		sum := 0
		for _, n := range all(8, func(int) int {
			n, err := m.Deaths(t.Context())
			if err != nil {
				t.Error(err)
			}
			return n
		}) {
			sum += n
		}
		if sum != want {
			t.Errorf("%s: told of %d deaths, want %d", when, sum, want)
		}
	}
	asked(0, "of nobody")
	live := node("live", 5)
	m.beat(live, node("a", 5), node("b", 5), node("c", 5), node("d", 5))
	m.hold(m.place("s", 1))
	if err := m.Leave(t.Context(), "d", "d-1"); err != nil {
		t.Fatal(err)
	}
	m.tick(g, 6*time.Second, live)
	asked(0, "before anybody looked")
	again := node("c", 5)
	again.Boot = "c-2"
	m.beat(again) // it takes the place of the dead one, which nobody reaps
	all(8, func(int) error { _, err := m.Reap(t.Context()); return err })
	asked(3, "when they were found")
	asked(0, "a second time")
	m.pass(g, 7*time.Second, live)
	m.pass(g, time.Second, live)
	g.Advance(2 * time.Hour) // nobody asks for longer than that is remembered
	asked(0, "of one long ago")
}
