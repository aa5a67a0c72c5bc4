package clustertest

import (
	"errors"
	"testing"
	"time"

	"livedub/cluster"
)

// oneMoves: of many who see a node's death one moves the session, with a higher fence.
func oneMoves(t *testing.T, start Start) {
	g := start(t, cluster.Rules{})
	m := open(t, g)
	m.beat(node("z", 2))
	before := m.place("s", 1)
	m.hold(before)
	b, c := node("b", 1), node("c", 1)
	m.tick(g, 4*time.Second, b, c)
	if c := m.find("s"); c.Lost || c.Node != "z" {
		t.Fatalf("after 4 s without a heartbeat: %+v", c)
	}
	m.tick(g, 2*time.Second, b, c)
	if c := m.find("s"); !c.Lost || c.Fence != before.Fence {
		t.Fatalf("after 6 s without a heartbeat: %+v", c)
	}
	if _, err := m.Place(t.Context(), cluster.Ask{Session: "s", Cost: 1}); !errors.Is(err, cluster.ErrClaimed) {
		t.Errorf("a claim that is lost is still one, to be moved: %v", err)
	}
	got := all(16, func(int) result {
		c, err := m.Move(t.Context(), cluster.Ask{Session: "s", Cost: 1}, before.Fence)
		return result{c, err}
	})
	now := m.find("s")
	won := 0
	for _, r := range got {
		if r.err == nil {
			won++
		} else {
			wants(t, "a loser", r.err, cluster.ErrStale)
		}
		if r.Claim != now {
			t.Errorf("told %+v, it is %+v", r.Claim, now)
		}
	}
	was := cluster.Holder{Node: before.Node, Boot: before.Boot, Addr: before.Addr}
	if won != 1 || now.Fence <= before.Fence || now.Lost || now.Node != "b" && now.Node != "c" || now.Before != was || before.Before != (cluster.Holder{}) {
		t.Errorf("%d moved it: %+v, before %+v", won, now, before)
	}
	for _, id := range []string{"b", "c"} {
		if s := m.status(id); s.Claims != map[bool]int{true: 1}[id == now.Node] {
			t.Errorf("%s has %d sessions", id, s.Claims)
		}
	}
	// No place: the claim stays as it is.
	if _, err := m.Move(t.Context(), cluster.Ask{Session: "s", Cost: 3}, now.Fence); !errors.Is(err, cluster.ErrFull) {
		t.Errorf("moved to a full cluster: %v", err)
	}
	if c := m.find("s"); c != now {
		t.Errorf("%+v, want %+v", c, now)
	}
	if s := m.status(now.Node); s.Claims != 1 || s.Used != 1 {
		t.Errorf("%+v", s)
	}
}

// goesBack: a node that moved a session away, and has gone on carrying it, can have it
// back from one that did not take it, also when it takes nothing more.
func goesBack(t *testing.T, start Start) {
	g := start(t, cluster.Rules{})
	m := open(t, g)
	a, b := node("a", 1), node("b", 1)
	m.beat(a)
	first := m.place("s", 1)
	m.hold(first)
	a.State = cluster.Draining
	m.beat(a)
	m.beat(b)
	ask := cluster.Ask{Session: "s", Cost: 1}
	gone, err := m.Move(t.Context(), ask, first.Fence)
	if err != nil || gone.Node != "b" {
		t.Fatalf("%+v, %v", gone, err)
	}
	ask.To = cluster.Holder{Node: "a", Boot: "another"}
	_, err = m.Move(t.Context(), ask, gone.Fence)
	wants(t, "back to another run", err, cluster.ErrNode)
	ask.To.Boot = a.Boot
	_, err = m.Move(t.Context(), ask, first.Fence)
	wants(t, "back by an old fence", err, cluster.ErrStale)
	for range 2 { // the second time it is there already
		back, err := m.Move(t.Context(), ask, gone.Fence)
		if err != nil || back.Node != "a" || back.Boot != a.Boot || back.Addr != a.Addr || back.Fence <= gone.Fence {
			t.Fatalf("%+v, %v", back, err)
		}
		m.hold(back)
		gone = back
		if a, b := m.status("a"), m.status("b"); a.Claims != 1 || a.Used != 1 || b.Claims != 0 || b.Used != 0 {
			t.Errorf("a: %+v, b: %+v", a, b)
		}
	}
}

// fullMove: a session that can go nowhere stays, and so does its node.
func fullMove(t *testing.T, start Start) {
	g := start(t, cluster.Rules{})
	m := open(t, g)
	m.beat(node("a", 2))
	c := m.place("s", 1)
	_, err := m.Move(t.Context(), cluster.Ask{Session: "s", Cost: 1}, c.Fence)
	wants(t, "move", err, cluster.ErrFull)
	if f := m.find("s"); f != c {
		t.Errorf("%+v, want %+v", f, c)
	}
	m.place("t", 1)
	if s := m.status("a"); s.Claims != 2 || s.Used != 2 {
		t.Errorf("%+v", s)
	}
}

// stoppedNode: a node that was stopped for 10 s comes back and is told that its session went on elsewhere.
func stoppedNode(t *testing.T, start Start) {
	g := start(t, cluster.Rules{})
	m := open(t, g)
	a, b := node("z", 2), node("b", 2)
	m.beat(a, b)
	old := m.place("s", 1)
	m.hold(old)
	m.tick(g, 10*time.Second, b)
	moved, err := m.Move(t.Context(), cluster.Ask{Session: "s", Cost: 1}, old.Fence)
	if err != nil || moved.Node != "b" {
		t.Fatalf("%+v, %v", moved, err)
	}
	wants(t, "hold before a heartbeat", m.Hold(t.Context(), old), cluster.ErrStale)
	m.beat(a)
	wants(t, "hold", m.Hold(t.Context(), old), cluster.ErrStale)
	wants(t, "release", m.Release(t.Context(), "s", old.Fence), cluster.ErrStale)
	if _, err := m.Move(t.Context(), cluster.Ask{Session: "s", Cost: 1}, old.Fence); !errors.Is(err, cluster.ErrStale) {
		t.Errorf("move by an old fence: %v", err)
	}
	m.hold(moved)
	if s := m.status("z"); s.Claims != 0 || s.Used != 0 || s.Dead {
		t.Errorf("%+v", s)
	}
}

// returningNode: one that was cut off, and whose sessions nobody moved, has them still.
func returningNode(t *testing.T, start Start) {
	g := start(t, cluster.Rules{})
	m := open(t, g)
	a, b := node("z", 2), node("b", 2)
	m.beat(a, b)
	c := m.place("s", 1)
	m.hold(c)
	if lost := m.pass(g, 20*time.Second, b); len(lost) != 1 || lost[0].Session != "s" || lost[0].Fence != c.Fence || !lost[0].Lost {
		t.Fatalf("reaped %+v", lost)
	}
	if s := m.status("z"); s.ID != "" {
		t.Errorf("a dead node is still listed: %+v", s)
	}
	if f := m.find("s"); !f.Lost || f.Fence != c.Fence || f.Node != "z" || f.Addr != a.Addr {
		t.Errorf("%+v", f) // whoever finds it can still ask the node
	}
	wants(t, "hold by a node that is not in", m.Hold(t.Context(), c), cluster.ErrNode)
	a.Holds = 1
	if p := m.beat(a); p.Claims != 0 {
		t.Errorf("%+v", p)
	}
	// It is given nothing while the registry knows less than it holds.
	if got := m.place("other", 1); got.Node != "b" {
		t.Errorf("placed at %s", got.Node)
	}
	m.hold(c)
	if p := m.beat(a); p.Claims != 1 || p.Used != 1 {
		t.Errorf("%+v", p)
	}
	if f := m.find("s"); f.Lost || f.Addr != a.Addr {
		t.Errorf("%+v", f)
	}
	g.Advance(2 * time.Hour) // it is held, and not remembered for a while only
	m.beat(a, b)
	if f := m.find("s"); f.Lost || f.Fence != c.Fence {
		t.Errorf("two hours later: %+v", f)
	}
	m.hold(c)
}

// reapsOnce: each lost claim is told to one of those who reap.
func reapsOnce(t *testing.T, start Start) {
	g := start(t, cluster.Rules{})
	m := open(t, g)
	m.beat(node("dead", 5))
	for i := range 5 {
		m.hold(m.place(sid(i), 1))
	}
	m.tick(g, 6*time.Second, node("b", 1))
	told := map[string]int{}
	for _, lost := range all(8, func(int) []cluster.Claim { l, _ := m.Reap(t.Context()); return l }) {
		for _, c := range lost {
			told[c.Session]++
		}
	}
	for i := range 5 {
		if told[sid(i)] != 1 {
			t.Errorf("told of %s %d times", sid(i), told[sid(i)])
		}
	}
	// They are forgotten in the end.
	m.pass(g, 5*time.Second, node("b", 1))
	g.Advance(2 * time.Hour)
	_, err := m.Find(t.Context(), sid(0))
	wants(t, "after two hours", err, cluster.ErrUnknown)
}

// silence: after an outage of the registry itself nobody is dead until it has listened long enough.
func silence(t *testing.T, start Start) {
	g := start(t, cluster.Rules{})
	m := open(t, g)
	a, b := node("a", 1), node("b", 1)
	m.beat(a, b)
	c := m.place("s", 1)
	m.hold(c)
	g.Advance(10 * time.Minute)
	other := map[string]cluster.Node{"a": b, "b": a}[c.Node]
	for i := range 5 {
		if f := m.find("s"); f.Lost {
			t.Fatalf("%d s after the outage: %+v", i, f)
		}
		if lost := m.pass(g, time.Second, other); len(lost) > 0 {
			t.Fatalf("%d s after the outage: reaped %+v", i, lost)
		}
	}
	if lost := m.pass(g, 2*time.Second, other); len(lost) != 1 || !m.find("s").Lost {
		t.Errorf("a node that does not come back is never dead: %+v", lost)
	}
	// Nobody was given a place meanwhile at a node not heard of.
	g.Advance(10 * time.Minute)
	if _, err := m.Place(t.Context(), cluster.Ask{Session: "t", Cost: 1}); !errors.Is(err, cluster.ErrFull) {
		t.Errorf("placed at a silent node: %v", err)
	}
	m.beat(other)
	m.place("t", 1)
}

// unconfirmed: a claim whose node never opened the session ends, and its place is free.
func unconfirmed(t *testing.T, start Start) {
	g := start(t, cluster.Rules{})
	m := open(t, g)
	a := node("a", 2)
	m.beat(a)
	m.place("never", 1)
	kept := m.place("kept", 1)
	m.hold(kept)
	m.pass(g, 14*time.Second, a)
	if m.find("never").Lost {
		t.Error("lost")
	}
	m.pass(g, 2*time.Second, a)
	_, err := m.Find(t.Context(), "never")
	wants(t, "unconfirmed for 16 s", err, cluster.ErrUnknown)
	if s := m.status("a"); s.Claims != 1 || s.Used != 1 {
		t.Errorf("%+v", s)
	}
	m.hold(kept)
	m.place("next", 1)
}

// enteredAgain: what a registry does not know at all, its node enters.
func enteredAgain(t *testing.T, start Start) {
	g := start(t, cluster.Rules{})
	m := open(t, g)
	a := node("a", 3)
	a.Holds = 1
	m.beat(a)
	first := m.given("probe")
	lost := cluster.Claim{Session: "s", Node: "a", Boot: "a-1", Fence: first, Cost: 2}
	m.hold(lost)
	m.hold(lost)
	if p := m.beat(a); p.Claims != 1 || p.Used != 2 {
		t.Errorf("%+v", p)
	}
	if c := m.find("s"); c.Fence != first || c.Node != "a" || c.Cost != 2 {
		t.Errorf("%+v", c)
	}
	if c := m.place("next", 1); c.Fence <= first {
		t.Errorf("fence %d after %d", c.Fence, first)
	}
}

// given returns a fence that was really given: that of a session placed and released at a node of its own.
func (m member) given(session string) cluster.Fence {
	m.t.Helper()
	m.beat(node("helper", 1))
	c := m.place(session, 1)
	if err := m.Release(m.t.Context(), session, c.Fence); err != nil {
		m.t.Fatal(err)
	}
	if err := m.Leave(m.t.Context(), "helper", "helper-1"); err != nil {
		m.t.Fatal(err)
	}
	return c.Fence
}

// forged: only the fence that was given opens anything.
func forged(t *testing.T, start Start) {
	g := start(t, cluster.Rules{})
	m := open(t, g)
	m.beat(node("a", 1))
	c := m.place("s", 1)
	m.hold(c)
	m.beat(node("b", 1))
	for _, f := range []cluster.Fence{0, -1, 1, c.Fence - 1, c.Fence + 1, 1 << 53, 1<<63 - 1} {
		_, err := m.Move(t.Context(), cluster.Ask{Session: "s", Cost: 1}, f)
		wants(t, "move", err, cluster.ErrStale)
		wants(t, "release", m.Release(t.Context(), "s", f), cluster.ErrStale)
		thief := cluster.Claim{Session: "s", Node: "b", Boot: "b-1", Fence: f, Cost: 1}
		wants(t, "hold", m.Hold(t.Context(), thief), cluster.ErrStale)
	}
	thief := c
	thief.Node, thief.Boot = "b", "b-1"
	wants(t, "hold by another node", m.Hold(t.Context(), thief), cluster.ErrStale)
	for _, f := range []cluster.Fence{0, -1, 1 << 53, 1<<63 - 1} { // never given to anybody
		never := cluster.Claim{Session: "new", Node: "b", Boot: "b-1", Fence: f, Cost: 1}
		wants(t, "hold what nobody was given", m.Hold(t.Context(), never), cluster.ErrStale)
	}
	stranger := cluster.Claim{Session: "s", Node: "x", Boot: "x-1", Fence: c.Fence, Cost: 1}
	wants(t, "hold by nobody", m.Hold(t.Context(), stranger), cluster.ErrNode)
	if now := m.find("s"); now != c {
		t.Errorf("%+v, want %+v", now, c)
	}
	m.hold(c)
}
