package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"livedub/internal/testkit/asg"
	"livedub/internal/testkit/awsfake"
	"livedub/internal/testkit/caller"
)

// TestCallsFeelNothingOfAWS: AWS falls silent, all of it, while a node has a call. The call
// begins and goes on, metrics tell what failed, and how its dubs fared is published when
// AWS is back; nothing of the kind before the call, nor after it.
func TestCallsFeelNothingOfAWS(t *testing.T) {
	f := awsfake.New()
	f.AddGroup(awsfake.Group{Name: "g", Config: asg.Config{Max: 1}})
	at := awsfake.Instance{Fake: f, ID: f.Launch("g")}
	onInstance(t, at)
	url, stop := startServer(t, "--record", "dubs", "--store-dir", t.TempDir(), "--drain", "0s", "--aws-enabled", "on")
	all := func(kind awsfake.Fault, n int) {
		for _, s := range []awsfake.Service{awsfake.IMDS, awsfake.AutoScaling, awsfake.CloudWatch} {
			f.Fail(s, kind, n)
		}
	}
	t.Cleanup(func() { // the fake ends when nobody waits for it
		all("", 0)
		if code := stop(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	})
	awaits(t, at, asg.InService)
	has := func(name string, from time.Time) (found bool) {
		for _, d := range f.Data() {
			if d.Name == name && d.At.After(from) {
				found = true
				if d.Unit == "Seconds" && (d.Value < 0 || d.Value > 10) {
					t.Errorf("%+v", d)
				}
			}
		}
		return found
	}
	waits := func(what string, done func() bool) {
		t.Helper()
		for until := time.Now().Add(90 * time.Second); !done(); time.Sleep(200 * time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("no %s: %+v", what, f.Data())
			}
		}
	}
	waits("samples", func() bool { return has("FreeCapacity", time.Time{}) })
	if has("DubLateness", time.Time{}) || has("AVOffset", time.Time{}) {
		t.Error("without a call dubs fare somehow")
	}
	all(awsfake.Silence, -1)
	m, err := caller.Tones(320, 240)
	if err != nil {
		t.Fatal(err)
	}
	c := caller.NewClient(url, "", 1)
	defer c.Close()
	delay, began := 1000, time.Now()
	made, err := c.Create(t.Context(), caller.Wanted{From: "en", To: []string{"es"}, Consent: true, DelayMS: &delay})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 4*time.Second { // a request to AWS takes 8 s now
		t.Errorf("the call began after %v", took)
	}
	talk(t, c, made, m, 20*time.Second, func() {
		_, metrics := get(t, "GET", url+"/metrics")
		for _, want := range []string{
			`livedub_aws_failures_total\{why="unavailable"\} [1-9]`, `livedub_aws_failures_total\{why="metadata"\} [1-9]`,
			`livedub_phrases_total\{fate="played"\} [1-9]`, `livedub_dub_late_seconds_count [1-9]`, `livedub_av_offset_seconds_count [1-9]`,
		} {
			if !regexp.MustCompile(want).MatchString(metrics) {
				t.Errorf("no %s", want)
			}
		}
		if strings.Contains(metrics, `livedub_sessions{phase="live"} 0`) {
			t.Error("the call has ended")
		}
	})
	all("", 0)
	waits("figures of the call", func() bool { return has("DubLateness", began) && has("AVOffset", began) })
	if resp, text := get(t, "DELETE", made.Control); resp.StatusCode != http.StatusNoContent {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	ended := time.Now()
	waits("samples after the call", func() bool { return has("FreeCapacity", ended) })
	if has("DubLateness", ended) || has("AVOffset", ended) {
		t.Error("after the call dubs fare somehow")
	}
}
