package cluster

import (
	"testing"
	"time"

	"livedub/internal/testkit/caller"
	"livedub/internal/testkit/clusterrig"
)

// unnoticed tells what a listener noticed of what should not be noticed.
func unnoticed(t *scene, c *clusterrig.Call, since time.Time, phrases int) {
	t.Helper()
	f := c.Figures(since, time.Now())
	t.Logf("%+v", f)
	if len(f.Lost)+len(f.Twice) > 0 || f.SourceGap > 0 || f.Said < phrases {
		t.Errorf("the listener noticed: %+v%s", f, c.Told())
	}
}

// TestCutFromRedis cuts the node of a call off from Redis for longer than a node lives
// without a heartbeat: the listener notices nothing, and new sessions go elsewhere.
func TestCutFromRedis(t *testing.T) { play(t, cutFromRedis) }

func cutFromRedis(t *scene) {
	r := start(t, clusterrig.Config{Nodes: 2})
	c := call(t, r)
	n := holder(t, r, c)
	client := r.Client()
	defer client.Close()
	for name, cut := range map[string]func(){"kill": n.Redis.Kill, "blackhole": n.Redis.Blackhole} {
		since := time.Now()
		cut()
		until(t, name+": the node is held dead", 15*time.Second, func() bool { return r.Dead(t.Context(), n) })
		made, err := client.Create(t.Context(), caller.Wanted{From: "en", To: []string{"es"}})
		must(t, err)
		if _, there := r.Holds(t.Context(), n, made.ID); there {
			t.Errorf("%s: a new session is at the node that is cut off", name)
		}
		must(t, client.End(t.Context(), made.Control))
		n.Redis.Restore()
		until(t, name+": the node is back", 15*time.Second, func() bool { return r.State(t.Context(), n) == "serving" })
		time.Sleep(3 * time.Second)
		if now := holder(t, r, c); now != n {
			t.Errorf("%s: the call is at %s now", name, now.Name)
		}
		t.Log(name)
		unnoticed(t, c, since, 5)
	}
}

// TestClientCut breaks the way between the clients and the node of their call: once for
// good, so that they must take another, and once for a while, without a word.
func TestClientCut(t *testing.T) { play(t, clientCut) }

func clientCut(t *scene) {
	r := start(t, clusterrig.Config{Nodes: 2, RTT: 80 * time.Millisecond})
	c := call(t, r)
	n := holder(t, r, c)
	for name, cut := range map[string]func() error{
		"kill": n.Cut,
		"blackhole": func() error {
			must(t, n.Darken(true))
			time.Sleep(2 * time.Second)
			return n.Darken(false)
		},
	} {
		since := time.Now()
		must(t, cut())
		hearing(t, c, time.Now(), 3)
		f := c.Figures(since, time.Now())
		t.Logf("%s: %+v%s", name, f, c.Told())
		if len(f.Twice) > 0 {
			t.Errorf("%s: heard twice: %v", name, f.Twice)
		}
		if now := holder(t, r, c); now != n {
			t.Errorf("%s: the call is at %s now", name, now.Name)
		}
	}
}

// TestGateways kills one of two gateways and has the other leave, one after the other:
// calls notice nothing, and new sessions can always be made.
func TestGateways(t *testing.T) { play(t, gateways) }

func gateways(t *scene) {
	r := start(t, clusterrig.Config{Nodes: 2, Gateways: 2})
	c := call(t, r)
	client := r.Client()
	defer client.Close()
	since := time.Now()
	for i, g := range r.Gateways {
		if i == 0 {
			g.Kill()
		} else {
			must(t, g.Leave())
			must(t, g.Wait(10*time.Second))
		}
		made, err := client.Create(t.Context(), caller.Wanted{From: "en", To: []string{"es"}})
		must(t, err)
		must(t, client.End(t.Context(), made.Control))
		if _, err := client.Look(t.Context(), c.Made.Control, &c.Fence); err != nil {
			t.Errorf("without %s: %v", g.Name, err)
		}
		must(t, g.Start())
	}
	time.Sleep(3 * time.Second)
	unnoticed(t, c, since, 2)
}
