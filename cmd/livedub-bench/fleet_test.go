package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBenchFleet: the fields that are promised, and a picture of each trace.
func TestBenchFleet(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "out")
	code, out, errs := call(t, "fleet", "--json", "--seeds", "1", "--svg", dir)
	if code != 0 {
		t.Fatalf("code %d: %s", code, errs)
	}
	var got struct {
		Policies []map[string]any
		Erlang   []map[string]float64
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	traces := map[any]bool{}
	for _, p := range got.Policies {
		traces[p["trace"]] = true
		for _, field := range []string{"name", "trace", "blocked_pct", "wait_p95_s", "gpu_hours", "cost_usd"} {
			if _, ok := p[field]; !ok {
				t.Fatalf("no %s in %v", field, p)
			}
		}
	}
	if len(got.Erlang) != 3 || got.Erlang[0]["servers"] != 4 || got.Erlang[0]["theory"] == 0 || got.Erlang[0]["simulated"] == 0 || len(traces) < 6 {
		t.Errorf("erlang %v, %d traces", got.Erlang, len(traces))
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != len(traces)+1 {
		t.Errorf("%d pictures of %d traces: %v", len(files), len(traces), err)
	}
	for _, args := range []string{"--places 0", "--boot 0", "--boot NaN", "--seeds 99", "one"} {
		if code, _, errs := call(t, strings.Fields("fleet "+args)...); code != 2 || !strings.Contains(errs, "bench fleet") {
			t.Errorf("%s: code %d, %s", args, code, errs)
		}
	}
}
