package dashboards

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"livedub/internal/testkit/groundtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const dir = "../../../deploy/grafana"

// TestSubjects: dashboards show, and rules watch, what an operator must know of.
func TestSubjects(t *testing.T) {
	boards, rules, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	shown := []string{
		"livedub_sessions", "livedub_capacity", "livedub_dub_late_seconds_bucket", "livedub_av_offset_seconds_bucket",
		"livedub_gpu_utilization_ratio", "livedub_gpu_memory_used_bytes", "livedub_frames_total", "livedub_stage_failures_total",
		"livedub_spool_batches", "livedub_spool_oldest_seconds", "livedub_upload_spool_files", "livedub_upload_spool_oldest_seconds",
		"livedub_recording_failures_total", "livedub_gateway_sessions_moved_total", "livedub_gateway_refused_total",
	}
	for where, all := range map[string][]Selector{"dashboards": boards, "rules": rules} {
		for _, name := range shown {
			if where == "rules" && (name == "livedub_spool_batches" || name == "livedub_upload_spool_files") {
				continue // how long they wait is what tells that something is wrong
			}
			if !slices.ContainsFunc(all, func(s Selector) bool { return s.Name == name }) {
				t.Errorf("no %s in the %s", name, where)
			}
		}
	}
}

// TestExpressions has Prometheus's own tool read what the dashboards ask.
func TestExpressions(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		groundtest.Skip(t, "no promtool (apt-get install prometheus), which reads the dashboards' expressions")
	}
	files, err := filepath.Glob(filepath.Join(dir, "dashboards", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	plain := strings.NewReplacer("$__rate_interval", "1m", "$node", "x")
	rules := "groups:\n- name: dashboards\n  rules:\n"
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all, err := Expressions(text)
		if err != nil {
			t.Fatal(path, err)
		}
		for _, e := range all {
			if e != "prometheus" && !strings.HasPrefix(e, "label_values(") {
				rules += fmt.Sprintf("  - record: r\n    labels: {n: \"%d\"}\n    expr: '%s'\n", len(rules), plain.Replace(e))
			}
		}
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(promtool, "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestMissing(t *testing.T) {
	const metrics = "# HELP livedub_a_total x\nlivedub_a_total{state=\"sent\",x=\"1\"} 3\nlivedub_a_total{state=\"lost\"} 0\nlivedub_b 1\n"
	for _, tt := range []struct {
		expr    string
		missing int
	}{
		{"sum(rate(livedub_a_total[5m])) / livedub_b", 0},
		{`livedub_a_total{state="sent", instance=~"$node"}`, 0},
		{`livedub_a_total{state="sent",x="1"}`, 0},
		{`livedub_a_total{state="lost",x="1"}`, 1},
		{`livedub_a_total{state="send"}`, 1},
		{`livedub_a_total{state=~"any|thing"}`, 0},
		{`livedub_a_total{stat=~"any"}`, 1},
		{"livedub_a + livedub_c", 2},
		{"livedub_bb", 1},
	} {
		if got := Missing(metrics, Parse("f", tt.expr)); len(got) != tt.missing {
			t.Errorf("%s: %v, want %d", tt.expr, got, tt.missing)
		}
	}
}

func FuzzExpressions(f *testing.F) {
	f.Add([]byte(`{"panels":[{"targets":[{"expr":"livedub_a{b=\"c\"}"}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := Expressions(b)
		if err != nil {
			return
		}
		for _, e := range all {
			for _, s := range Parse("f", e) {
				if !strings.Contains(e, s.Name) {
					t.Errorf("%q of %q", s.Name, e)
				}
			}
		}
	})
}
