package asg

import (
	"testing"
	"time"
)

// lived plays a whole life of the first instance of a group: what is asked of it, EC2 and its hooks.
type lived struct {
	t       *testing.T
	g       *Group
	at      time.Time
	changes []Change
}

func live(t *testing.T, cfg Config) *lived {
	l := &lived{t: t, at: t0}
	l.g, l.changes = NewGroup(t0, cfg)
	return l
}

func (l *lived) do(steps ...func() ([]Change, error)) *lived {
	l.t.Helper()
	for _, step := range steps {
		l.at = l.at.Add(time.Second)
		changes, err := step()
		if err != nil {
			l.t.Error(err)
		}
		l.changes = append(l.changes, changes...)
	}
	return l
}

const one = "i-0001"

func (l *lived) runs() ([]Change, error)    { return l.g.Running(l.at, one) }
func (l *lived) goesOn() ([]Change, error)  { return l.g.Complete(l.at, one, Continue) }
func (l *lived) fails() ([]Change, error)   { return l.g.Complete(l.at, one, Abandon) }
func (l *lived) stopped() ([]Change, error) { return l.g.Done(l.at, one, Stopped) }
func (l *lived) gone() ([]Change, error)    { return l.g.Done(l.at, one, Gone) }
func (l *lived) ended() ([]Change, error)   { return l.g.End(l.at, one) }
func (l *lived) lost() ([]Change, error)    { return l.g.Lose(l.at, one) }
func (l *lived) rests() ([]Change, error)   { return l.g.Rest(l.at, one) }
func (l *lived) returns() ([]Change, error) { return l.g.Return(l.at, one) }
func (l *lived) late() ([]Change, error) {
	l.at = l.at.Add(time.Hour)
	return l.g.Expire(l.at), nil
}
func (l *lived) out() ([]Change, error) { return l.g.SetDesired(l.at, l.g.Desired()+1), nil }
func (l *lived) in() ([]Change, error)  { return l.g.SetDesired(l.at, l.g.Desired()-1), nil }
func (l *lived) fewer() ([]Change, error) { // the warm pool is made smaller
	l.g.cfg.Prepared = 0
	return l.g.SetDesired(l.at, l.g.Desired()), nil
}

// TestEveryRow: each row of the table happens in some life, at once and with states that last, and
// nothing happens that is no row.
func TestEveryRow(t *testing.T) {
	up, down := Hook{On: true, Timeout: time.Minute, Default: Abandon}, Hook{On: true, Timeout: time.Minute, Default: Continue}
	for _, pass := range []time.Duration{0, time.Millisecond} {
		plain := Config{Max: 2, Pass: pass}
		both := Config{Max: 2, Launch: up, Terminate: down, Pass: pass}
		pool, bare := both, plain
		pool.Prepared, pool.Reuse, bare.Prepared = 1, true, 1
		running, bareRunning := pool, bare
		running.Running, bareRunning.Running = true, true
		seen := map[Row]bool{}
		for _, life := range []struct {
			cfg   Config
			steps func(l *lived) []func() ([]Change, error)
			end   State
		}{
			{both, func(l *lived) []func() ([]Change, error) {
				return []func() ([]Change, error){l.out, l.runs, l.goesOn, l.in, l.goesOn, l.gone}
			}, Terminated},
			{both, func(l *lived) []func() ([]Change, error) {
				return []func() ([]Change, error){l.out, l.runs, l.fails, l.fails, l.gone}
			}, Terminated},
			{both, func(l *lived) []func() ([]Change, error) {
				return []func() ([]Change, error){l.out, l.runs, l.ended}
			}, TerminatingWait},
			{both, func(l *lived) []func() ([]Change, error) {
				return []func() ([]Change, error){l.out, l.runs, l.lost, l.goesOn, l.late}
			}, TerminatingProceed}, // nobody is there for the terminating hook
			{both, func(l *lived) []func() ([]Change, error) {
				return []func() ([]Change, error){l.out, l.runs, l.goesOn, l.in, l.lost, l.late, l.gone}
			}, Terminated},
			{plain, func(l *lived) []func() ([]Change, error) {
				return []func() ([]Change, error){l.out, l.runs, l.rests, l.returns, l.ended, l.gone}
			}, Terminated},
			{plain, func(l *lived) []func() ([]Change, error) {
				return []func() ([]Change, error){l.out, l.runs, l.rests, l.ended}
			}, TerminatingProceed},
			{plain, func(l *lived) []func() ([]Change, error) {
				return []func() ([]Change, error){l.out, l.runs, l.lost}
			}, TerminatingProceed},
			{pool, func(l *lived) []func() ([]Change, error) {
				return []func() ([]Change, error){l.runs, l.goesOn, l.stopped, l.out, l.runs, l.goesOn, l.in, l.lost}
			}, WarmedPendingWait},
			{pool, func(l *lived) []func() ([]Change, error) {
				return []func() ([]Change, error){l.runs, l.fails, l.goesOn, l.gone}
			}, WarmedTerminated},
			{pool, func(l *lived) []func() ([]Change, error) {
				return []func() ([]Change, error){l.runs, l.fails, l.fails}
			}, WarmedTerminatingProceed},
			{bare, func(l *lived) []func() ([]Change, error) {
				return []func() ([]Change, error){l.runs, l.stopped, l.fewer}
			}, WarmedTerminatingProceed},
			{running, func(l *lived) []func() ([]Change, error) {
				return []func() ([]Change, error){l.runs, l.goesOn, l.out, l.runs, l.goesOn}
			}, InService},
			{bareRunning, func(l *lived) []func() ([]Change, error) {
				return []func() ([]Change, error){l.runs, l.fewer}
			}, WarmedTerminatingProceed},
		} {
			l := live(t, life.cfg)
			for _, step := range life.steps(l) {
				l.do(step)
				for due, ok := l.g.Due(); ok && !due.After(l.at.Add(4*pass)); due, ok = l.g.Due() { // what passes
					l.changes = append(l.changes, l.g.Expire(due)...)
				}
			}
			last := New
			for _, c := range l.changes {
				if to, ok := Next(c.From, c.On); !ok || to != c.To {
					t.Errorf("no row: %+v", c)
				}
				seen[Row{c.From, c.On, c.To, ""}] = true
				if c.Instance == one {
					last = c.To
				}
			}
			if last != life.end {
				t.Errorf("pass %v: ends in %s, want %s: %s", pass, last, life.end, path(l.changes, one))
			}
		}
		for _, r := range Table {
			if !seen[Row{r.From, r.On, r.To, ""}] {
				t.Errorf("pass %v: never happens: %s, %s", pass, r.From, r.On)
			}
		}
	}
}

// TestLost: what EC2 ended is replaced when it was in service; a drain that has lost its machine goes on
// until the hook's time is over, and is not counted again.
func TestLost(t *testing.T) {
	cfg := hooked
	cfg.Prepared = 0
	g := started(t, cfg)
	out := must(t)(g.Lose(at(10), one))
	if got := path(out, one); got != "Terminating Terminating:Wait" || path(out, "i-0002") != "Pending" {
		t.Errorf("lost in service: %q, and %q in its place", got, path(out, "i-0002"))
	}
	if out := must(t)(g.Lose(at(20), one)); path(out, one) != "Terminating:Wait" || len(out) != 1 {
		t.Errorf("lost while it drains: %v", out)
	}
	if due, ok := g.Due(); !ok || !due.Equal(at(610)) {
		t.Errorf("its hook ends at %v", due)
	}
	if got := path(g.Expire(at(610)), one); got != "Terminating:Proceed" {
		t.Errorf("when its time is over: %q", got)
	}
	if _, err := g.Lose(at(620), one); err == nil {
		t.Error("lost once more")
	}
}

// TestEndedWhileItDrains: somebody ends an instance that drains: refused, and the drain goes on.
func TestEndedWhileItDrains(t *testing.T) {
	cfg := hooked
	cfg.Prepared, cfg.Min = 0, 0
	g, _ := NewGroup(t0, cfg)
	g.SetDesired(at(0), 2)
	for _, id := range []string{one, "i-0002"} {
		must(t)(g.Running(at(1), id))
		must(t)(g.Complete(at(2), id, Continue))
		must(t)(g.Protect(at(3), id, true))
	}
	if got := path(must(t)(g.End(at(10), one)), one); got != "Terminating Terminating:Wait" || g.Desired() != 1 {
		t.Errorf("protected, and named: %q, desired %d", got, g.Desired())
	}
	before, _ := g.Due()
	if _, err := g.End(at(20), one); err == nil || g.Desired() != 1 {
		t.Errorf("ended again: %v, desired %d", err, g.Desired())
	}
	if due, _ := g.Due(); !due.Equal(before) || states(g) != "i-0001 Terminating:Wait, i-0002 InService" {
		t.Errorf("%v, %s", due, states(g))
	}
}

func TestStandbyBounds(t *testing.T) {
	g := started(t, Config{Min: 1, Max: 1})
	if _, err := g.Rest(at(1), one); err == nil {
		t.Error("the last one rests")
	}
	g.cfg.Min = 0
	must(t)(g.Rest(at(2), one))
	g.SetDesired(at(3), 1)
	if _, err := g.Return(at(4), one); err == nil {
		t.Error("one more than the most")
	}
}

// TestTarget: every state is on its way to one that lasts.
func TestTarget(t *testing.T) {
	for _, r := range Table {
		for _, running := range []bool{false, true} {
			switch target := r.To.Target(running); target {
			case InService, Standby, Terminated, WarmedStopped, WarmedRunning, WarmedTerminated:
				if r.To.Warmed() != target.Warmed() {
					t.Errorf("%s is on its way to %s", r.To, target)
				}
			default:
				t.Errorf("%s is on its way to %s", r.To, target)
			}
		}
	}
}
