package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"livedub/internal/testkit/redistest"
	"livedub/internal/testkit/testspeaker"
)

// crossed is a cluster of nodes with sessions that are spoken and watched.
type crossed struct {
	t     *testing.T
	r     *redistest.Server
	g     *server
	nodes map[string]*server
	calls []*crosser
}

// newCrossed starts as many nodes and sessions, which are seen when it returns.
func newCrossed(t *testing.T, nodes, sessions int, length time.Duration) *crossed {
	t.Helper()
	c := &crossed{t: t, r: redistest.Start(t), nodes: map[string]*server{}}
	for i := range nodes {
		c.start(fmt.Sprintf("node-%d", i))
	}
	c.g = startGateway(t, c.r)
	src := record(t, testspeaker.Config{Width: 320, Height: 180}, length)
	for range sessions {
		c.calls = append(c.calls, cross(t, c.g, createLate(t, c.g, crossDelay), src.cut(0, all)))
	}
	for _, call := range c.calls {
		until(t, "the dub is seen", func() bool { n, _ := call.legs[0].came(); return n > 90 })
	}
	return c
}

func (c *crossed) start(id string) { c.nodes[id] = node(c.t, c.r, id, "--drain", "2m") }

// drain ends a node by SIGTERM and waits until it has left.
func (c *crossed) drain(id string) {
	c.t.Helper()
	old := c.nodes[id]
	began := time.Now()
	if err := old.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Fatal(err)
	}
	until(c.t, id+" has left", func() bool { return strings.Contains(old.printed(), "msg=done") })
	c.t.Logf("%s left after %v", id, time.Since(began).Round(time.Millisecond))
	old.ended(c.t)
}

// TestDrainMovesSessions ends a node by SIGTERM while a session is spoken and watched in
// it: all go over to the other node, and every phrase is heard once.
func TestDrainMovesSessions(t *testing.T) {
	c := newCrossed(t, 2, 1, 40*time.Second)
	c.drain(busiest(t, c.g))
	until(t, "the session has moved", func() bool { return c.calls[0].moved() == 1 })
	time.Sleep(10 * time.Second)
	c.calls[0].check()
}

// TestRollingRestart ends three nodes under load, one after the other, and starts each
// again: no phrase is lost, and none heard twice.
func TestRollingRestart(t *testing.T) {
	c := newCrossed(t, 3, 3, 80*time.Second)
	for _, id := range []string{"node-0", "node-1", "node-2"} {
		c.drain(id)
		c.start(id)
	}
	time.Sleep(8 * time.Second)
	moves := 0
	for _, call := range c.calls {
		call.check()
		moves += call.moved()
	}
	if moves < 3 {
		t.Errorf("%d moves: each node had a session", moves)
	}
}

// TestDrainWithoutAPlace: where no other node takes a session, or nobody can be asked,
// it stays where it is, and nobody is told to go.
func TestDrainWithoutAPlace(t *testing.T) {
	for name, spoil := range map[string]func(*crossed){
		"alone":         func(*crossed) {},
		"without Redis": func(c *crossed) { c.start("other"); c.r.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrossed(t, 1, 1, 40*time.Second)
			spoil(c)
			old := c.nodes["node-0"]
			if err := old.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			until(t, "the node tries", func() bool { return strings.Contains(old.printed(), "the session stays here for now") })
			time.Sleep(8 * time.Second)
			if n := c.calls[0].moved(); n > 0 {
				t.Errorf("%d moves", n)
			}
			c.calls[0].check()
			_ = c.calls[0].speaker.Close()
			_ = c.calls[0].legs[0].pc.Close()
			until(t, "the node has left", func() bool { return strings.Contains(old.printed(), "msg=done") })
		})
	}
}

// TestDrainToANodeThatDies: the node that a session is moved to is killed before it is
// ready. The session goes on where it is and moves to the next.
func TestDrainToANodeThatDies(t *testing.T) {
	c := newCrossed(t, 1, 1, 60*time.Second)
	c.start("dies")
	dies := c.nodes["dies"]
	if err := dies.cmd.Process.Signal(syscall.SIGSTOP); err != nil { // it answers nothing
		t.Fatal(err)
	}
	old := c.nodes["node-0"]
	if err := old.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "it is not taken", func() bool { return strings.Contains(old.printed(), "the session was not taken") })
	dies.kill(t)
	time.Sleep(time.Second)
	if n := c.calls[0].moved(); n > 0 {
		t.Fatalf("%d moves", n)
	}
	c.start("lives")
	until(t, "the session has moved", func() bool { return c.calls[0].moved() == 1 })
	until(t, "the node has left", func() bool { return strings.Contains(old.printed(), "msg=done") })
	time.Sleep(8 * time.Second)
	c.calls[0].check()
}
