package aws

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"livedub/internal/testkit/asg"
	"livedub/internal/testkit/awsfake"
)

func TestMain(m *testing.M) {
	for _, e := range os.Environ() { // the machine's own account is nobody's here
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "AWS_") {
			os.Unsetenv(name)
		}
	}
	os.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	os.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	goleak.VerifyTestMain(m)
}

// node is what an Agent works for.
type node struct {
	sessions atomic.Int64
	ready    chan struct{} // closed: it could serve
	broken   error         // why it never will
	drained  chan struct{} // closed: no session is left

	mu     sync.Mutex
	did    []string
	log    bytes.Buffer
	starts time.Time
}

func newNode() *node {
	n := &node{ready: make(chan struct{}), drained: make(chan struct{}), starts: time.Now()}
	close(n.ready)
	return n
}

func (n *node) note(what string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.did = append(n.did, what)
}

func (n *node) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.log.Write(p)
}

// done returns what was done so far.
func (n *node) done() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.did, " ")
}

func (n *node) logged() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.log.String()
}

func (n *node) config(at awsfake.Instance) Config {
	gpu, memory := 37., 81.5
	return Config{
		Namespace: "DeepLearning", Deadline: 10 * time.Minute, HTTP: at, Log: slog.New(slog.NewTextHandler(n, nil)),
		Load:     func() Load { return Load{CPU: 12, GPU: &gpu, GPUMemory: &memory, Used: 3, Free: 5} },
		Sessions: func() int { return int(n.sessions.Load()) },
		Ready: func(ctx context.Context) error {
			n.note("ready")
			select {
			case <-n.ready:
				return n.broken
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		Register: func(context.Context) error { n.note("register"); return nil },
		Drain: func(ctx context.Context) {
			n.note("drain")
			select {
			case <-n.drained:
			case <-ctx.Done():
			}
		},
	}
}

const group = "dub-nodes"

// lives is a group of at most one, with both hooks, in which nothing passes at once.
func lives() awsfake.Group {
	return awsfake.Group{
		Name: group, EC2: awsfake.EC2{Cold: 3 * time.Second, Warm: 3 * time.Second, Stop: 3 * time.Second},
		Config: asg.Config{
			Max: 1, Pass: 3 * time.Second,
			Launch:    asg.Hook{On: true, Name: "up", Timeout: 30 * time.Second, Default: asg.Abandon},
			Terminate: asg.Hook{On: true, Name: "down", Timeout: 30 * time.Second, Default: asg.Continue},
		},
	}
}

// ground is AWS with that group.
func ground() *awsfake.Fake {
	f := awsfake.New()
	f.AddGroup(lives())
	return f
}

// pooled adds a group with an instance on its way into the warm pool, and returns its ID.
func pooled(f *awsfake.Fake, g awsfake.Group) string {
	g.Prepared = 1
	f.AddGroup(g)
	return f.Instances(group)[0].ID
}

// start opens an Agent and starts it.
func start(t *testing.T, c Config) *Agent {
	t.Helper()
	a, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	a.Start(t.Context())
	return a
}

func states(f *awsfake.Fake, id string) string {
	var all []string
	for _, c := range f.History(id) {
		all = append(all, string(c.To))
	}
	return strings.Join(all, " ")
}

func TestLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		n.ready = make(chan struct{})
		id := f.Launch(group)
		a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
		time.Sleep(2 * time.Minute) // engines warm up for longer than the hook's timeout
		if s := f.State(id); s != asg.PendingWait || n.done() != "ready" || len(f.Data()) > 0 {
			t.Fatalf("before it was ready: %s, did %q, %d data", s, n.done(), len(f.Data()))
		}
		close(n.ready)
		time.Sleep(20 * time.Second)
		if s := f.State(id); s != asg.InService || n.done() != "ready register" {
			t.Fatalf("when it was ready: %s, did %q", s, n.done())
		}
		n.sessions.Store(2)
		time.Sleep(15 * time.Second)
		if !f.Protected(id) || len(f.Data()) == 0 {
			t.Fatalf("with sessions: protected %v, %d data", f.Protected(id), len(f.Data()))
		}
		n.sessions.Store(0)
		time.Sleep(90 * time.Second)
		before := len(f.Data())
		f.SetDesired(group, 0)
		time.Sleep(5 * time.Minute) // it drains for longer than the hook's timeout
		if s := f.State(id); s != asg.TerminatingWait || len(f.Data()) > before+10 {
			t.Fatalf("while it drains: %s, %d data more", s, len(f.Data())-before)
		}
		close(n.drained)
		time.Sleep(20 * time.Second)
		a.Close()
		want := "Pending Pending:Wait Pending:Proceed InService Terminating Terminating:Wait Terminating:Proceed Terminated"
		if got := states(f, id); got != want || n.done() != "ready register drain" {
			t.Errorf("went %s, did %q", got, n.done())
		}
		s := a.Stats()
		if s.Completed != 2 || s.Late != 0 || s.Heartbeats < 20 || len(s.Failures) > 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestWarmPool(t *testing.T) {
	for name, running := range map[string]bool{"stopped": false, "running": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, n := ground(), newNode()
				g := lives()
				g.Running, g.Terminate = running, asg.Hook{}
				id := pooled(f, g)
				at := awsfake.Instance{Fake: f, ID: id}
				a := start(t, n.config(at))
				n.sessions.Store(1) // were it to count them, it would show
				time.Sleep(5 * time.Minute)
				if s := string(f.State(id)); !InPool(s) || strings.HasSuffix(s, "Wait") || n.done() != "ready" || len(f.Data()) > 0 || f.Requests("SetInstanceProtection") > 0 {
					t.Fatalf("in the pool: %s, did %q, %d data", s, n.done(), len(f.Data()))
				}
				if !running { // it is stopped, and boots when it is taken
					a.Close()
					time.Sleep(time.Hour)
				}
				f.SetDesired(group, 1)
				if !running {
					a = start(t, n.config(at))
				}
				time.Sleep(30 * time.Second)
				defer a.Close()
				if f.State(id) != asg.InService || !strings.HasSuffix(n.done(), "ready register") || !f.Protected(id) || len(f.Data()) == 0 {
					t.Errorf("in service: %s, did %q, protected %v, %d data", f.State(id), n.done(), f.Protected(id), len(f.Data()))
				}
			})
		})
	}
}

// TestReuse: an instance that goes back to the warm pool drains as any that leaves.
func TestReuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		g := lives()
		g.Reuse, g.Launch = true, asg.Hook{}
		id := pooled(f, g)
		time.Sleep(10 * time.Second) // it has come to the warm pool
		f.SetDesired(group, 1)
		a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
		time.Sleep(30 * time.Second)
		f.SetDesired(group, 0)
		time.Sleep(time.Minute)
		if f.State(id) != asg.WarmedPendingWait || n.done() != "ready register drain" {
			t.Errorf("%s, did %q", f.State(id), n.done())
		}
		a.Close() // nothing is left
		time.Sleep(10 * time.Second)
		if f.State(id) != asg.WarmedStopped {
			t.Error(states(f, id))
		}
	})
}

func TestNotReadyIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		n.broken = errors.New("no such net")
		id := pooled(f, lives())
		a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
		time.Sleep(10 * time.Second)
		defer a.Close()
		if got := states(f, id); !strings.HasPrefix(got, "Warmed:Pending Warmed:Pending:Wait Warmed:Terminating") || strings.Contains(n.done(), "register") {
			t.Errorf("went %s, did %q", got, n.done())
		}
		if !strings.Contains(n.logged(), "no such net") {
			t.Error(n.logged())
		}
	})
}

// TestDeadline: sessions that do not end keep an instance no longer than that.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		id := f.Launch(group)
		a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
		time.Sleep(30 * time.Second)
		f.SetDesired(group, 0)
		time.Sleep(9 * time.Minute)
		if f.State(id) != asg.TerminatingWait {
			t.Fatal(states(f, id))
		}
		time.Sleep(2 * time.Minute)
		defer a.Close()
		if f.State(id) != asg.Terminated {
			t.Error(states(f, id))
		}
	})
}

// TestHookThatTimesOut: AWS that was away too long has let the instance go.
func TestHookThatTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		id := f.Launch(group)
		a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
		time.Sleep(30 * time.Second)
		f.Fail(awsfake.AutoScaling, awsfake.Silence, -1)
		f.SetDesired(group, 0)
		time.Sleep(2 * time.Minute)
		f.Fail(awsfake.AutoScaling, "", 0)
		close(n.drained)
		time.Sleep(2 * time.Minute)
		a.Close()
		s := a.Stats()
		if f.State(id) != asg.Terminated || s.Completed != 1 || s.Failures[Unavailable] == 0 || n.done() != "ready register drain" {
			t.Errorf("%s, %+v, did %q", states(f, id), s, n.done())
		}
	})
}

// TestTerminatedWhileLaunching: the terminating action waits for the drain, not for the launch.
func TestTerminatedWhileLaunching(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		n.ready = make(chan struct{})
		id := f.Launch(group)
		a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
		time.Sleep(10 * time.Second)
		if err := f.Complete(id, asg.Abandon); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if f.State(id) != asg.TerminatingWait || n.done() != "ready drain" {
			t.Errorf("%s, did %q", states(f, id), n.done())
		}
		a.Close()
		if time.Sleep(10 * time.Second); f.State(id) != asg.Terminated {
			t.Error(states(f, id))
		}
	})
}

func TestProtectionHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		id := f.Launch(group)
		a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
		defer a.Close()
		time.Sleep(20 * time.Second)
		before := f.Requests("SetInstanceProtection")
		for range 20 { // sessions come and go
			n.sessions.Store(1)
			time.Sleep(10 * time.Second)
			n.sessions.Store(0)
			time.Sleep(10 * time.Second)
		}
		if asked := f.Requests("SetInstanceProtection") - before; asked != 1 || !f.Protected(id) {
			t.Errorf("%d requests, protected %v", asked, f.Protected(id))
		}
		if f.SetDesired(group, 0); f.State(id) != asg.InService {
			t.Error("the group takes a node that just had sessions")
		}
		time.Sleep(holdTime)
		if f.Protected(id) || a.Stats().Protected {
			t.Error("still protected a minute after the last session")
		}
	})
}
