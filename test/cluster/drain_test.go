package cluster

import (
	"testing"
	"time"

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
