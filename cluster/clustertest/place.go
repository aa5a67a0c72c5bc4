package clustertest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"livedub/cluster"
)

func chooses(t *testing.T, start Start) {
	with := func(n cluster.Node, f func(*cluster.Node)) cluster.Node { f(&n); return n }
	warming := with(node("c", 9), func(n *cluster.Node) { n.State = cluster.Warming })
	draining := with(node("d", 9), func(n *cluster.Node) { n.State = cluster.Draining })
	unknown := with(node("e", 9), func(n *cluster.Node) { n.Holds = 1 })
	for _, tt := range []struct {
		name   string
		policy cluster.Policy
		nodes  []cluster.Node
		costs  []float64
		want   []string // "" where none has room
	}{
		{"spread", cluster.Spread, []cluster.Node{node("a", 2), node("b", 3)}, []float64{1, 1, 1, 1, 1, 1}, []string{"b", "b", "a", "b", "a", ""}},
		{"pack", cluster.Pack, []cluster.Node{node("a", 2), node("b", 3)}, []float64{1, 1, 1, 1, 1, 1}, []string{"a", "a", "b", "b", "b", ""}},
		{"pack what is dear", cluster.Pack, []cluster.Node{node("a", 1.5), node("b", 3)}, []float64{2.25, 1, .5, .5, .5}, []string{"b", "a", "a", "b", ""}},
		{"warming, draining, unknown", cluster.Spread, []cluster.Node{node("a", 1), warming, draining, unknown}, []float64{1, .001}, []string{"a", ""}},
		{"no nodes", cluster.Spread, nil, []float64{1}, []string{""}},
		{"no capacity", cluster.Spread, []cluster.Node{node("a", 0)}, []float64{.001}, []string{""}},
		{"the last thousandth", cluster.Spread, []cluster.Node{node("a", 1)}, []float64{.7, .3, .001}, []string{"a", "a", ""}},
		{"idle GPU", cluster.Spread, []cluster.Node{
			with(node("a", 2), func(n *cluster.Node) { n.GPU = .2; n.Memory = .3 }),
			with(node("b", 2), func(n *cluster.Node) { n.GPU = .1; n.Memory = .9 }),
			with(node("c", 1), func(n *cluster.Node) {}),
		}, []float64{1, 1}, []string{"a", "b"}},
		{"idle GPU, packed", cluster.Pack, []cluster.Node{
			with(node("a", 2), func(n *cluster.Node) { n.GPU = .2; n.Memory = .3 }),
			with(node("b", 2), func(n *cluster.Node) { n.GPU = .1; n.Memory = .9 }),
			with(node("c", 3), func(n *cluster.Node) {}),
		}, []float64{1, 1}, []string{"a", "a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := open(t, start(t, cluster.Rules{Policy: tt.policy}))
			m.beat(tt.nodes...)
			for i, cost := range tt.costs {
				c, err := m.Place(t.Context(), cluster.Ask{Session: sid(i), Cost: cost})
				if tt.want[i] == "" {
					wants(t, sid(i), err, cluster.ErrFull)
				} else if err != nil || c.Node != tt.want[i] || c.Addr != "http://"+c.Node+":8080" || c.Boot != c.Node+"-1" || c.Cost != cost || c.Lost {
					t.Errorf("%s: %+v, %v, want node %s", sid(i), c, err, tt.want[i])
				}
			}
		})
	}
}

// choosesAsStated: in clusters drawn at random the registry and cluster.Choose agree.
func choosesAsStated(t *testing.T, start Start) {
	rnd := rand.New(rand.NewPCG(14, 45))
	for _, policy := range []cluster.Policy{cluster.Spread, cluster.Pack} {
		m := open(t, start(t, cluster.Rules{Policy: policy}))
		for range 12 {
			for i := range 20 {
				n := node(fmt.Sprintf("n%02d", i), float64(rnd.IntN(8))/2)
				n.State = []cluster.State{cluster.Serving, cluster.Serving, cluster.Serving, cluster.Draining, cluster.Warming}[rnd.IntN(5)]
				n.GPU, n.Memory = float64(rnd.IntN(4))/4, float64(rnd.IntN(4))/4
				m.beat(n)
			}
			for range 5 {
				session, cost := fmt.Sprintf("s%d", rnd.IntN(1<<30)), float64(1+rnd.IntN(5))/2
				list, err := m.Nodes(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				want, room := cluster.Choose(policy, list, cost, "")
				c, err := m.Place(t.Context(), cluster.Ask{Session: session, Cost: cost})
				if room != (err == nil) || c.Node != want.ID || err != nil && !errors.Is(err, cluster.ErrFull) {
					t.Fatalf("%s %v: %+v, %v, want %+v of %+v", policy, cost, c, err, want, list)
				}
			}
		}
	}
}

// races: 64 callers race for places at nodes of which one is dead and one drains.
func races(t *testing.T, start Start) {
	const callers, rounds = 64, 5
	g := start(t, cluster.Rules{})
	m := open(t, g)
	var members []member
	for range 4 {
		members = append(members, open(t, g))
	}
	draining := node("draining", 50)
	draining.State = cluster.Draining
	alive := []cluster.Node{node("a", 7), node("b", 11.5), node("c", 3), draining}
	m.beat(node("dead", 50))
	m.tick(g, 6*time.Second, alive...)
	fences := map[cluster.Fence]bool{}
	for round := range rounds {
		cost := func(i int) float64 { return []float64{1, .5, 2.25}[(i+round)%3] }
		got := all(callers, func(i int) result {
			return placed(t.Context(), members[i%len(members)], fmt.Sprintf("r%d-%d", round, i), cost(i))
		})
		used, won := map[string]float64{}, 0
		for i, r := range got {
			if r.err != nil {
				wants(t, "the late", r.err, cluster.ErrFull)
				continue
			}
			won++
			used[r.Node] += cost(i)
			if fences[r.Fence] {
				t.Errorf("fence %d was given twice", r.Fence)
			}
			fences[r.Fence] = true
		}
		if used["a"] > 7 || used["b"] > 11.5 || used["c"] > 3 || used["dead"] > 0 || used["draining"] > 0 {
			t.Fatalf("round %d: over capacity: %v", round, used)
		}
		// What is left would not have sufficed for the cheapest.
		if used["a"] < 6.5 || used["b"] < 11 || used["c"] < 2.5 {
			t.Errorf("round %d: places left empty: %v, %d sessions", round, used, won)
		}
		for i, r := range got {
			if r.err == nil {
				if err := members[(i+1)%len(members)].Release(t.Context(), r.Session, r.Fence); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, n := range alive {
			if s := m.status(n.ID); s.Used != 0 || s.Claims != 0 {
				t.Fatalf("round %d: all is released, and %s has %d sessions, %v", round, n.ID, s.Claims, s.Used)
			}
		}
	}
}

// lies: a node's claims about itself are looked at before they are believed.
func lies(t *testing.T, start Start) {
	m := open(t, start(t, cluster.Rules{}))
	for _, n := range Liars() {
		if _, err := m.Beat(t.Context(), n); !errors.Is(err, cluster.ErrNode) {
			t.Errorf("%+v: %v, want %v", n, err, cluster.ErrNode)
		}
	}
	if _, err := m.Place(t.Context(), cluster.Ask{Session: "s", Cost: 1}); !errors.Is(err, cluster.ErrFull) {
		t.Errorf("a liar was taken in: %v", err)
	}
	// One that is known and begins to lie keeps what it last was believed.
	m.beat(node("a", 1))
	for _, n := range Liars() {
		n.ID, n.Boot = "a", "a-1"
		if n.Check() == nil {
			continue // its name was the lie
		}
		if _, err := m.Beat(t.Context(), n); err == nil {
			t.Errorf("%+v was believed", n)
		}
	}
	if s := m.status("a"); s.Capacity != 1 {
		t.Errorf("the capacity is %v", s.Capacity)
	}
	m.beat(node("zz", 50))
	for _, a := range []cluster.Ask{{Session: "s", Cost: 0}, {Session: "s", Cost: -1}, {Session: "s", Cost: nan()}, {Session: "s", Cost: 1e300},
		{Session: "", Cost: 1}, {Session: "a}b", Cost: 1}, {Session: "a:b", Cost: 1}, {Session: "a b", Cost: 1}} {
		_, err := m.Place(t.Context(), a)
		wants(t, fmt.Sprintf("place %+v", a), err, cluster.ErrAsk)
		_, err = m.Move(t.Context(), a, 1)
		wants(t, fmt.Sprintf("move %+v", a), err, cluster.ErrAsk)
	}
}

// refusing: a node that has refused a session, whatever room it tells of, is given
// nothing more until it beats again.
func refusing(t *testing.T, start Start) {
	for _, policy := range []cluster.Policy{cluster.Spread, cluster.Pack} {
		m := open(t, start(t, cluster.Rules{Policy: policy}))
		liar, honest := node("liar", 100), node("honest", 200)
		if policy == cluster.Spread {
			honest = node("honest", 3)
		}
		m.beat(liar, honest)
		c := m.place("s", 1)
		if c.Node != "liar" {
			t.Fatalf("%s: %+v", policy, c)
		}
		m.hold(m.place("held", 1))
		old := c.Fence
		c, err := m.Move(t.Context(), cluster.Ask{Session: "s", Cost: 1, Refused: true}, old)
		if err != nil || c.Node != "honest" {
			t.Fatalf("%s: %+v, %v", policy, c, err)
		}
		if s := m.status("liar"); !s.Refuse || s.Takes() || s.Claims != 1 {
			t.Errorf("%s: %+v", policy, s)
		}
		// Others' coming and going there does not change it.
		if err := m.Release(t.Context(), "held", m.find("held").Fence); err != nil {
			t.Fatal(err)
		}
		if next := m.place("next", 1); next.Node != "honest" {
			t.Errorf("%s: placed at %s", policy, next.Node)
		}
		// Who shows an old fence has asked another.
		if _, err := m.Move(t.Context(), cluster.Ask{Session: "s", Cost: 1, Refused: true}, old); !errors.Is(err, cluster.ErrStale) {
			t.Errorf("%s: %v", policy, err)
		}
		if s := m.status("honest"); s.Refuse {
			t.Errorf("%s: %+v", policy, s)
		}
		// Where nobody else has room, it stays refused as well.
		m.beat(liar)
		if c = m.place("again", 1); c.Node != "liar" {
			t.Errorf("%s: after its heartbeat: %+v", policy, c)
		}
		_, err = m.Move(t.Context(), cluster.Ask{Session: "again", Cost: 99.5, Refused: true}, c.Fence)
		if policy == cluster.Spread {
			wants(t, "full", err, cluster.ErrFull)
			if s := m.status("liar"); !s.Refuse {
				t.Errorf("%+v", s)
			}
		}
		m.beat(liar)
		if s := m.status("liar"); s.Refuse || !s.Takes() {
			t.Errorf("%s: %+v", policy, s)
		}
	}
}
