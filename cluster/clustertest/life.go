package clustertest

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"livedub/cluster"
)

// oneName: a name is one process's until it leaves or is dead.
func oneName(t *testing.T, start Start) {
	g := start(t, cluster.Rules{})
	m, n := open(t, g), open(t, g)
	first, second := node("a", 1), node("a", 1)
	second.Boot = "a-2"
	m.beat(first)
	_, err := n.Beat(t.Context(), second)
	wants(t, "another process", err, cluster.ErrTaken)
	if err := n.Leave(t.Context(), "a", "a-2"); err != nil {
		t.Error(err)
	}
	m.beat(first) // it was not the other's to take out
	if err := m.Leave(t.Context(), "a", "a-1"); err != nil {
		t.Fatal(err)
	}
	n.beat(second)
	_, err = m.Beat(t.Context(), first)
	wants(t, "the predecessor", err, cluster.ErrTaken)
	n.tick(g, 3*time.Second, second)
	g.Advance(6 * time.Second)
	m.beat(first)
}

// successor: a node that crashed and is there again under its name has none of its sessions, and may get them.
func successor(t *testing.T, start Start) {
	g := start(t, cluster.Rules{})
	m := open(t, g)
	m.beat(node("a", 1))
	c := m.place("s", 1)
	m.hold(c)
	again := node("a", 1)
	again.Boot = "a-2"
	g.Advance(5 * time.Second)
	m.beat(again)
	if f := m.find("s"); !f.Lost || f.Boot != "a-1" {
		t.Fatalf("%+v", f)
	}
	wants(t, "hold by the crashed", m.Hold(t.Context(), c), cluster.ErrNode)
	c.Boot = "a-2"
	wants(t, "hold by the successor", m.Hold(t.Context(), c), cluster.ErrStale)
	moved, err := m.Move(t.Context(), cluster.Ask{Session: "s", Cost: 1}, c.Fence)
	if err != nil || moved.Node != "a" || moved.Boot != "a-2" || moved.Lost {
		t.Fatalf("%+v, %v", moved, err)
	}
	m.hold(moved)
	if s := m.status("a"); s.Claims != 1 || s.Used != 1 {
		t.Errorf("%+v", s)
	}
}

// endsOnce: a session that has ended stays so, whatever its node thinks.
func endsOnce(t *testing.T, start Start) {
	g := start(t, cluster.Rules{})
	m := open(t, g)
	a := node("a", 1)
	m.beat(a)
	_, err := m.Find(t.Context(), "s")
	wants(t, "find", err, cluster.ErrUnknown)
	_, err = m.Find(t.Context(), "}{ no name")
	wants(t, "find", err, cluster.ErrUnknown)
	_, err = m.Move(t.Context(), cluster.Ask{Session: "s", Cost: 1}, 1)
	wants(t, "move", err, cluster.ErrUnknown)
	if err := m.Release(t.Context(), "s", 1); err != nil {
		t.Errorf("release of nothing: %v", err)
	}
	c := m.place("s", 1)
	if _, err := m.Place(t.Context(), cluster.Ask{Session: "s", Cost: 1}); !errors.Is(err, cluster.ErrClaimed) {
		t.Errorf("placed twice: %v", err)
	}
	for range 2 {
		if err := m.Release(t.Context(), "s", c.Fence); err != nil {
			t.Errorf("release: %v", err)
		}
	}
	wants(t, "hold of what has ended", m.Hold(t.Context(), c), cluster.ErrStale)
	_, err = m.Find(t.Context(), "s")
	wants(t, "find", err, cluster.ErrUnknown)
	// Placed again shortly before the end would be forgotten, it stays.
	g.Advance(time.Hour - time.Second)
	m.beat(a)
	again := m.place("s", 1)
	g.Advance(2 * time.Second)
	if f := m.find("s"); f != again {
		t.Errorf("%+v, want %+v", f, again)
	}
	if again.Fence <= c.Fence {
		t.Errorf("fence %d after %d", again.Fence, c.Fence)
	}
	wants(t, "hold of the first", m.Hold(t.Context(), c), cluster.ErrStale)
	m.hold(again)
	if s := m.status("a"); s.Claims != 1 || s.Used != 1 {
		t.Errorf("%+v", s)
	}
}

func lists(t *testing.T, start Start) {
	g := start(t, cluster.Rules{})
	m := open(t, g)
	if list, err := m.Nodes(t.Context()); err != nil || len(list) != 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	b := node("b", 2.5)
	b.GPU, b.Memory = .25, .5
	m.beat(b)
	m.place("s", 1.25)
	m.tick(g, 6*time.Second, node("a", 1))
	list, err := m.Nodes(t.Context())
	if err != nil || len(list) != 2 || list[0].ID != "a" || list[1].ID != "b" {
		t.Fatalf("%+v, %v", list, err)
	}
	x := list[1]
	if x.Node != b || x.Claims != 1 || x.Used != 1.25 || !x.Dead || x.Age < 6*time.Second || x.Age > 9*time.Second || list[0].Dead {
		t.Errorf("%+v", list)
	}
}

func checkpoints(t *testing.T, start Start) {
	g := start(t, cluster.Rules{})
	m := open(t, g)
	fence := m.given("s")
	check := func(want ...string) {
		t.Helper()
		parts, f, err := m.Load(t.Context(), "s")
		if err != nil || f != fence || string(bytes.Join(parts, []byte("|"))) != join(want) {
			t.Fatalf("%.100q, %d, %v, want %.100q", parts, f, err, want)
		}
	}
	_, _, err := m.Load(t.Context(), "s")
	wants(t, "load", err, cluster.ErrUnknown)
	_, _, err = m.Load(t.Context(), "}")
	wants(t, "load", err, cluster.ErrUnknown)
	wants(t, "append", m.Append(t.Context(), "{s", fence, nil), cluster.ErrAsk)
	for _, part := range []string{"one", "\x00\xff two"} {
		if err := m.Append(t.Context(), "s", fence, []byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	check("one", "\x00\xff two")
	big := bytes.Repeat([]byte("x"), cluster.MaxCheckpoint)
	wants(t, "append", m.Append(t.Context(), "s", fence, big[8:]), cluster.ErrTooBig)
	wants(t, "replace", m.Replace(t.Context(), "s", fence, append(big, 'x')), cluster.ErrTooBig)
	check("one", "\x00\xff two")
	if err := m.Replace(t.Context(), "s", fence, big); err != nil {
		t.Fatal(err)
	}
	check(string(big))
	wants(t, "append", m.Append(t.Context(), "s", fence, []byte("x")), cluster.ErrTooBig)
	if err := m.Replace(t.Context(), "s", fence, []byte("short")); err != nil {
		t.Fatal(err)
	}
	check("short")
	g.Advance(2 * time.Hour)
	_, _, err = m.Load(t.Context(), "s")
	wants(t, "after two hours", err, cluster.ErrUnknown)
}

func join(parts []string) string {
	var b []byte
	for i, p := range parts {
		if i > 0 {
			b = append(b, '|')
		}
		b = append(b, p...)
	}
	return string(b)
}

// checkpointFences: who has been fenced writes nothing more, nor does anybody after Erase.
func checkpointFences(t *testing.T, start Start) {
	g := start(t, cluster.Rules{})
	m := open(t, g)
	old := m.given("s")
	now := m.given("s")
	for _, f := range []cluster.Fence{old, now} {
		if err := m.Append(t.Context(), "s", f, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []cluster.Fence{old, 0, -1, 1 << 53, 1<<63 - 1} {
		wants(t, "append", m.Append(t.Context(), "s", f, []byte("x")), cluster.ErrStale)
		wants(t, "replace", m.Replace(t.Context(), "s", f, []byte("x")), cluster.ErrStale)
	}
	if parts, f, err := m.Load(t.Context(), "s"); err != nil || len(parts) != 2 || f != now {
		t.Errorf("%q, %d, %v", parts, f, err)
	}
	if err := m.Erase(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	wants(t, "append after the end", m.Append(t.Context(), "s", now, []byte("x")), cluster.ErrStale)
	_, _, err := m.Load(t.Context(), "s")
	wants(t, "load", err, cluster.ErrUnknown)
}
