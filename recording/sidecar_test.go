package recording

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"livedub/inference"
	"livedub/session/spec"
	"livedub/store"
)

// TestSidecar: beside films of a file stands what they are, and what is said in them.
func TestSidecar(t *testing.T) {
	dir := t.TempDir()
	record := func(text string, o spec.Outcome) spec.Record {
		return spec.Record{
			Phrase: inference.Phrase{ID: 1, Lang: "en", Text: "hello", Start: sec(8), End: sec(9)}, Text: text, Outcome: o,
			DubStart: sec(9), DubEnd: sec(11),
		}
	}
	dubs := []spec.DubState{{Lang: "es", Records: []spec.Record{record("hola", spec.Played)}}, {Lang: "ca", Records: []spec.Record{record("hola", spec.SkippedFailed)}}}
	m := Manifest{Session: "talk.mp4", From: "en", Created: time.Now(), Languages: []string{"es", "ca"}, Why: "interrupted"}
	if err := Sidecar(dir, m, dubs, sec(10)); err != nil {
		t.Fatal(err)
	}
	var got Manifest
	var said []Transcript
	for name, v := range map[string]any{"recording.json": &got, "transcript.json": &said} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, v); err != nil {
			t.Error(err)
		}
	}
	if got.State != store.CutShort || !got.AIDubbed || got.Notice != Notice || got.Version != 1 {
		t.Errorf("%+v", got)
	}
	for i, want := range []struct {
		lang, text string
		start      float64
	}{{"en", "", 8}, {"es", "hola", 9}, {"ca", "hola", 8}} {
		if p := said[i].Phrases; said[i].Lang != want.lang || len(p) != 1 || p[0].Text != want.text || *p[0].Start != want.start || p[0].SourceText != "hello" {
			t.Errorf("%+v, want %+v", said[i], want)
		}
	}
}
