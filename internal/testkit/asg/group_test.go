package asg

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var t0 = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func at(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }

// hooked is a group with both hooks and a warm pool.
var hooked = Config{
	Min: 1, Max: 3, Prepared: 3, Reuse: true,
	Launch:    Hook{On: true, Timeout: 5 * time.Minute, Default: Abandon},
	Terminate: Hook{On: true, Timeout: 10 * time.Minute, Default: Continue},
}

// TestTable: one state follows from each event, every state is reached from New, and each that is not
// the last leads on; every row names its page.
func TestTable(t *testing.T) {
	reached := map[State]bool{New: true}
	seen := map[string]bool{}
	for range Table {
		for _, r := range Table {
			if reached[r.From] {
				reached[r.To] = true
			}
		}
	}
	for _, r := range Table {
		key := fmt.Sprint(r.From, "|", r.On)
		if seen[key] || !strings.HasPrefix(r.Page, "autoscaling/ec2/") {
			t.Errorf("row %+v: twice, or without its page", r)
		}
		seen[key] = true
		if !reached[r.From] || r.From.Ended() {
			t.Errorf("%q: never reached, or left after its end", r.From)
		}
		if !r.To.Ended() && len(next[r.To]) == 0 {
			t.Errorf("%q leads nowhere", r.To)
		}
	}
}

// path plays steps on a group and returns what instance id went through.
func path(changes []Change, id string) string {
	var states []string
	for _, c := range changes {
		if c.Instance == id {
			states = append(states, string(c.To))
		}
	}
	return strings.Join(states, " ")
}

func must(t *testing.T) func([]Change, error) []Change {
	return func(c []Change, err error) []Change {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// started is a group of cfg whose first instance serves and whose warm pool stands still.
func started(t *testing.T, cfg Config) *Group {
	t.Helper()
	g, _ := NewGroup(t0, cfg)
	for _, in := range g.Instances() {
		must(t)(g.Running(t0, in.ID))
		if cfg.Launch.On {
			must(t)(g.Complete(t0, in.ID, Continue))
		}
		if in.State == WarmedPending {
			must(t)(g.Done(t0, in.ID, Stopped))
		}
	}
	return g
}

func states(g *Group) string {
	var out []string
	for _, in := range g.Instances() {
		out = append(out, in.ID+" "+string(in.State))
	}
	return strings.Join(out, ", ")
}

func TestHooks(t *testing.T) {
	cold := hooked
	cold.Prepared = 0
	for _, c := range []struct {
		name string
		cfg  Config
		do   func(*testing.T, *Group) []Change
		want string // of i-0001
		end  string
	}{
		{"launched and completed", cold, func(t *testing.T, g *Group) []Change {
			return append(must(t)(g.Running(at(10), "i-0001")), must(t)(g.Complete(at(60), "i-0001", Continue))...)
		}, "Pending:Wait Pending:Proceed InService", "i-0001 InService"},
		{"launched and abandoned: another takes its place", cold, func(t *testing.T, g *Group) []Change {
			return append(must(t)(g.Running(at(10), "i-0001")), must(t)(g.Complete(at(60), "i-0001", Abandon))...)
		}, "Pending:Wait Terminating Terminating:Wait", "i-0001 Terminating:Wait, i-0002 Pending"},
		{"the launching hook times out: abandoned", cold, func(t *testing.T, g *Group) []Change {
			out := must(t)(g.Running(at(10), "i-0001"))
			return append(append(out, g.Expire(at(309))...), g.Expire(at(310))...)
		}, "Pending:Wait Terminating Terminating:Wait", "i-0001 Terminating:Wait, i-0002 Pending"},
		{"a heartbeat starts its time again", cold, func(t *testing.T, g *Group) []Change {
			out := must(t)(g.Running(at(10), "i-0001"))
			if err := g.Heartbeat(at(300), "i-0001"); err != nil {
				t.Fatal(err)
			}
			return append(out, g.Expire(at(310))...)
		}, "Pending:Wait", "i-0001 Pending:Wait"},
		{"no hook: at once", Config{Min: 1, Max: 1}, func(t *testing.T, g *Group) []Change {
			return must(t)(g.Running(at(10), "i-0001"))
		}, "Pending:Proceed InService", "i-0001 InService"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, first := NewGroup(t0, c.cfg)
			if got := path(first, "i-0001"); got != "Pending" {
				t.Fatalf("begins as %q", got)
			}
			if got := path(c.do(t, g), "i-0001"); got != c.want {
				t.Errorf("went through %q, want %q", got, c.want)
			}
			if got := states(g); got != c.end {
				t.Errorf("ends as %q, want %q", got, c.end)
			}
		})
	}
}

// TestTerminatingHook: a drain that heartbeats is waited for, as long as AWS lets it, and then ended.
func TestTerminatingHook(t *testing.T) {
	cfg := hooked
	cfg.Prepared = 0
	g := started(t, cfg)
	g.SetDesired(at(1), 2)
	must(t)(g.Running(at(2), "i-0002"))
	must(t)(g.Complete(at(3), "i-0002", Continue))
	out := g.SetDesired(at(100), 1)
	if got := path(out, "i-0001"); got != "Terminating Terminating:Wait" {
		t.Fatalf("scale-in: %q", got)
	}
	beats := 0
	for s := 400; s < 100_000; s += 300 {
		if out = g.Expire(at(s)); len(out) > 0 {
			break
		}
		if err := g.Heartbeat(at(s), "i-0001"); err != nil {
			t.Fatal(err)
		}
		beats++
	}
	if got := path(out, "i-0001"); got != "Terminating:Proceed" || len(out) == 0 || !out[0].At.Equal(t0.Add(100*time.Second+100*cfg.Terminate.Timeout)) {
		t.Fatalf("after %d heartbeats: %q: %v", beats, got, out)
	}
	must(t)(g.Done(out[0].At, "i-0001", Gone))
	if got := states(g); got != "i-0002 InService" {
		t.Error(got)
	}
}

// TestWarmPool: scale-out starts a stopped instance, scale-in gives it back through the terminating hook,
// and the next scale-out has it again; nothing new is launched.
func TestWarmPool(t *testing.T) {
	g := started(t, hooked)
	if got := states(g); got != "i-0001 InService, i-0002 Warmed:Stopped, i-0003 Warmed:Stopped" {
		t.Fatal(got)
	}
	out := g.SetDesired(at(10), 2)
	out = append(out, must(t)(g.Running(at(20), "i-0002"))...)
	out = append(out, must(t)(g.Complete(at(40), "i-0002", Continue))...)
	must(t)(g.Protect(at(50), "i-0001", true))
	out = append(out, g.SetDesired(at(100), 1)...)
	out = append(out, must(t)(g.Complete(at(110), "i-0002", Continue))...)
	out = append(out, must(t)(g.Done(at(120), "i-0002", Stopped))...)
	out = append(out, g.SetDesired(at(130), 2)...)
	const want = "Pending Pending:Wait Pending:Proceed InService Warmed:Pending Warmed:Pending:Wait Warmed:Pending:Proceed Warmed:Stopped Pending"
	if got := path(out, "i-0002"); got != want {
		t.Errorf("went through\n%s, want\n%s", got, want)
	}
	if got := states(g); got != "i-0001 InService, i-0002 Pending, i-0003 Warmed:Stopped" {
		t.Error(got)
	}

	g.SetDesired(at(200), 3)
	if got := states(g); got != "i-0001 InService, i-0002 Pending, i-0003 Pending" {
		t.Errorf("all wanted: %s", got)
	}
	if out := g.SetDesired(at(210), 9); len(out) > 0 || g.Desired() != 3 {
		t.Errorf("past the largest size: %v, desired %d", out, g.Desired())
	}
	cfg := hooked
	cfg.Reuse = false
	g = started(t, cfg)
	g.SetDesired(at(10), 2)
	must(t)(g.Running(at(20), "i-0002"))
	must(t)(g.Complete(at(40), "i-0002", Continue))
	g.SetDesired(at(100), 1)
	if got := states(g); got != "i-0001 Terminating:Wait, i-0002 InService, i-0003 Warmed:Stopped, i-0004 Warmed:Pending" {
		t.Errorf("without reuse: %s", got)
	}
}

// TestProtection: a node with sessions is not taken; when its last has gone, it is.
func TestProtection(t *testing.T) {
	cfg := hooked
	cfg.Prepared, cfg.Min = 0, 2
	g := started(t, cfg)
	g.cfg.Min = 1
	for _, id := range []string{"i-0001", "i-0002"} {
		must(t)(g.Protect(at(1), id, true))
	}
	if out := g.SetDesired(at(10), 1); len(out) > 0 || g.Desired() != 1 {
		t.Fatalf("both are protected: %v, desired %d", out, g.Desired())
	}
	if got := path(must(t)(g.Protect(at(20), "i-0002", false)), "i-0002"); got != "Terminating Terminating:Wait" {
		t.Errorf("unprotected: %q", got)
	}
}

// TestRefused: what cannot happen is said, and changes nothing.
func TestRefused(t *testing.T) {
	g := started(t, hooked)
	before := states(g)
	for name, do := range map[string]func() error{
		"complete without a wait": func() error { _, err := g.Complete(at(1), "i-0001", Continue); return err },
		"running twice":           func() error { _, err := g.Running(at(1), "i-0001"); return err },
		"stopped in service":      func() error { _, err := g.Done(at(1), "i-0001", Stopped); return err },
		"scale out by EC2":        func() error { _, err := g.Done(at(1), "i-0002", ScaleOut); return err },
		"heartbeat in service":    func() error { return g.Heartbeat(at(1), "i-0001") },
		"protect a stopped one":   func() error { _, err := g.Protect(at(1), "i-0002", true); return err },
		"unknown":                 func() error { _, err := g.Running(at(1), "i-9999"); return err },
	} {
		if err, want := do(), (ErrTransition{}); !errors.As(err, &want) || states(g) != before {
			t.Errorf("%s: %v; now %s", name, err, states(g))
		}
	}
}
