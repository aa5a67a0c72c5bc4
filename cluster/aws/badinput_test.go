package aws

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"livedub/internal/testkit/asg"
	"livedub/internal/testkit/awsfake"
)

// metadata is AWS whose metadata service is other than the fake's.
type metadata struct {
	HTTPClient
	is func(*http.Request) (status int, body string) // 0: as the fake's
}

// Do is part of HTTPClient.
func (m metadata) Do(r *http.Request) (*http.Response, error) {
	if r.URL.Hostname() == "169.254.169.254" {
		if status, body := m.is(r); status != 0 {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, r.Context().Err()
		}
	}
	return m.HTTPClient.Do(r)
}

// late has answers of the metadata service come so much later.
func late(d time.Duration, of string) func(*http.Request) (int, string) {
	return func(r *http.Request) (int, string) {
		if strings.Contains(r.URL.Path, of) {
			sleep(r.Context(), d)
		}
		return 0, ""
	}
}

// at answers requests for one part of the metadata.
func at(part string, status int, body string) func(*http.Request) (int, string) {
	return func(r *http.Request) (int, string) {
		if strings.Contains(r.URL.Path, part) {
			return status, body
		}
		return 0, ""
	}
}

// TestBadMachines: what is wrong with a machine is an error that says what, and nothing
// holds up a start for longer than its bound.
func TestBadMachines(t *testing.T) {
	for _, c := range []struct {
		name    string
		is      func(*http.Request) (int, string)
		setting string // whose error it is
		says    string // "": it starts all the same
		within  time.Duration
	}{
		{"no region", at("instance-identity", 200, `{"instanceId":"i-1","accountId":"123456789012"}`), "", "no region", lookTime},
		{"a document of something else", at("instance-identity", 200, "<html>"), "", "does not say which instance", lookTime},
		{"no role", at("/iam/", 404, ""), "credentials", "needs a role", lookTime + checkTime},
		{"slow metadata", late(300*time.Millisecond, ""), "", "", lookTime + checkTime},
		{"metadata that are slower", late(600*time.Millisecond, ""), "", "does not say which instance", lookTime},
		{"credentials that do not come", late(time.Hour, "/iam/"), "", "", lookTime + checkTime},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, n := ground(), newNode()
				cfg := n.config(awsfake.Instance{Fake: f, ID: f.Launch(group)})
				cfg.HTTP = metadata{cfg.HTTP, c.is}
				began := time.Now()
				a, err := Open(t.Context(), cfg)
				if took := time.Since(began); took > c.within {
					t.Errorf("it took %v, want %v at most", took, c.within)
				}
				if a != nil {
					a.Close()
				}
				var setting *SettingError
				switch {
				case c.says == "" && err != nil, c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
					t.Errorf("%v, want %q", err, c.says)
				case c.setting != "" && (!errors.As(err, &setting) || setting.Setting != c.setting):
					t.Errorf("%v is not about the %s", err, c.setting)
				case c.says != "" && c.setting == "" && !errors.Is(err, ErrElsewhere):
					t.Errorf("%v: not elsewhere", err)
				}
			})
		})
	}
}

// TestTerminatedWhileItDrains: somebody completes the hook, or ends the instance by hand,
// while it drains: its sessions go on for as long as the machine runs, and nothing is asked
// for ever.
func TestTerminatedWhileItDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		id := f.Launch(group)
		a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
		time.Sleep(30 * time.Second)
		f.SetDesired(group, 0)
		time.Sleep(30 * time.Second)
		if f.State(id) != asg.TerminatingWait || !strings.HasSuffix(n.done(), "drain") {
			t.Fatalf("%s, did %q", states(f, id), n.done())
		}
		if err := f.Complete(id, asg.Continue); err != nil { // not ours
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if f.State(id) != asg.Terminated || a.Stats().Completed != 1 {
			t.Fatalf("%s, %+v", states(f, id), a.Stats())
		}
		close(n.drained) // the machine ran for a minute more
		time.Sleep(time.Minute)
		began := time.Now()
		a.Close()
		if took := time.Since(began); took > time.Second {
			t.Errorf("closing took %v", took)
		}
		asked := total(f)
		time.Sleep(10 * time.Minute)
		if more := total(f) - asked; more > 0 {
			t.Errorf("%d requests after it was closed", more)
		}
		if s := a.Stats(); s.Completed != 1 || len(s.Failures) > 0 {
			t.Errorf("%+v", s)
		}
	})
}

func total(f *awsfake.Fake) (n int) {
	for _, name := range []string{"DescribeAutoScalingInstances", "CompleteLifecycleAction", "RecordLifecycleActionHeartbeat", "PutMetricData"} {
		n += f.Requests(name)
	}
	return n
}

// TestFaultsOfTheGroup: whatever becomes of requests about the instance's life, protection
// comes in the end, the node drains when it is taken, and why it was late is counted.
func TestFaultsOfTheGroup(t *testing.T) {
	for _, c := range []struct {
		name  string
		begin func(*awsfake.Fake)
		cause Cause
	}{
		{"throttled", func(f *awsfake.Fake) { f.Fail(awsfake.AutoScaling, awsfake.Throttle, -1) }, Throttled},
		{"server error", func(f *awsfake.Fake) { f.Fail(awsfake.AutoScaling, awsfake.Broken, -1) }, Unavailable},
		{"silence", func(f *awsfake.Fake) { f.Fail(awsfake.AutoScaling, awsfake.Silence, -1) }, Unavailable},
		{"no right", func(f *awsfake.Fake) { f.Fail(awsfake.AutoScaling, awsfake.Denied, -1) }, Credentials},
		{"expired credentials", (*awsfake.Fake).Expire, Credentials},
		{"wrong clock", func(f *awsfake.Fake) { f.Skew(time.Hour) }, Clock},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, n := ground(), newNode()
				id := f.Launch(group)
				a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
				defer a.Close()
				time.Sleep(30 * time.Second)
				c.begin(f)
				n.sessions.Store(1)
				time.Sleep(3 * time.Minute)
				if asked := f.Requests("SetInstanceProtection"); asked > 15 {
					t.Errorf("%d requests in 3 minutes", asked)
				}
				f.Fail(awsfake.AutoScaling, "", 0)
				f.Skew(0)
				time.Sleep(90 * time.Second)
				if s := a.Stats(); s.Failures[c.cause] == 0 || !f.Protected(id) || !s.Protected {
					t.Errorf("protected %v, %+v", f.Protected(id), s)
				}
				n.sessions.Store(0)
				time.Sleep(2 * time.Minute)
				f.SetDesired(group, 0)
				time.Sleep(20 * time.Second)
				close(n.drained)
				time.Sleep(20 * time.Second)
				if f.State(id) != asg.Terminated || n.done() != "ready register drain" {
					t.Errorf("%s, did %q", states(f, id), n.done())
				}
			})
		})
	}
}

// TestAdviceForEachCause: an error of each cause says what to do.
func TestAdviceForEachCause(t *testing.T) {
	for _, cause := range Causes {
		if text := (&CallError{"X", cause, errors.New("so")}).Error(); advice[cause] == "" || !strings.Contains(text, fmt.Sprintf("X: %s: %s", cause, advice[cause])) {
			t.Error(text)
		}
	}
}
