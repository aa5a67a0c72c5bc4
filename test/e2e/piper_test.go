package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"livedub/internal/testkit/vitstest"
	"livedub/session/report"
)

// TestPiperDub dubs English speech by a Piper voice of an operator's folder: a net
// of its shape, whose sound is a tone.
func TestPiperDub(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "talk.mp4")
	talk(t, in)
	vitstest.Net{Speakers: []float64{110, 220}}.Write(t, dir, "tone", "es_ES", nil)
	out := filepath.Join(dir, "es")
	r := livedub(t, "dub", in, "--from", "en", "--to", "es", "-o", out, "--lips-engine", "off",
		"--speak-engine", "piper", "--speak-model", filepath.Join(dir, "tone.onnx"))
	if r.code != 0 || !strings.Contains(r.stderr, "tier=custom") && !strings.Contains(r.stderr, "tier=light") || !strings.Contains(r.stderr, "voice=piper") {
		t.Fatalf("%d: %s", r.code, r.stderr)
	}
	rep, err := report.Read(filepath.Join(out, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Phrases) == 0 {
		t.Fatal("no phrase")
	}
	for _, p := range rep.Phrases {
		if p.Fate != "played" || len(p.Marks) < 5 || !strings.HasPrefix(p.Voice, "Piper tone") {
			t.Errorf("%q is %s, by %q, %d marks", p.Text, p.Fate, p.Voice, len(p.Marks))
		}
	}
}
