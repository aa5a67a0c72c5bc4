package main

import (
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/inference"
	"livedub/inference/engine"
	"livedub/inference/fake"
	"livedub/internal/gpu"
	"livedub/internal/telemetry"
	"livedub/internal/testkit/caller"
	"livedub/internal/testkit/dashboards"
	"livedub/internal/testkit/pgtest"
	"livedub/internal/testkit/s3proc"
)

// TestDashboardsAskForWhatThereIs: every series that the dashboards and alert rules of
// deploy/grafana ask nodes for is in the metrics of a node in a call, which it records
// to S3 and writes to PostgreSQL. A GPU, a net and an engine with a process of its own
// are fakes: they go through the collectors of the server.
func TestDashboardsAskForWhatThereIs(t *testing.T) {
	boards, rules, err := dashboards.Read("../../deploy/grafana")
	if err != nil {
		t.Fatal(err)
	}
	database := pgtest.Start(t)
	address := database.URL(database.Database())
	if code, _, errs := call(t, "migrate", "--database-url", address); code != 0 {
		t.Fatal(errs)
	}
	bucket, err := s3proc.New(false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bucket.Close)
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": s3proc.Key, "AWS_SECRET_ACCESS_KEY": s3proc.Secret, "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	url, stop := startServer(t, "--record", "dubs", "--store-dir", t.TempDir(), "--database-url", address, "--drain", "0s",
		"--s3-bucket", s3proc.Bucket, "--s3-region", "us-east-1", "--s3-endpoint", bucket.URL, "--s3-path-style")
	m, err := caller.Tones(320, 240)
	if err != nil {
		t.Fatal(err)
	}
	c := caller.NewClient(url, "", 1)
	defer c.Close()
	delay := 1000
	made, err := c.Create(t.Context(), caller.Wanted{From: "en", To: []string{"es"}, Consent: true, DelayMS: &delay})
	if err != nil {
		t.Fatal(err)
	}
	var metrics string
	talk(t, c, made, m, 4*time.Second, func() { _, metrics = get(t, "GET", url+"/metrics") })
	metrics += fakes(t)
	asked := slices.DeleteFunc(append(boards, rules...), func(s dashboards.Selector) bool {
		return strings.HasPrefix(s.Name, "livedub_gateway_") // cmd/gateway has a test of its own
	})
	for _, s := range dashboards.Missing(metrics, asked) {
		t.Errorf("%v: a node has no such series", s)
	}
	if code := stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// worked is a fake recognizer with a process of its own.
type worked struct{ *fake.Recognizer }

func (worked) CPU() time.Duration { return time.Second }

// fakes returns the metrics of a GPU, a net and an engine that are fakes.
func fakes(t *testing.T) string {
	t.Helper()
	v := .5
	card := gpu.Device{Name: "T4", Busy: &v, MemoryUsed: &v, MemoryTotal: &v, Encoder: &v, Decoder: &v, Celsius: &v, Watts: &v, Throttled: []string{}}
	net, err := engine.New(t.Context(), engine.Config{Name: "lips", MaxBatch: 2, Open: func(context.Context) (inference.Model, error) { return plusOne{}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer net.Close()
	var e engines
	e.Recognizer = worked{&fake.Recognizer{}}
	r := prometheus.NewRegistry()
	r.MustRegister(engineMetrics{&e}, gpuMetrics{func(context.Context) gpu.Report { return gpu.Report{Devices: []gpu.Device{card}} }}, modelMetrics{[]*engine.Batcher{net}})
	w := httptest.NewRecorder()
	telemetry.Handler(r, slog.New(slog.NewTextHandler(io.Discard, nil))).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}
