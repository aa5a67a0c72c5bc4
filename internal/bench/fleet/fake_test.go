package fleet

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"livedub/internal/testkit/asg"
)

// crowd is one caller from the start, and many that come from a time on, one every 11.1 s: 20 erlangs
// and more. No call begins or ends at a moment at which nodes publish or boot, so that nothing happens
// at the same time by chance.
func crowd(from time.Duration, callers int) []call {
	out := []call{{300 * time.Millisecond, from}}
	for n := range callers {
		out = append(out, call{from + time.Duration(n)*11100*time.Millisecond + 330*time.Millisecond, 240*time.Second + time.Duration(n%7)*1700*time.Millisecond + 450*time.Millisecond})
	}
	return out
}

// renamed names instances i-0001 and so on, in the order of their launch, and counts time from epoch.
func renamed(changes []asg.Change, began time.Time) []asg.Change {
	names := map[string]string{}
	out := slices.Clone(changes)
	for i, c := range out {
		if names[c.Instance] == "" {
			names[c.Instance] = fmt.Sprintf("i-%04d", len(names)+1)
		}
		out[i].Instance, out[i].At = names[c.Instance], epoch.Add(c.At.Sub(began))
	}
	// Nodes that are ready at one moment tell of it in any order; what each went through stays in its own.
	slices.SortStableFunc(out, func(a, b asg.Change) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Instance, b.Instance))
	})
	return out
}

// TestSimulationIsTheFake: event by event, at the same times, the simulation does what the fake does
// that a test of cluster/aws and make scaleout run on; that one is asked by HTTP, and works on the data
// that stand-ins for nodes sent.
func TestSimulationIsTheFake(t *testing.T) {
	f := *load(t)
	f.Boot.Jitter = 0
	f.Boot.Cold.BootS += .22 // so that no node comes into service at the moment at which all publish
	f.Boot.Warm.BootS += .22
	slow := f // engines take longer than the launching hook waits, by a time that is on no grid
	slow.Group.HookTimeoutS = 95.5
	const begin, many = 10 * time.Minute, 70
	long := func(at, length time.Duration) call {
		return call{begin + at + 530*time.Millisecond, length + 350*time.Millisecond}
	}
	for _, c := range []struct {
		name     string
		f        Frozen
		warm     bool
		policies []asg.Policy
		todo     []call
		end      time.Duration
		least    int         // of scale-outs
		needs    []asg.Event // that must have happened, for the case to be what it is named
	}{
		{"flash crowd, cold", f, false, spec(t, "ours, cold").Policies, crowd(begin, many), 90 * time.Minute, 5, []asg.Event{asg.ScaleIn, asg.Gone}},
		{"two flash crowds, warm, reused", f, true, spec(t, oursWarm).Policies, append(crowd(begin, many), crowd(90*time.Minute, many)...), 150 * time.Minute, 9, []asg.Event{asg.Reuse, asg.Stopped}},
		{"the notes' policy, cold", f, false, spec(t, "notes, cold").Policies, crowd(begin, many), 90 * time.Minute, 4, []asg.Event{asg.ScaleIn}},
		{"the notes' policy, warm", f, true, spec(t, notesWarm).Policies, crowd(begin, many), 90 * time.Minute, 4, []asg.Event{asg.Reuse}},
		// A second crowd comes while nodes are on their way back: new ones are launched, and the warm pool ends stopped ones.
		{"tracking both ways", f, true, spec(t, "tracking both ways, warm pool").Policies, append(crowd(begin, many), crowd(26*time.Minute+14*time.Second, 40)...), time.Hour, 7, []asg.Event{asg.Reuse, asg.Shrink}},
		{"a hook that times out", slow, false, spec(t, "ours, cold").Policies, crowd(begin, many), 20 * time.Minute, 5, []asg.Event{asg.Abandon, asg.Gone}},
		// The group wants fewer, and has them only when those who talk on have hung up.
		{"protected at scale-in", f, true, spec(t, oursWarm).Policies, append(crowd(begin, many), long(5*time.Second, 40*time.Minute), long(5*time.Minute, 50*time.Minute), long(8*time.Minute, 45*time.Minute)),
			90 * time.Minute, 5, []asg.Event{asg.Reuse, held}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := c.f.config(c.warm)
			c.end += 5 * time.Second // not a moment at which all publish
			s := &sim{f: &c.f, cfg: cfg, end: c.end, bare: true, rand: rand.New(rand.NewPCG(1, 2)), samples: samples{every: time.Duration(c.f.SampleS) * time.Second}}
			slices.SortFunc(c.todo, func(a, b call) int { return int(a.at - b.at) })
			run, err := s.simulate(t.Context(), c.policies, c.todo)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				got := renamed(play(t, false, &c.f, cfg, c.policies, c.todo, c.end), began)
				want := renamed(run.Changes, epoch)
				if len(got) != len(want) {
					t.Errorf("the fake made %d changes, the simulation %d", len(got), len(want))
				}
				for i := range min(len(got), len(want)) {
					if g, w := got[i], want[i]; !g.At.Equal(w.At) || g.Instance != w.Instance || g.From != w.From || g.On != w.On || g.To != w.To {
						t.Fatalf("change %d: the fake's is\n%s, the simulation's\n%s", i, around(got, i), around(want, i))
					}
				}
			})
			happened := map[asg.Event]int{}
			for _, c := range run.Changes {
				happened[c.On]++
				if (c.On == asg.Reuse || c.On == asg.ScaleIn) && c.At.Sub(epoch)%asg.Grid != 0 {
					happened[held]++ // no alarm was looked at then: a session ended
				}
			}
			for _, e := range c.needs {
				if happened[e] == 0 {
					t.Errorf("%q never happened", e)
				}
			}
			if happened[asg.ScaleOut] < c.least {
				t.Errorf("%d scale-outs, want %d", happened[asg.ScaleOut], c.least)
			}
			t.Logf("%d changes: %v", len(run.Changes), happened)
		})
	}
}

// held is a scale-in that a session had held up.
const held = asg.Event("held up")

// around writes down a change and those before and after it.
func around(changes []asg.Change, i int) string {
	var out []string
	for _, c := range changes[max(i-4, 0):min(i+3, len(changes))] {
		out = append(out, fmt.Sprintf("  %v %s %s: %s -> %s", c.At.Sub(epoch), c.Instance, c.On, c.From, c.To))
	}
	return strings.Join(out, "\n")
}
