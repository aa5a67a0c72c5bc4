package aws

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"livedub/cluster"
	"livedub/cluster/memory"
	"livedub/internal/testkit/awsfake"
)

func reporter(t *testing.T, n *node, at awsfake.Instance, deaths func(context.Context) (int, error)) *Reporter {
	t.Helper()
	r, err := OpenReporter(t.Context(), ReporterConfig{Namespace: "DeepLearning", Group: group, Deaths: deaths, HTTP: at, Log: slog.New(slog.NewTextHandler(n, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	r.Start(t.Context())
	return r
}

// deathsIn adds up what was published.
func deathsIn(t *testing.T, f *awsfake.Fake) (sum float64, values int) {
	t.Helper()
	for _, d := range f.Data() {
		if d.Name != "NodeDeaths" || d.Unit != units[d.Name] || d.Namespace != "DeepLearning" || len(d.Dimensions) != 1 || d.Dimensions["AutoScalingGroupName"] != group {
			t.Fatalf("%+v", d)
		}
		sum += d.Value
		values++
	}
	return sum, values
}

// TestDeathsAddUp: of three gateways of one registry each death is published by one; a node
// that leaves, or lives, by none.
func TestDeathsAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		reg := memory.New(cluster.Rules{}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		defer all.Wait()
		defer cancel()
		for range 3 { // in no group of their own
			r := reporter(t, n, awsfake.Instance{Fake: f, ID: "i-gateway"}, reg.Deaths)
			all.Go(func() { (&cluster.Heart{Registry: reg}).Run(ctx) })
			defer r.Close()
		}
		beat := func(ids ...string) {
			for _, id := range ids {
				if _, err := reg.Beat(ctx, cluster.Node{ID: id, Boot: id + "-1", Addr: "http://" + id + ":1", State: cluster.Serving, Capacity: 1}); err != nil {
					t.Error(err)
				}
			}
		}
		for range 60 {
			beat("a", "b", "c", "d", "e")
			time.Sleep(time.Second)
		}
		if err := reg.Leave(ctx, "c", "c-1"); err != nil {
			t.Fatal(err)
		}
		for i := range 120 {
			if i < 60 {
				beat("b")
			}
			beat("a")
			time.Sleep(time.Second)
		}
		if sum, values := deathsIn(t, f); sum != 3 || values < 9 || values > 15 {
			t.Errorf("%v deaths in %d values, want those of d, e and, a minute later, b, and a zero a minute", sum, values)
		}
	})
}

// TestDeathsWait: what CloudWatch does not take now is published later, as of its time.
func TestDeathsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		var died atomic.Int64
		died.Store(-1) // the registry is away
		r := reporter(t, n, awsfake.Instance{Fake: f, ID: "i-gateway"}, func(context.Context) (int, error) {
			if n := died.Load(); n < 0 {
				return 0, cluster.ErrUnavailable
			}
			return int(died.Swap(0)), nil
		})
		time.Sleep(5 * time.Minute)
		if _, values := deathsIn(t, f); values != 1 {
			t.Errorf("%d values while nobody knows who died, and one at the start", values)
		}
		f.Fail(awsfake.CloudWatch, awsfake.Throttle, -1)
		died.Store(2)
		time.Sleep(20 * time.Second)
		found := time.Now()
		time.Sleep(3 * time.Minute)
		f.Fail(awsfake.CloudWatch, "", 0)
		time.Sleep(90 * time.Second)
		if sum, _ := deathsIn(t, f); sum != 2 {
			t.Errorf("%v deaths", sum)
		}
		for _, d := range f.Data() {
			if d.Value > 0 && d.At.After(found) {
				t.Errorf("deaths of %v are published as of %v", found, d.At)
			}
		}
		r.Close()
		if s := r.Stats(); s.Failures[Throttled] == 0 || s.Waiting > 0 || s.Dropped > 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestReporterStarts(t *testing.T) {
	for _, c := range []struct {
		name    string
		begin   func(*awsfake.Fake)
		setting string // "": it starts, or is elsewhere
		err     error
	}{
		{"no right", func(f *awsfake.Fake) { f.Fail(awsfake.CloudWatch, awsfake.Denied, -1) }, "credentials", nil},
		{"throttled", func(f *awsfake.Fake) { f.Fail(awsfake.CloudWatch, awsfake.Throttle, -1) }, "", nil},
		{"silence", func(f *awsfake.Fake) { f.Fail(awsfake.CloudWatch, awsfake.Silence, -1) }, "", nil},
		{"no EC2", func(f *awsfake.Fake) { f.Fail(awsfake.IMDS, awsfake.Silence, -1) }, "", ErrElsewhere},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, n := ground(), newNode()
				c.begin(f)
				began := time.Now()
				r, err := OpenReporter(t.Context(), ReporterConfig{Namespace: "DeepLearning", Group: group, HTTP: awsfake.Instance{Fake: f, ID: "i-g"}, Log: slog.New(slog.NewTextHandler(n, nil))})
				if took := time.Since(began); took > lookTime+checkTime {
					t.Errorf("it took %v", took)
				}
				var setting *SettingError
				switch {
				case c.setting != "" && (!errors.As(err, &setting) || setting.Setting != c.setting || !strings.Contains(err.Error(), "policy")):
					t.Error(err)
				case c.setting == "" && !errors.Is(err, c.err):
					t.Error(err)
				}
				if r != nil {
					r.Close()
				}
			})
		})
	}
}
