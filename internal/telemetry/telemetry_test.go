package telemetry

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLogger(t *testing.T) {
	var b bytes.Buffer
	log, err := NewLogger(&b, "warn", "json")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("quiet")
	log.Warn("loud", "session", "s1")
	var line struct{ Level, Msg, Session string }
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Fatalf("not one JSON line: %v: %s", err, b.String())
	}
	if line.Level != "WARN" || line.Msg != "loud" || line.Session != "s1" {
		t.Errorf("got %+v", line)
	}

	b.Reset()
	if log, err = NewLogger(&b, "debug", "text"); err != nil {
		t.Fatal(err)
	}
	log.Debug("seen")
	if !strings.Contains(b.String(), "level=DEBUG msg=seen") {
		t.Errorf("text line: %q", b.String())
	}

	for _, bad := range [][2]string{{"loud", "text"}, {"info", "xml"}} {
		if _, err := NewLogger(io.Discard, bad[0], bad[1]); err == nil {
			t.Errorf("level %q format %q: no error", bad[0], bad[1])
		}
	}
}

func TestMetrics(t *testing.T) {
	r := NewRegistry("v1.2.3")
	w := httptest.NewRecorder()
	Handler(r, slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{`livedub_build_info{go="go1`, `version="v1.2.3"} 1`, "go_goroutines ", "process_resident_memory_bytes "} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in:\n%s", want, w.Body.String())
		}
	}
}

func TestMetricsSurviveABrokenCollector(t *testing.T) {
	r := NewRegistry("v1")
	r.MustRegister(broken{prometheus.NewDesc("broken", "Fails.", nil, nil)})
	var logged bytes.Buffer
	w := httptest.NewRecorder()
	Handler(r, slog.New(slog.NewTextHandler(&logged, nil))).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 || !strings.Contains(w.Body.String(), "go_goroutines ") {
		t.Errorf("status %d, metrics gone: %s", w.Code, w.Body.String())
	}
	if !strings.Contains(logged.String(), "sensor fell off") {
		t.Errorf("not logged: %q", logged.String())
	}
}

type broken struct{ desc *prometheus.Desc }

func (b broken) Describe(ch chan<- *prometheus.Desc) { ch <- b.desc }
func (b broken) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(b.desc, errSensor{})
}

type errSensor struct{}

func (errSensor) Error() string { return "sensor fell off" }
