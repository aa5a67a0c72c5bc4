package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"livedub/internal/testkit/groundtest"
	"livedub/session/report"
)

// TestNeuralDub dubs English speech to Spanish by the neural engines, and then
// that dub's Spanish to Portuguese: a recognizer hears what a voice of another
// maker said. Skipped without weights (make models).
func TestNeuralDub(t *testing.T) {
	models := filepath.Dir(groundtest.Weights(t, "kokoro"))
	groundtest.Weights(t, "whisper-base")
	dir := t.TempDir()
	in := filepath.Join(dir, "talk.mp4")
	talk(t, in)
	for _, c := range []struct {
		from, to string
		heard    []string // in the source's captions
		said     []string // in the dub's
	}{
		{"en", "es", []string{"good morning", "red car", "garden", "weather"}, []string{"buenos días", "coche rojo", "jardín"}},
		{"es", "pt", []string{"buenos días", "coche rojo", "jardín"}, []string{"dia", "carro vermelho", "jardim"}},
	} {
		out := filepath.Join(dir, c.to)
		r := livedub(t, "dub", in, "--from", c.from, "--to", c.to, "-o", out, "--engines", "neural", "--models-dir", models, "--lips-engine", "off")
		if r.code != 0 || !strings.Contains(r.stderr, "tier=neural recognizer=whisper voice=kokoro") {
			t.Fatalf("%s->%s: %d: %s", c.from, c.to, r.code, r.stderr)
		}
		rep, err := report.Read(filepath.Join(out, "report.json"))
		if err != nil {
			t.Fatal(err)
		}
		var heard, said string
		for _, p := range rep.Phrases {
			heard, said = heard+" "+strings.ToLower(p.SourceText), said+" "+strings.ToLower(p.Text)
			if p.Fate != "played" || *p.LateMS > 300 || len(p.Marks) < 5 || !strings.HasPrefix(p.Voice, "Kokoro") {
				t.Errorf("%s->%s: %q is %s, by %q, %d marks", c.from, c.to, p.Text, p.Fate, p.Voice, len(p.Marks))
			}
		}
		t.Logf("%s->%s heard:%s", c.from, c.to, heard)
		t.Logf("%s->%s said:%s", c.from, c.to, said)
		missing := 0
		for _, w := range append(lacks(heard, c.heard), lacks(said, c.said)...) {
			missing++
			t.Logf("missing: %s", w)
		}
		if missing > 1 || rep.DelayMS != 6000 || len(rep.Failures) > 0 || rep.AVOffset.P99 != nil && *rep.AVOffset.P99 > 40 {
			t.Errorf("%s->%s: %d texts missing, D %v ms, failures %v, offset %+v", c.from, c.to, missing, rep.DelayMS, rep.Failures, rep.AVOffset)
		}
		in = filepath.Join(out, c.to+".mp4")
	}
}

// lacks returns which of texts are not in s.
func lacks(s string, texts []string) (missing []string) {
	for _, text := range texts {
		if !strings.Contains(s, text) {
			missing = append(missing, fmt.Sprintf("%q", text))
		}
	}
	return missing
}
