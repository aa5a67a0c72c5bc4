package aws

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"livedub/internal/testkit/asg"
	"livedub/internal/testkit/awsfake"
)

// TestLaunchLetsNothingGo: a launch that could not be completed in time must not complete
// the termination that follows: nothing has been drained for it.
func TestLaunchLetsNothingGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		n.ready = make(chan struct{})
		g := lives()
		g.Pass, g.EC2, g.Terminate.Timeout = 0, awsfake.EC2{}, time.Hour
		f.AddGroup(g)
		id := f.Launch(group)
		a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
		time.Sleep(5 * time.Second)
		f.Fail(awsfake.AutoScaling, awsfake.Broken, -1)
		close(n.ready)
		time.Sleep(time.Second)
		if f.State(id) != asg.PendingWait {
			t.Fatal(states(f, id))
		}
		f.Fail(awsfake.IMDS, awsfake.Broken, -1) // nobody hears of the new target
		time.Sleep(2 * time.Minute)
		f.Fail(awsfake.AutoScaling, "", 0)
		time.Sleep(3 * time.Minute)
		if f.State(id) != asg.TerminatingWait {
			t.Errorf("let go: %s", states(f, id))
		}
		f.Fail(awsfake.IMDS, "", 0)
		time.Sleep(2 * time.Minute)
		if !strings.HasSuffix(n.done(), "drain") || f.State(id) != asg.TerminatingWait {
			t.Errorf("did %q, %s", n.done(), states(f, id))
		}
		a.Close()
		if f.State(id) != asg.Terminated {
			t.Error(states(f, id))
		}
	})
}

// TestBackToThePool: a server that starts while its instance is on its way back to the
// warm pool completes the hook that waits there, which is the terminating one.
func TestBackToThePool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		f.AddGroup(awsfake.Group{Name: group, Config: asg.Config{
			Max: 1, Prepared: 1, Reuse: true, Terminate: asg.Hook{On: true, Name: "down", Timeout: time.Hour, Default: asg.Abandon}}})
		id := f.Launch(group)
		if f.SetDesired(group, 0); f.State(id) != asg.WarmedPendingWait {
			t.Fatal(states(f, id))
		}
		a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
		time.Sleep(30 * time.Second)
		a.Close()
		if f.State(id) != asg.WarmedStopped || n.done() != "ready" {
			t.Errorf("%s, did %q", states(f, id), n.done())
		}
	})
}

// TestAnotherHook: a hook that is somebody else's is left to them.
func TestAnotherHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		id := f.Launch(group)
		c := n.config(awsfake.Instance{Fake: f, ID: id})
		c.LaunchingHook = "mine"
		a := start(t, c)
		time.Sleep(20 * time.Second)
		if s := a.Stats(); f.State(id) != asg.PendingWait || s.Late != 1 || s.Completed+s.Heartbeats != 0 {
			t.Errorf("%s, %+v", states(f, id), s)
		}
		if err := f.Complete(id, asg.Continue); err != nil { // they do
			t.Fatal(err)
		}
		n.sessions.Store(1)
		time.Sleep(20 * time.Second)
		a.Close()
		if f.State(id) != asg.InService || !f.Protected(id) {
			t.Errorf("%s, protected %v", states(f, id), f.Protected(id))
		}
	})
}

// TestStandby: an instance that is taken out to be looked at goes on, and enters once.
func TestStandby(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		f.AddGroup(awsfake.Group{Name: group, Config: asg.Config{Max: 1}})
		id := f.Launch(group)
		a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
		time.Sleep(10 * time.Second)
		for _, do := range []func(string) error{f.Standby, f.Return} {
			if err := do(id); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
		}
		a.Close()
		if strings.Count(n.done(), "register") != 1 || strings.Contains(n.done(), "drain") {
			t.Errorf("did %q", n.done())
		}
	})
}
