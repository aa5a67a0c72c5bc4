package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"livedub/internal/bench/enginebench"
)

func TestBenchEngineArguments(t *testing.T) {
	for _, wrong := range [][]string{
		{"engine", "more"}, {"engine", "--nets", "wav2lip95"}, {"engine", "--nets", ""},
		{"engine", "--sessions", "0"}, {"engine", "--sessions", "1,,2"}, {"engine", "--sessions", "99999"},
		{"engine", "--seconds", "0"}, {"engine", "--seconds", "NaN"}, {"engine", "--precision", "int8"},
		{"engine", "--provider", "tpu"}, {"engine", "--saturat"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), wrong, &out, &errs); code != 2 || errs.Len() == 0 {
			t.Errorf("%q: exit code %d, %s", wrong, code, &errs)
		}
	}
}

// TestBenchEngineSkips: a net that needs a GPU is not even written where there is none.
func TestBenchEngineSkips(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"engine", "--nets", "musetalk-unet", "--json", "--live"}, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	var r enginebench.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Nets) != 1 || !strings.Contains(r.Nets[0].Skipped, "GPU") || r.Nets[0].Runs == nil || r.Provider != "cpu" || r.Device == "" {
		t.Errorf("got %+v", r)
	}
	if !strings.Contains(errs.String(), "skipped") {
		t.Errorf("said %s", &errs)
	}
}

func TestPrintEngine(t *testing.T) {
	ms := enginebench.Number(12.34)
	var b strings.Builder
	err := printEngine(&b, enginebench.Report{Device: "card", Nets: []enginebench.Figures{
		{Net: "a", Precision: "fp16", Roof: 100, RoofBatch: 32, Runs: []enginebench.Run{{Policy: enginebench.Batched, Sessions: 3, P50: &ms}}},
		{Net: "b", Skipped: "too slow"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"card", "roof 100.0 fps in batches of 32", "12.3", "too slow", " - "} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
