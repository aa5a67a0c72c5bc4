package scaleout

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	as "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"livedub/internal/testkit/awsfake"
	"livedub/internal/testkit/caller"
	"livedub/internal/testkit/redisproc"
)

// TestPhases: a step that was seen late was no later than the next, and what was not seen is part of the next.
func TestPhases(t *testing.T) {
	began := time.Now()
	at := func(s float64) time.Time { return began.Add(time.Duration(s * float64(time.Second))) }
	var m marks
	if m.last() != -1 || len(m.phases(began)) != 0 {
		t.Error("there is something before anything was seen")
	}
	m.set(Alarm, at(30))
	m.set(Alarm, at(40)) // the first time counts
	m.set(Metric, at(32))
	m.set(Waits, at(60))
	m.set(Process, at(60.5))
	m.set(Serving, at(70))
	want := []struct {
		step     Step
		at, took float64
	}{{Metric, 30, 30}, {Alarm, 30, 0}, {Process, 60.5, 30.5}, {Serving, 70, 9.5}}
	got := m.phases(began)
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i, w := range want {
		if got[i].Step != w.step || got[i].AtS != w.at || got[i].TookS != w.took {
			t.Errorf("%+v, want %+v", got[i], w)
		}
	}
	if steps[m.last()].step != Serving || got[3].By != "livedub" {
		t.Errorf("%d, %+v", m.last(), got[3])
	}
}

func TestFront(t *testing.T) {
	status, body := 200, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/sessions" || r.Header.Get("Authorization") != "Bearer t" {
			t.Errorf("%s, %q", r.URL, r.Header)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // who asked is there
	}))
	defer server.Close()
	f := Front{Base: server.URL + "/", Token: "t", HTTP: server.Client()}
	for _, c := range []struct {
		status     int
		body, says string
	}{
		{404, "", "LIVEDUB_ADMIN_TOKEN"}, {401, "", "LIVEDUB_ADMIN_TOKEN"}, {502, "", "HTTP 502"},
		{200, `{"sessions":[]}`, "name a gateway, not a node"}, {200, "<html>", "name a gateway"},
	} {
		status, body = c.status, c.body
		if _, err := f.Nodes(t.Context()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%d %s: %v, want %q", c.status, c.body, err, c.says)
		}
	}
	status, body = 200, `{"nodes":[{"id":"a","state":"serving","capacity":5,"used":1,"sessions":1,"holds":["s"]}]}`
	if nodes, err := f.Nodes(t.Context()); err != nil || len(nodes) != 1 || nodes[0].Holds[0] != "s" || nodes[0].Capacity != 5 {
		t.Errorf("%+v, %v", nodes, err)
	}
	server.Close()
	if _, err := f.Nodes(t.Context()); err == nil || !strings.Contains(err.Error(), "is --gateway right?") {
		t.Error(err)
	}
}

// failing is AWS whose activities tell of an instance that could not be had.
type failing struct {
	awsfake.Instance
}

func (f failing) Do(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body) // it is in memory
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	if !bytes.Contains(body, []byte("DescribeScalingActivities")) {
		return f.Instance.Do(r)
	}
	w := httptest.NewRecorder()
	_, _ = io.WriteString(w, `<DescribeScalingActivitiesResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><DescribeScalingActivitiesResult><Activities><member>`+
		`<ActivityId>a</ActivityId><AutoScalingGroupName>g</AutoScalingGroupName><Description>Launching a new EC2 instance.  Status Reason: We currently do not have sufficient g4dn.xlarge capacity.</Description>`+
		`<Cause>an alarm</Cause><StartTime>`+time.Now().UTC().Format(time.RFC3339)+`</StartTime><StatusCode>Failed</StatusCode><StatusMessage>We currently do not have sufficient g4dn.xlarge capacity.</StatusMessage>`+
		`</member></Activities></DescribeScalingActivitiesResult></DescribeScalingActivitiesResponse>`)
	return w.Result(), nil
}

// TestNoCapacity: AWS's own words are told where it cannot launch.
func TestNoCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil)
		cfg := s.config()
		cfg.HTTPClient = failing{awsfake.Instance{Fake: s.fake}}
		_, err := s.measure(t.Context(), func(c *Config) { c.Cloud = newCloud(cfg) })
		if err == nil || !strings.Contains(err.Error(), "could not launch an instance: We currently do not have sufficient g4dn.xlarge capacity") {
			t.Error(err)
		}
	})
}

func TestWhichPoliciesAndAlarms(t *testing.T) {
	step := func(n int32) []as.StepAdjustment { return []as.StepAdjustment{{ScalingAdjustment: &n}} }
	for _, c := range []struct {
		p    as.ScalingPolicy
		want bool
	}{
		{as.ScalingPolicy{PolicyType: sdk.String("TargetTrackingScaling")}, true},
		{as.ScalingPolicy{PolicyType: sdk.String("StepScaling"), StepAdjustments: step(1)}, true},
		{as.ScalingPolicy{PolicyType: sdk.String("StepScaling"), StepAdjustments: step(-1)}, false},
		{as.ScalingPolicy{PolicyType: sdk.String("SimpleScaling"), ScalingAdjustment: sdk.Int32(2)}, true},
		{as.ScalingPolicy{PolicyType: sdk.String("SimpleScaling"), ScalingAdjustment: sdk.Int32(-2)}, false},
		{as.ScalingPolicy{PolicyType: sdk.String("PredictiveScaling")}, false},
	} {
		if grows(c.p) != c.want {
			t.Errorf("%+v", c.p)
		}
	}
	for _, c := range []struct {
		compare cw.ComparisonOperator
		v       float64
		want    bool
	}{
		{cw.ComparisonOperatorGreaterThanThreshold, 5, false}, {cw.ComparisonOperatorGreaterThanThreshold, 6, true},
		{cw.ComparisonOperatorGreaterThanOrEqualToThreshold, 5, true}, {cw.ComparisonOperatorLessThanThreshold, 5, false},
		{cw.ComparisonOperatorLessThanThreshold, 4, true}, {cw.ComparisonOperatorLessThanOrEqualToThreshold, 5, true}, {"other", 5, false},
	} {
		if over(cw.MetricAlarm{ComparisonOperator: c.compare, Threshold: sdk.Float64(5)}, c.v) != c.want {
			t.Errorf("%s %g", c.compare, c.v)
		}
	}
	for summary, want := range map[string]bool{"Alarm updated from OK to ALARM": true, "Alarm updated from ALARM to OK": false} {
		if wentOn(cw.AlarmHistoryItem{HistorySummary: &summary}) != want {
			t.Error(summary)
		}
	}
}

// TestOpenCloud: without a region, or credentials, it says how to give them.
func TestOpenCloud(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	if _, err := OpenCloud(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "no AWS region") {
		t.Error(err)
	}
	if _, err := OpenCloud(t.Context(), "eu-central-1"); err == nil || !strings.Contains(err.Error(), "no AWS credentials") || !strings.Contains(err.Error(), "log in") {
		t.Error(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIA")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	groups := awsfake.Instance{Fake: awsfake.New()}.Listen(awsfake.AutoScaling)
	defer groups.Close()
	t.Setenv("AWS_ENDPOINT_URL_AUTO_SCALING", groups.URL)
	t.Setenv("NO_PROXY", "127.0.0.1")
	if c, err := OpenCloud(t.Context(), "eu-central-1"); err != nil || c.Region != "eu-central-1" {
		t.Error(err)
	} else if _, err := c.Look(t.Context(), "g"); err == nil || !strings.Contains(err.Error(), "log in again") {
		t.Error(err)
	}
}

// TestCallersAreRefused: who finds no place tries again and is counted; a server that fails ends the load.
func TestCallersAreRefused(t *testing.T) {
	status := http.StatusServiceUnavailable
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(status)
	}))
	defer server.Close()
	client := caller.NewClient(server.URL, "", 2)
	defer client.Close()
	c := &Callers{Client: client, Wanted: caller.Wanted{From: "en", To: []string{"es"}}}
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	if err := c.Run(ctx, 2); err != nil {
		t.Error(err)
	}
	if s := c.State(); s.Refused < 2 || s.Refused > 4 || s.FirstRefused.IsZero() || len(s.Sessions) != 0 {
		t.Errorf("%+v", s)
	}
	status = http.StatusInternalServerError
	if err := c.Run(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "HTTP 500") {
		t.Error(err)
	}
}

// TestSVG: the picture is XML that has colours for the dark, and no number that is none.
func TestSVG(t *testing.T) {
	r := Report{Start: "cold", SessionS: 50, Phases: []Phase{{Name: "a <phase>", AtS: 30, TookS: 30, By: "cloudwatch"}, {Name: "b", AtS: 50, TookS: 20, By: "ec2, livedub"}}}
	for _, all := range [][]Report{nil, {{Start: "warm"}}, {r, r}} {
		got := SVG(all)
		if !bytes.Contains(got, []byte("prefers-color-scheme: dark")) || bytes.Contains(got, []byte("NaN")) || len(all) == 2 && !bytes.Contains(got, []byte("a &lt;phase&gt;")) {
			t.Errorf("%s", got)
		}
		for dec := xml.NewDecoder(bytes.NewReader(got)); ; {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestGroundNeeds: what is missing is named, and nothing is left running.
func TestGroundNeeds(t *testing.T) {
	if _, err := StartGround(t.Context(), GroundConfig{Bin: t.TempDir()}, t.TempDir()); err == nil || !strings.Contains(err.Error(), "run make build") {
		t.Error(err)
	}
	t.Setenv("PATH", "")
	if _, err := redisproc.New(t.TempDir()); !errors.Is(err, redisproc.ErrMissing) {
		t.Error(err)
	}
}

// TestClocks: AWS's times are told by this machine's clock, and nothing was seen before it happened.
func TestClocks(t *testing.T) {
	w := &watcher{skew: time.Minute}
	now := time.Now()
	if got := w.ours(&now); !got.Equal(now.Add(-time.Minute)) || !w.theirs(got).Equal(now) {
		t.Errorf("%v by their clock is %v", now, got)
	}
	if later := now.Add(time.Hour); w.ours(&later).After(time.Now()) {
		t.Error("it was seen before it happened")
	}
}
