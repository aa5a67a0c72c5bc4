package aws

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"livedub/internal/testkit/asg"
	"livedub/internal/testkit/awsfake"
)

// TestTwoInContainers: two processes that speak for one instance and cannot see each other, since each
// has a network of its own, do no harm: the idle one takes no protection away for long, the group does
// not take the instance while the other has sessions, and it is let go once.
func TestTwoInContainers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, busy, idle := ground(), newNode(), newNode()
		id := f.Launch(group)
		at := awsfake.Instance{Fake: f, ID: id}
		a := start(t, busy.config(at))
		time.Sleep(20 * time.Second)
		busy.sessions.Store(2)
		time.Sleep(5 * time.Second)
		a.lock.Close() // as in another network namespace
		b := start(t, idle.config(at))
		time.Sleep(5 * time.Second)
		if f.Protected(id) {
			t.Fatal("the second does not lift the protection when it starts: this test shows nothing")
		}
		time.Sleep(2 * checkEvery)
		before := f.Requests("SetInstanceProtection")
		time.Sleep(10 * time.Minute)
		if asked := f.Requests("SetInstanceProtection") - before; !f.Protected(id) || asked != 0 {
			t.Errorf("protected %v, set %d times in ten minutes", f.Protected(id), asked)
		}
		if !strings.Contains(busy.logged(), "does another process") {
			t.Error(busy.logged())
		}
		f.SetDesired(group, 0)
		if time.Sleep(time.Minute); f.State(id) != asg.InService {
			t.Fatalf("taken with sessions: %s", states(f, id))
		}
		busy.sessions.Store(0)
		close(busy.drained)
		close(idle.drained)
		time.Sleep(holdTime + 30*time.Second)
		a.Close()
		b.Close()
		if got, n := states(f, id), a.Stats().Completed+b.Stats().Completed; !strings.HasSuffix(got, "Terminating:Proceed Terminated") || n != 2 || len(a.Stats().Failures)+len(b.Stats().Failures) > 0 {
			t.Errorf("went %s, %d completed; %+v, %+v", got, n, a.Stats(), b.Stats())
		}
	})
}

// TestNamedWithSessions: somebody ends this very instance, which no protection is against: its calls
// still come to their end, also when it is named once more.
func TestNamedWithSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		id := f.Launch(group)
		a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
		defer a.Close()
		time.Sleep(20 * time.Second)
		n.sessions.Store(1)
		time.Sleep(5 * time.Second)
		if err := f.Terminate(id); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := f.Terminate(id); err == nil {
			t.Error("ended twice")
		}
		time.Sleep(time.Minute)
		if f.State(id) != asg.TerminatingWait || n.done() != "ready register drain" {
			t.Fatalf("%s, did %q", states(f, id), n.done())
		}
		n.sessions.Store(0)
		close(n.drained)
		if time.Sleep(20 * time.Second); f.State(id) != asg.Terminated || a.Stats().Completed != 2 {
			t.Errorf("%s, %+v", states(f, id), a.Stats())
		}
	})
}

// TestLostWhileItDrains: EC2 ends the machine in the middle of a drain, which no hook prevents. The
// group waits no longer than the hook's timeout, and wants none in its place.
func TestLostWhileItDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		id := f.Launch(group)
		a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
		time.Sleep(20 * time.Second)
		f.SetDesired(group, 0)
		time.Sleep(2 * time.Minute)
		if err := f.Lose(id); err != nil {
			t.Fatal(err)
		}
		a.cancel()                   // the machine is gone, and says no goodbye
		time.Sleep(15 * time.Second) // its last heartbeat was at most 10 s before
		if f.State(id) != asg.TerminatingWait {
			t.Errorf("%s: 25 s at most of the hook's 30", states(f, id))
		}
		if time.Sleep(20 * time.Second); f.State(id) != asg.Terminated || len(f.Instances(group)) != 0 {
			t.Errorf("%s, %d instances", states(f, id), len(f.Instances(group)))
		}
		a.Close()
	})
}
