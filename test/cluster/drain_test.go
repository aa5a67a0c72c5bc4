package cluster

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/internal/testkit/caller"
	"livedub/internal/testkit/clusterrig"
)

// TestRollingRestart restarts three nodes one after the other under two calls: no
// listener misses a phrase, or hears one twice.
func TestRollingRestart(t *testing.T) { play(t, rollingRestart) }

func rollingRestart(t *scene) {
	r := start(t, clusterrig.Config{Drain: time.Minute})
	calls := []*clusterrig.Call{call(t, r), call(t, r)}
	since := time.Now()
	fences := []int64{calls[0].Fence.High(), calls[1].Fence.High()}
	for _, n := range r.Nodes {
		must(t, n.Leave())
		must(t, n.Wait(90*time.Second))
		must(t, r.Restart(n))
		until(t, n.Name+" serves again", 15*time.Second, func() bool { return r.State(t.Context(), n) == "serving" })
	}
	time.Sleep(3 * time.Second)
	for i, c := range calls {
		if c.Fence.High() <= fences[i] {
			t.Errorf("call %d did not move", i)
		}
		unnoticed(t, c, since, 4)
	}
}

// TestNodeCutFromNode cuts a node that leaves off from the one that takes its call, until
// after it has tried: the call goes on where it is, and is handed over when the link is
// back. No phrase is lost, or heard twice.
func TestNodeCutFromNode(t *testing.T) {
	for name, cut := range map[string]func(*clusterrig.Node){
		"kill":      func(n *clusterrig.Node) { n.Links.Kill() },
		"blackhole": func(n *clusterrig.Node) { n.Links.Blackhole() },
	} {
		t.Run(name, func(t *testing.T) { play(t, func(t *scene) { nodeCutFromNode(t, cut) }) })
	}
}

func nodeCutFromNode(t *scene, cut func(*clusterrig.Node)) {
	r := start(t, clusterrig.Config{Nodes: 2, Drain: 20 * time.Second})
	c := call(t, r)
	from, to := holder(t, r, c), r.Nodes[0]
	if from == to {
		to = r.Nodes[1]
	}
	cut(to)
	since := time.Now()
	must(t, from.Leave())
	time.Sleep(4 * time.Second)
	unnoticed(t, c, since, 2)
	to.Links.Restore()
	must(t, from.Wait(40*time.Second))
	hearing(t, c, time.Now(), 3)
	unnoticed(t, c, since, 5)
	if now := holder(t, r, c); now != to {
		t.Errorf("it is at %s", now.Name)
	}
	must(t, r.Restart(from))
}

// TestTargetKilled kills the node that takes a call over, when listeners have just been
// told and before they are there, or when the listener is there. The call goes on at a
// third node; where there is none, at the one that leaves, until there is.
func TestTargetKilled(t *testing.T) {
	for name, c := range map[string]struct {
		nodes   int
		arrived bool
	}{"before they come": {3, false}, "when they are there": {3, true}, "no third": {2, false}} {
		t.Run(name, func(t *testing.T) { play(t, func(t *scene) { targetKilled(t, c.nodes, c.arrived) }) })
	}
}

func targetKilled(t *scene, nodes int, arrived bool) {
	r := start(t, clusterrig.Config{Nodes: nodes, Drain: time.Minute})
	c := call(t, r)
	from, fence := holder(t, r, c), c.Fence.High()
	before, err := c.Played(t.Context())
	must(t, err)
	must(t, from.Leave())
	var to *clusterrig.Node
	until(t, "the call is handed over", 20*time.Second, func() bool {
		for _, n := range r.Nodes {
			if n != from && strings.Contains(from.Printed(), `msg="session moved"`) && strings.Contains(from.Printed(), "node="+n.Name+" ") {
				to = n
			}
		}
		return to != nil
	})
	if arrived {
		until(t, "the listener is there", 10*time.Second, func() bool {
			return slices.ContainsFunc(c.Events(), func(e clusterrig.Happened) bool { return e.Role == "viewer" && e.Event.Event == "moved" })
		})
	}
	to.Kill()
	fault := time.Now()
	hearing(t, c, fault.Add(clusterrig.Delay), 3)
	f := c.Figures(fault, time.Now())
	t.Logf("%+v%s", f, c.Told())
	if len(f.Twice) > 0 {
		t.Errorf("heard twice: %v", f.Twice)
	}
	var after map[int]caller.Record
	until(t, "the session is found", 20*time.Second, func() bool {
		after, err = c.Played(t.Context())
		return err == nil && len(after) > 0
	})
	oldest := slices.Min(slices.Collect(maps.Keys(after))) // of the last few, which is what it tells
	for id, was := range before {
		if now, kept := after[id]; id >= oldest && (!kept || now.SourceStart != was.SourceStart) {
			t.Errorf("phrase %d at %v s is not in the session's history: %+v", id, was.SourceStart, now)
		}
	}
	must(t, r.Restart(to))
	must(t, from.Wait(80*time.Second))
	hearing(t, c, time.Now(), 3)
	if now := holder(t, r, c); now == from || c.Fence.High() <= fence {
		t.Errorf("it is at %s, fence %d, %d before", now.Name, c.Fence.High(), fence)
	}
}

// TestQuietClients: a speaker and a listener who cannot hear that their node leaves are
// let go long before the drain ends, when another node has the call, and find it there.
func TestQuietClients(t *testing.T) { play(t, quietClients) }

func quietClients(t *scene) {
	r := start(t, clusterrig.Config{Nodes: 2, Drain: 10 * time.Minute})
	c := begun(t, r.Quiet)
	from, since := holder(t, r, c), time.Now()
	must(t, from.Leave())
	must(t, from.Wait(90*time.Second))
	left := time.Now()
	hearing(t, c, left, 3)
	f := c.Figures(since, time.Now())
	t.Logf("left after %v: %+v%s", left.Sub(since), f, c.Told())
	if now := holder(t, r, c); now == from {
		t.Error("it is where it was")
	}
	if len(f.Twice) > 0 || f.SoundGap > clusterrig.Delay+3*time.Second {
		t.Errorf("the listener noticed too much: %+v", f)
	}
}
