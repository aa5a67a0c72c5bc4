package fleet

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	cloud "livedub/cluster/aws"
	"livedub/internal/testkit/asg"
	"livedub/internal/testkit/awsfake"
)

// serve is a machine with an agent of cluster/aws on it, from its start to its stop.
func (n *standin) serve() {
	n.mu.Lock()
	boot := n.f.Boot.Cold
	if n.booted {
		boot = n.f.Boot.Warm
	}
	n.booted, n.leaves = true, false
	n.mu.Unlock()
	up := seconds(boot.BootS) + seconds(boot.DriverS)
	if !n.sleep(up) {
		return
	}
	agent, err := cloud.Open(n.ctx, cloud.Config{
		Namespace: "DeepLearning", HTTP: awsfake.Instance{Fake: n.fake, ID: n.id}, Log: slog.New(slog.DiscardHandler), Deadline: time.Hour,
		Load: n.load,
		Sessions: func() int {
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.used
		},
		Ready: func(ctx context.Context) error {
			return wait(ctx, seconds(boot.EnginesS)+seconds(boot.RegisterS))
		},
		Register: func(context.Context) error {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.serves = true
			return nil
		},
		Drain: n.drain,
	})
	if err != nil {
		n.t.Errorf("%s: %v", n.id, err)
		return
	}
	n.mu.Lock()
	n.agent = agent
	n.mu.Unlock()
	agent.Start(n.ctx)
	<-n.ctx.Done()
	agent.Close()
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// load is in percent of the places, whose share an agent publishes.
func (n *standin) load() cloud.Load {
	n.mu.Lock()
	defer n.mu.Unlock()
	used := float64(n.used)
	memory := min(n.f.Node.GPUMemoryBasePct+n.f.Node.GPUMemorySessionPct*used, 100)
	share := 100 * used / float64(n.f.Node.Places)
	return cloud.Load{CPU: min(n.f.Node.CPUBasePct+n.f.Node.CPUSessionPct*used, 100), GPUMemory: &memory, Used: share, Free: 100 - share}
}

func (n *standin) drain(ctx context.Context) {
	n.mu.Lock()
	n.serves, n.leaves = false, true
	n.mu.Unlock()
	for wait(ctx, seconds(n.f.Boot.DrainS)) == nil {
		n.mu.Lock()
		used := n.used
		n.mu.Unlock()
		if used == 0 {
			return
		}
	}
}

// stop is a machine that EC2 stops or ends: its process ends with it.
func (a *account) stop(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := a.node(id); n.agent != nil {
		a.all.Go(n.agent.Close)
		n.agent = nil
	}
}

// TestAgentsLiveAsSimulated: with the agents of cluster/aws on the fake's instances, each instance goes
// through the same states by the same events as in the simulation. Their times differ by what agents do
// that the simulation leaves out: they look for a new target every 2 s, publish from their own start on
// and not all at once, and lift the protection a minute after the last session.
func TestAgentsLiveAsSimulated(t *testing.T) {
	f := *load(t)
	f.Boot.Jitter = 0
	f.Boot.Cold.BootS += .22
	f.Boot.Warm.BootS += .22
	const out, in = 22 * time.Second, 2 * time.Minute // how far apart scale-out and scale-in may be
	for _, warm := range []bool{false, true} {
		policy, end := spec(t, "ours, cold"), 70*time.Minute
		if warm {
			policy = spec(t, oursWarm)
		}
		todo := crowd(10*time.Minute, 70)
		cfg := f.config(warm)
		s := &sim{f: &f, cfg: cfg, end: end, bare: true, rand: rand.New(rand.NewPCG(1, 2)), samples: samples{every: time.Duration(f.SampleS) * time.Second}}
		run, err := s.simulate(t.Context(), policy.Policies, todo)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			got, want := lives(renamed(play(t, true, &f, cfg, policy.Policies, todo, end), began)), lives(renamed(run.Changes, epoch))
			if len(got) != len(want) {
				t.Fatalf("warm %v: %d instances, %d in the simulation", warm, len(got), len(want))
			}
			for id, w := range want {
				g := got[id]
				for i := range max(len(g), len(w)) {
					if i >= len(g) || i >= len(w) || g[i].From != w[i].From || g[i].On != w[i].On || g[i].To != w[i].To {
						t.Fatalf("warm %v, %s: agents\n%s, the simulation\n%s", warm, id, around(g, min(i, len(g)-1)), around(w, min(i, len(w)-1)))
					}
					apart, may := g[i].At.Sub(w[i].At).Abs(), out
					if left := slices.IndexFunc(w, func(c asg.Change) bool { return c.On == asg.ScaleIn || c.On == asg.Reuse }); left >= 0 && i >= left {
						may = in
					}
					if apart > may {
						t.Errorf("warm %v, %s: %s at %v, in the simulation at %v", warm, id, w[i].On, g[i].At.Sub(epoch), w[i].At.Sub(epoch))
					}
				}
			}
		})
	}
}

// lives are what each instance went through.
func lives(changes []asg.Change) map[string][]asg.Change {
	out := map[string][]asg.Change{}
	for _, c := range changes {
		out[c.Instance] = append(out[c.Instance], c)
	}
	return out
}
