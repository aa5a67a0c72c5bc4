package aws

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	smithy "github.com/aws/smithy-go"

	"livedub/internal/testkit/asg"
	"livedub/internal/testkit/awsfake"
)

// TestFaults: whatever AWS does, samples arrive in the end, and why they were late is counted.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		begin func(*awsfake.Fake)
		end   func(*awsfake.Fake)
		cause Cause
	}{
		{"throttled", func(f *awsfake.Fake) { f.Fail(awsfake.CloudWatch, awsfake.Throttle, -1) }, nil, Throttled},
		{"server error", func(f *awsfake.Fake) { f.Fail(awsfake.CloudWatch, awsfake.Broken, -1) }, nil, Unavailable},
		{"silence", func(f *awsfake.Fake) { f.Fail(awsfake.CloudWatch, awsfake.Silence, -1) }, nil, Unavailable},
		{"no right", func(f *awsfake.Fake) { f.Fail(awsfake.CloudWatch, awsfake.Denied, -1) }, nil, Credentials},
		{"expired credentials", (*awsfake.Fake).Expire, nil, Credentials},
		{"wrong clock", func(f *awsfake.Fake) { f.Skew(time.Hour) }, nil, Clock},
		{"no metadata", func(f *awsfake.Fake) { f.Fail(awsfake.IMDS, awsfake.Broken, -1) }, nil, Metadata},
		{"silent metadata", func(f *awsfake.Fake) { f.Fail(awsfake.IMDS, awsfake.Silence, -1) }, nil, Metadata},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, n := ground(), newNode()
				id := f.Launch(group)
				a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
				time.Sleep(30 * time.Second)
				asked := f.Requests("PutMetricData")
				c.begin(f)
				time.Sleep(3 * time.Minute)
				if more := f.Requests("PutMetricData") - asked; more > 20 {
					t.Errorf("%d requests in 3 minutes", more)
				}
				for _, s := range []awsfake.Service{awsfake.CloudWatch, awsfake.IMDS} {
					f.Fail(s, "", 0)
				}
				time.Sleep(90 * time.Second)
				s := a.Stats()
				a.Close()
				if s.Failures[c.cause] == 0 || s.Waiting > 0 || s.Dropped > 0 || s.Published < 25 {
					t.Errorf("%+v", s)
				}
				if lines := strings.Count(n.logged(), "level=WARN"); lines > 4 || lines == 0 {
					t.Errorf("%d warnings:\n%s", lines, n.logged())
				}
			})
		})
	}
}

// TestOutageIsBounded: what waits for CloudWatch has an end.
func TestOutageIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		id := f.Launch(group)
		a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
		defer a.Close()
		f.Fail(awsfake.CloudWatch, awsfake.Broken, -1)
		time.Sleep(time.Hour)
		if s := a.Stats(); s.Waiting > maxWaiting || s.Dropped < 250 {
			t.Errorf("%+v", s)
		}
		f.Fail(awsfake.CloudWatch, "", 0)
		time.Sleep(90 * time.Second)
		if s := a.Stats(); s.Waiting > 0 || s.Published < maxWaiting {
			t.Errorf("%+v", s)
		}
	})
}

// TestTokenForgotten: a metadata service that was restarted wants another token.
func TestTokenForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		id := f.Launch(group)
		a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
		defer a.Close()
		time.Sleep(30 * time.Second)
		f.ForgetTokens()
		time.Sleep(20 * time.Second)
		f.SetDesired(group, 0)
		time.Sleep(20 * time.Second)
		if n.done() != "ready register drain" {
			t.Errorf("did %q: it does not hear of its end", n.done())
		}
	})
}

// TestElsewhere: where no metadata service is, that is known within a second.
func TestElsewhere(t *testing.T) {
	for name, begin := range map[string]func(*awsfake.Fake) string{
		"silence":  func(f *awsfake.Fake) string { f.Fail(awsfake.IMDS, awsfake.Silence, -1); return "i-1" },
		"refusal":  func(f *awsfake.Fake) string { f.Fail(awsfake.IMDS, awsfake.Broken, -1); return "i-1" },
		"no group": func(*awsfake.Fake) string { return "i-1" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := ground()
				id := begin(f)
				at := time.Now()
				_, err := Open(t.Context(), newNode().config(awsfake.Instance{Fake: f, ID: id}))
				if took := time.Since(at); !errors.Is(err, ErrElsewhere) || took > time.Second {
					t.Errorf("%v after %v", err, took)
				}
			})
		})
	}
}

func TestStartErrors(t *testing.T) {
	for _, c := range []struct {
		name, setting, says string
		change              func(*awsfake.Fake, *Config)
	}{
		{"another group", "group", `"dub-nodes", not in "mine"`, func(_ *awsfake.Fake, c *Config) { c.Group = "mine" }},
		{"no right", "credentials", "policy of the instance's role", func(f *awsfake.Fake, _ *Config) { f.Fail(awsfake.AutoScaling, awsfake.Denied, -1) }},
		{"another account", "credentials", awsfake.Account, func(f *awsfake.Fake, c *Config) { c.HTTP = otherAccount{c.HTTP} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := ground()
				cfg := newNode().config(awsfake.Instance{Fake: f, ID: f.Launch(group)})
				c.change(f, &cfg)
				_, err := Open(t.Context(), cfg)
				var setting *SettingError
				if !errors.As(err, &setting) || setting.Setting != c.setting || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// TestSlowAtTheStart: AWS that is away when a node starts is asked again.
func TestSlowAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		id := f.Launch(group)
		f.Fail(awsfake.AutoScaling, awsfake.Broken, 5)
		a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
		defer a.Close()
		time.Sleep(30 * time.Second)
		if f.State(id) != asg.InService || n.done() != "ready register" {
			t.Errorf("%s, did %q", states(f, id), n.done())
		}
	})
}

// TestOneSpeaks: of two processes on an instance one speaks for it.
func TestOneSpeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		at := awsfake.Instance{Fake: f, ID: f.Launch(group)}
		a, err := Open(t.Context(), n.config(at))
		if err != nil {
			t.Fatal(err)
		}
		var setting *SettingError
		if _, err := Open(t.Context(), n.config(at)); !errors.As(err, &setting) || setting.Setting != "enabled" {
			t.Errorf("a second one: %v", err)
		}
		a.Close()
		if a, err = Open(t.Context(), n.config(at)); err != nil {
			t.Fatalf("after the first has left: %v", err)
		}
		a.Close()
	})
}

func TestPause(t *testing.T) {
	for row := range 100 {
		seen := map[time.Duration]bool{}
		for range 20 {
			d := pause(row)
			if d < 200*time.Millisecond || d > pauseMost {
				t.Fatalf("after %d failures: %v", row, d)
			}
			seen[d] = true
		}
		if len(seen) < 5 {
			t.Errorf("after %d failures: only %d different pauses", row, len(seen))
		}
	}
}

func TestErrorsAreOneLine(t *testing.T) {
	err := &CallError{"PutMetricData", Refused, &smithy.GenericAPIError{Code: "Bad", Message: "a\nb\x1b[31m" + strings.Repeat("x", 1000)}}
	if s := err.Error(); strings.ContainsAny(s, "\n\x1b") || len(s) > 400 {
		t.Errorf("%q", s)
	}
	if c := causeOf(fmt.Errorf("so: %w", err)); c != Refused {
		t.Error(c)
	}
}
