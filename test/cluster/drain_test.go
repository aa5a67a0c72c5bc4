package cluster

import (
	"testing"
	"time"

	"livedub/internal/testkit/clusterrig"
)

// TestRollingRestart restarts three nodes one after the other under two calls: no
// listener misses a phrase, or hears one twice.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
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
		unnoticed(t, c, since, 10)
	}
}

// TestNodeCutFromNode breaks the link by which a node that leaves hands a call over, at
// the moment when it hands over, for a while and for good: no phrase is heard twice, and
// the call goes on at the other node.
func TestNodeCutFromNode(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(*clusterrig.Node){
		"kill":      func(n *clusterrig.Node) { n.Links.Kill() },
		"blackhole": func(n *clusterrig.Node) { n.Links.Blackhole() },
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, clusterrig.Config{Nodes: 2, Drain: 20 * time.Second})
			c := call(t, r)
			from := holder(t, r, c)
			to := r.Nodes[0]
			if from == to {
				to = r.Nodes[1]
			}
			cut(to)
			since := time.Now()
			must(t, from.Leave())
			time.Sleep(4 * time.Second)
			unnoticed(t, c, since, 2) // it goes on where it is
			to.Links.Restore()
			must(t, from.Wait(40*time.Second))
			hearing(t, c, time.Now(), 3)
			f := c.Figures(since, time.Now())
			t.Logf("%+v%s", f, c.Told())
			if len(f.Lost)+len(f.Twice) > 0 {
				t.Errorf("when the link was back: %+v", f)
			}
			if now := holder(t, r, c); now != to {
				t.Errorf("it is at %s", now.Name)
			}
			must(t, r.Restart(from))
		})
	}
}
