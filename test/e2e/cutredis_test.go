package e2e

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"livedub/internal/testkit/redistest"
)

// TestNodeCutFromRedis cuts a node off from Redis alone: its call goes on, for those
// who come too, and new sessions go elsewhere. Once it was moved, the node lets go of
// it, though Redis cannot tell it.
func TestNodeCutFromRedis(t *testing.T) {
	r := redistest.Start(t)
	relay := redistest.NewRelay(t, r.Addr)
	one := node(t, r, "one", "--cluster-url", "redis://"+relay.Addr())
	g := startGateway(t, r)
	p := create(t, g)
	publish(t, g, p.WHIP, newSpeaker(t, time.Second), nil)
	seen := watch(t, g, p.WHEP["es"])
	until(t, "the dub is seen", func() bool { n, _ := seen.came(); return n > 30 })
	node(t, r, "two")
	relay.Kill()
	until(t, "the node counts as dead", func() bool { _, states := nodesOf(t, g); return states["one"] != "serving" })
	fence := func() int64 {
		var now place
		if status, body := g.call(t, "GET", p.Control, "", nil); status != 200 || json.Unmarshal([]byte(body), &now) != nil {
			t.Fatalf("%d %s\n%s", status, body, g.printed())
		}
		return now.Fence
	}
	if f := fence(); f != p.Fence {
		t.Errorf("fence %d, before %d: it was moved from a node that answers", f, p.Fence)
	}
	had, _ := seen.came()
	late := watch(t, g, p.WHEP["es"])
	until(t, "a viewer that comes late sees the dub, and the first goes on", func() bool {
		n, _ := late.came()
		first, _ := seen.came()
		return n > 30 && first > had+30
	})
	create(t, g)
	if sessions, _ := nodesOf(t, g); sessions["two"] != 1 {
		t.Errorf("the new session is not at the other node: %v", sessions)
	}
	relay.Restore()
	until(t, "the node is back", func() bool { _, states := nodesOf(t, g); return states["one"] == "serving" })
	if f := fence(); f != p.Fence {
		t.Errorf("fence %d, before %d", f, p.Fence)
	}

	relay.Kill()
	if err := one.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if f := fence(); f <= p.Fence {
		t.Errorf("fence %d, before %d: not moved from a node that does not answer", f, p.Fence)
	}
	if err := one.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	until(t, "the node hears that its session has gone", func() bool { return strings.Contains(one.printed(), "another node holds it") })
}
