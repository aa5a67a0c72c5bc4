package fleet

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/internal/testkit/asg"
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

func load(t testing.TB) *Frozen {
	t.Helper()
	f, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func trace(t testing.TB, f *Frozen, name string) Trace {
	t.Helper()
	for _, tr := range append(slices.Clone(f.Training), f.HeldOut...) {
		if tr.Name == name {
			return tr
		}
	}
	t.Fatalf("no trace %q", name)
	return Trace{}
}

func spec(t testing.TB, name string) Spec {
	t.Helper()
	for _, s := range Specs() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no policy %q", name)
	return Spec{}
}

// TestErlang: fleets of a fixed size lose what Erlang's formula says, within 5 %.
func TestErlang(t *testing.T) {
	losses, err := load(t).Losses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{.0952, .0644, .0440} // known values, so that formula and simulation cannot be wrong together
	for i, l := range losses {
		if math.Abs(l.Theory-want[i]) > .0001 || math.Abs(l.Simulated/l.Theory-1) > .05 {
			t.Errorf("%+v, want %g", l, want[i])
		}
	}
}

// TestGoal: in the flash crowd that it was tuned on, ours refuses at most 2 % at no more than 1.15 times
// the hours of the notes' policy, which refuses more; both the same calls.
func TestGoal(t *testing.T) {
	f := load(t)
	tr := trace(t, f, "flash crowd")
	run := func(name string) Result {
		r, err := f.policy(t.Context(), spec(t, name), tr, f.Seeds)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	ours, notes, cold := run(oursWarm), run(notesWarm), run("ours, cold")
	if ours.BlockedPct > 2 || ours.GPUHours > 1.15*notes.GPUHours || notes.BlockedPct <= ours.BlockedPct || ours.Calls != notes.Calls {
		t.Errorf("ours %+v\nnotes %+v", ours, notes)
	}
	if cold.BlockedPct <= ours.BlockedPct || cold.StartS < 150 || ours.StartS > 80 {
		t.Errorf("cold %.2f %%, %.0f s; warm %.2f %%, %.0f s", cold.BlockedPct, cold.StartS, ours.BlockedPct, ours.StartS)
	}
}

// TestRun: what one simulation does, event by event, keeps the group's rules.
func TestRun(t *testing.T) {
	f := load(t)
	tr := trace(t, f, "two flash crowds")
	for _, s := range Specs() {
		if s.Fixed {
			continue
		}
		todo := calls(tr, f.Call.MeanS, 5)
		one, err := simulate(t.Context(), f, f.config(s.Warm), s.Policies, todo, tr.length(), 5, 0)
		if err != nil {
			t.Fatal(err)
		}
		two, _ := simulate(t.Context(), f, f.config(s.Warm), s.Policies, todo, tr.length(), 5, 0)
		if !slices.Equal(one.Changes, two.Changes) || one.Blocked != two.Blocked {
			t.Errorf("%s: two runs of one seed differ", s.Name)
		}
		if open := one.Calls - len(one.Waits) - one.GaveUp; one.Calls != len(todo) || open < 0 || open > 2 || one.GaveUp > one.Blocked {
			t.Errorf("%s: %d of %d calls: %d served, %d gave up, %d open", s.Name, one.Calls, len(todo), len(one.Waits), one.GaveUp, open)
		}
		at := map[string]asg.State{}
		reused, launched := 0, 0
		for _, c := range one.Changes {
			if to, ok := asg.Next(at[c.Instance], c.On); !ok || to != c.To || c.From != at[c.Instance] {
				t.Fatalf("%s: %+v after %q", s.Name, c, at[c.Instance])
			}
			at[c.Instance] = c.To
			if c.On == asg.Reuse {
				reused++
			}
			if c.From == asg.New {
				launched++
			}
			inGroup := 0
			for _, st := range at {
				if st.InGroup() {
					inGroup++
				}
			}
			if inGroup > f.Group.Max {
				t.Fatalf("%s: %d in the group after %+v", s.Name, inGroup, c)
			}
		}
		if s.Warm && (reused == 0 || launched != f.Group.Max) || !s.Warm && (reused > 0 || launched <= f.Group.Max) {
			t.Errorf("%s: %d reused, %d launched", s.Name, reused, launched)
		}
	}
}

// TestProtected: no node is taken while a session is on it: each that leaves is drained at once.
func TestProtected(t *testing.T) {
	f := load(t)
	tr := trace(t, f, "flash crowd")
	for _, pack := range []bool{true, false} {
		g := *f
		g.Call.Pack = pack
		run, err := simulate(t.Context(), &g, g.config(true), spec(t, oursWarm).Policies, calls(tr, g.Call.MeanS, 3), tr.length(), 3, 0)
		if err != nil {
			t.Fatal(err)
		}
		waited := map[string]time.Time{}
		for _, c := range run.Changes {
			if c.On == asg.Reuse || c.On == asg.ScaleIn {
				waited[c.Instance] = c.At
			}
			if began, ok := waited[c.Instance]; ok && c.On == asg.Continue {
				if c.At.Sub(began) > 3*time.Second {
					t.Errorf("pack %v: %s drained for %v: it had sessions", pack, c.Instance, c.At.Sub(began))
				}
				delete(waited, c.Instance)
			}
		}
	}
}

func TestCalls(t *testing.T) {
	tr := Trace{Points: [][2]float64{{0, 2}, {30000, 2}, {30001, 10}, {60000, 10}}}
	got := calls(tr, 300, 1)
	if !slices.Equal(got, calls(tr, 300, 1)) || slices.Equal(got, calls(tr, 300, 2)) {
		t.Error("a seed's calls are its own, and the same each time")
	}
	early, length := 0, 0.0
	for _, c := range got {
		if c.at < seconds(30000) {
			early++
		}
		length += c.length.Seconds()
	}
	if n := float64(len(got)); math.Abs(float64(early)/200-1) > .2 || math.Abs((n-float64(early))/1000-1) > .1 || math.Abs(length/n/300-1) > .1 {
		t.Errorf("%d calls in the quiet half (want 200), %g in the other (1000), of %.0f s (300)", early, n-float64(early), length/n)
	}
	if calls(Trace{Points: [][2]float64{{0, 0}, {10, 0}}}, 300, 1) != nil {
		t.Error("calls without load")
	}
}

// TestPoints: data points are means of complete periods, of what shows by now; NaN where nobody reported.
func TestPoints(t *testing.T) {
	s := samples{every: 10 * time.Second}
	for i := range 12 {
		s.add(values{cpu: float64(20 * i), used: 3}, 2)
	}
	for range 6 {
		s.add(values{}, 0)
	}
	const delay = 5 * time.Second
	got := s.points(metricCPU, time.Minute, 5, 185*time.Second, delay)
	if len(got) != 3 || got[0] != 25 || got[1] != 85 || !math.IsNaN(got[2]) {
		t.Errorf("by the minute: %v", got)
	}
	if got := s.points(metricCPU, 10*time.Second, 2, 30*time.Second, delay); !slices.Equal(got, []float64{10, 20}) {
		t.Errorf("by ten seconds, at 30 s: %v", got)
	}
	if got := s.points(metricCPU, 10*time.Second, 2, 30*time.Second, 15*time.Second); got[0] != 10 || !math.IsNaN(got[1]) {
		t.Errorf("the newest does not show yet: %v", got)
	}
	if got := s.points(metricUsed, time.Minute, 3, 55*time.Second, delay); len(got) != 0 {
		t.Errorf("before a period is over: %v", got)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err := Compare(ctx, load(t), Specs(), func(string) {}); !errors.Is(err, why) {
		t.Error(err)
	}
}

func TestParse(t *testing.T) {
	good := string(frozen)
	for _, c := range []struct{ from, to, want string }{
		{`"places": 5,`, `"places": 0,`, "places"},
		{`"places": 5,`, `"place": 5,`, "unknown field"},
		{`"sample_s": 10`, `"sample_s": 7`, "sample_s"},
		{`[[0, 8], [21600, 8]]`, `[[0, 8]]`, `"poisson": give two points`},
		{`[[0, 8], [21600, 8]]`, `[[0, 8], [0, 8]]`, "times must rise"},
		{`[[0, 8], [21600, 8]]`, `[[0, 8], [21600, -8]]`, "not be negative"},
	} {
		bad := strings.Replace(good, c.from, c.to, 1)
		if bad == good {
			t.Fatalf("%q is not in the file", c.from)
		}
		if _, err := parse([]byte(bad)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.to, err)
		}
	}
}

// FuzzParse: what parses can be drawn calls from, within bounds.
func FuzzParse(f *testing.F) {
	f.Add(frozen)
	f.Add([]byte(`{"node":{"places":1}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parse(text)
		if err != nil {
			return
		}
		for _, tr := range got.Training {
			if tr.peak() < tr.at(0) || tr.length() < 0 && tr.Points[len(tr.Points)-1][0] < 9e9 {
				t.Errorf("%+v", tr)
			}
		}
	})
}

// TestScale: loads grow with the places, a start takes as many times as long, fewer seeds are run.
func TestScale(t *testing.T) {
	f := load(t)
	f.Scale(10, 2, 3)
	if f.Node.Places != 10 || f.Node.CPUSessionPct != 9 || f.Boot.Warm.EnginesS != 36 || len(f.Seeds) != 3 || len(f.HeldOutSeeds) != 3 || trace(t, f, "flash crowd").peak() != 28 {
		t.Errorf("%+v", f)
	}
}
