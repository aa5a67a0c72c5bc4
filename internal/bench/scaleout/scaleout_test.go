package scaleout

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"livedub/internal/testkit/awsfake"
)

// check tells what of a report cannot be.
func check(t *testing.T, r Report, start string, boot time.Duration) {
	t.Helper()
	var sum float64
	at := map[Step]float64{}
	for _, p := range r.Phases {
		sum += p.TookS
		if p.TookS < 0 || math.Abs(sum-p.AtS) > .05 {
			t.Errorf("phase %s took %v and ends at %v, all until then %v", p.Name, p.TookS, p.AtS, sum)
		}
		at[p.Step] = p.AtS
	}
	if len(r.Phases) != len(steps)-1 { // Process is what only processes of this machine tell
		t.Errorf("%d phases: %+v", len(r.Phases), r.Phases)
	}
	if r.Start != start || r.Instance == "" || r.Node != r.Instance || r.Alarm != "TargetTracking-g-AlarmHigh-used" {
		t.Errorf("%s start of %s, %s, by %s", r.Start, r.Instance, r.Node, r.Alarm)
	}
	if r.SessionS != at[Session] || r.SoundS != at[Sound] || math.Abs(r.SoundS-r.SessionS-siteSounds.Seconds()) > .05 {
		t.Errorf("session at %v, sound at %v: %v", r.SessionS, r.SoundS, at)
	}
	// 3 data points of 10 s, that show 5 s late, are looked at every 10 s.
	if at[Alarm] < 30 || at[Alarm] > 60 || at[Metric] > at[Alarm] || at[Decided]-at[Alarm] > .1 {
		t.Errorf("metric, alarm, decision: %v", at)
	}
	want := (boot + siteReady).Seconds() // and until a caller tries again
	if r.DecisionS < want-.3 || r.DecisionS > want+3 {
		t.Errorf("%v s from the decision to the session, want %v", r.DecisionS, want)
	}
	if r.Refused == 0 || r.Waited != 2 || r.FullS == nil || *r.FullS > 1 || r.InServiceS == nil || r.Launched != 1 || r.Group.Account != awsfake.Account {
		t.Errorf("%+v", r)
	}
}

func TestCold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil)
		r, err := s.measure(t.Context(), nil)
		if err != nil {
			t.Fatal(err, s.said())
		}
		check(t, r, "cold", siteBoot)
		if r.Retries != 0 || r.Sessions != sitePlaces+2 {
			t.Errorf("%d requests made again, %d sessions", r.Retries, r.Sessions)
		}
		for _, n := range s.list() {
			if n.Used != 0 {
				t.Errorf("node %s still has sessions", n.ID)
			}
		}
		var text bytes.Buffer
		if err := r.Print(&text); err != nil || !strings.Contains(text.String(), "first dubbed sound") || strings.Contains(text.String(), "made up") {
			t.Errorf("%v: %s", err, &text)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Error(err)
		}
	})
}

func TestWarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, func(g *awsfake.Group) { g.Prepared = 2 })
		r, err := s.measure(t.Context(), nil)
		if err != nil {
			t.Fatal(err, s.said())
		}
		check(t, r, "warm", siteThaw)
		if r.Group.Warm != 1 {
			t.Errorf("%d in the warm pool", r.Group.Warm)
		}
	})
}

// TestScaleIn: it waits until the group is as small as before.
func TestScaleIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil)
		r, err := s.measure(t.Context(), func(c *Config) { c.ScaleIn = time.Hour })
		if err != nil || r.ScaleIn == nil || r.ScaleIn.DecidedS < 60 || r.ScaleIn.GoneS < r.ScaleIn.DecidedS {
			t.Errorf("%v: %+v", err, r.ScaleIn)
		}
		s = newSite(t, nil)
		if _, err = s.measure(t.Context(), func(c *Config) { c.ScaleIn = time.Minute }); err == nil || !strings.Contains(err.Error(), "scale-in: after 1m0s the group has 2 instances") {
			t.Error(err)
		}
	})
}

// TestFaults: what passes is waited for, and counted.
func TestFaults(t *testing.T) {
	for kind, fail := range map[string]func(*site){
		"throttled": func(s *site) {
			s.fake.Fail(awsfake.AutoScaling, awsfake.Throttle, 3)
			s.fake.Fail(awsfake.CloudWatch, awsfake.Throttle, 3)
		},
		"broken":  func(s *site) { s.fake.Fail(awsfake.AutoScaling, awsfake.Broken, 3) },
		"silent":  func(s *site) { s.fake.Fail(awsfake.AutoScaling, awsfake.Silence, 1) },
		"renewed": func(s *site) { s.fake.Expire() },
	} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil)
				later := time.AfterFunc(20*time.Second, func() { fail(s) })
				defer later.Stop()
				r, err := s.measure(t.Context(), nil)
				if err != nil || r.Retries == 0 || r.SessionS == 0 {
					t.Errorf("%v, %d made again: %s", err, r.Retries, s.said())
				}
			})
		})
	}
}

// TestNever: what does not come to pass is told, with where to look.
func TestNever(t *testing.T) {
	later := func(f func()) { time.AfterFunc(10*time.Second, f) }
	for _, c := range []struct {
		name  string
		group func(*awsfake.Group)
		do    func(*site)
		with  func(*Config)
		says  []string
		phase int // that were seen before
	}{
		{"no metrics", nil, func(s *site) { s.set(func() { s.namespace = "Other" }) }, nil, []string{"after 5m0s: no data point over a threshold came", "aws.namespace"}, 0},
		{"too few sessions", nil, nil, func(c *Config) { c.Sessions = 2 }, []string{"the load never filled the fleet: raise --sessions"}, 6},
		{"not ready", nil, func(s *site) { s.set(func() { s.broken = true }) }, nil, []string{"its node does not serve", "launching hook"}, 5},
		{"max reached", func(g *awsfake.Group) { g.Min = 2 }, nil, nil, []string{"wants 2 instances and may have 2", "raise its maximum"}, 0},
		{"no policy", func(g *awsfake.Group) { g.Policies = nil }, nil, nil, []string{"has no policy that scales out by an alarm"}, 0},
		{"another group", nil, nil, func(c *Config) { c.Group = "h" }, []string{`no Auto Scaling group "h" in eu-central-1`, "it has g", "--region"}, 0},
		{"denied", nil, func(s *site) { s.fake.Fail(awsfake.CloudWatch, awsfake.Denied, -1) }, nil, []string{"DescribeAlarms: AccessDenied", "OPERATIONS.md"}, 0},
		{"denied later", nil, func(s *site) { later(func() { s.fake.Fail(awsfake.AutoScaling, awsfake.Denied, -1) }) }, nil, []string{"DescribeAutoScalingGroups: AccessDenied", "OPERATIONS.md"}, 0},
		{"throttled for good", nil, func(s *site) { s.fake.Fail(awsfake.AutoScaling, awsfake.Throttle, -1) }, nil, []string{"AWS did not answer for 1m0s: Throttling"}, 0},
		{"expired", nil, func(s *site) { s.set(func() { s.key = s.fake.Key() }); later(s.fake.Expire) }, nil, []string{"the credentials are not good, or no more: ExpiredToken", "log in again"}, 0},
		{"busy", nil, func(s *site) { s.fake.Launch("g") }, func(c *Config) {}, []string{"is Pending: wait until the group is at rest"}, 0},
		{"no nodes", nil, func(s *site) { s.set(func() { s.nodes = nil }) }, nil, []string{"no node that serves"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, c.group)
				if c.do != nil {
					c.do(s)
				}
				r, err := s.measure(t.Context(), c.with)
				if len(c.says) == 0 != (err == nil) {
					t.Fatalf("%v: %s", err, s.said())
				}
				for _, says := range c.says {
					if !strings.Contains(err.Error(), says) {
						t.Errorf("%q is not in: %v", says, err)
					}
				}
				if len(r.Phases) < c.phase || len(r.Phases) > c.phase+2 {
					t.Errorf("%d phases: %+v", len(r.Phases), r.Phases)
				}
			})
		})
	}
}
