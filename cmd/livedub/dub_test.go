package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/session/report"
	"livedub/session/spec"
)

// TestReadGlossary: a file of words is read for the languages of the dub; what is wrong in it is told with its line.
func TestReadGlossary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "words.txt")
	for text, c := range map[string]struct {
		want glossary.Words
		err  string
	}{
		"# names\nTorres\noferta = lance\n": {glossary.Words{
			Glossary: []glossary.Entry{{From: "oferta", To: map[inference.Lang]string{"pt": "lance"}}}, Keep: []string{"Torres"},
		}, ""},
		"Torres\n = lance":                     {err: path + ": line 2: it has neither"},
		strings.Repeat("#\n", maxGlossary/2+1): {err: "larger than"},
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readGlossary(path, []inference.Lang{"pt"})
		if c.err == "" && (err != nil || !reflect.DeepEqual(got, c.want)) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%.30q: %+v, %v; want %q", text, got, err, c.err)
		}
	}
	if _, err := readGlossary(path+"x", nil); err == nil || !strings.Contains(err.Error(), "--glossary") {
		t.Errorf("no file: %v", err)
	}
	if w, err := readGlossary("", nil); err != nil || w.Keep != nil {
		t.Errorf("no name: %v", err)
	}
}

// TestCaptionsOfLanguagesToldByEar: auto.vtt has every phrase in order with its
// language, also one that a dub did not need; that dub's own file has its text.
func TestCaptionsOfLanguagesToldByEar(t *testing.T) {
	j := &dubJob{from: inference.Auto, out: t.TempDir()}
	record := func(id int, lang, said, text string, outcome spec.Outcome) spec.Record {
		at := time.Duration(id) * time.Second
		return spec.Record{Phrase: inference.Phrase{ID: id, Lang: inference.Lang(lang), Text: said, Start: at, End: at + time.Second}, Text: text, Outcome: outcome, DubStart: at, DubEnd: at + time.Second}
	}
	st := spec.State{Dubs: []spec.DubState{
		{Lang: "es", Records: []spec.Record{record(2, "es", "dos", "dos", spec.SkippedSame), record(1, "en", "one", "uno", spec.Played)}},
		{Lang: "en", Records: []spec.Record{record(1, "en", "one", "one", spec.SkippedSame), record(2, "es", "dos", "two", spec.Played)}},
	}}
	if err := j.write(report.Build(spec.Config{From: inference.Auto, To: []inference.Lang{"es", "en"}}, st), st); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"auto": {"<lang en>one</lang>", "<lang es>dos</lang>"}, "es": {"uno", "dos"}, "en": {"one", "two"},
	} {
		b, err := os.ReadFile(j.path(inference.Lang(name), "vtt"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i, cue := range strings.Split(strings.TrimSpace(string(b)), "\n\n")[1:] {
			_, text, _ := strings.Cut(cue, "\n")
			if got = append(got, text); !strings.HasPrefix(cue, fmt.Sprintf("00:00:%02d.000 ", i+1)) {
				t.Errorf("%s.vtt: cue %d is %q", name, i, cue)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s.vtt: %q, want %q", name, got, want)
		}
	}
}
