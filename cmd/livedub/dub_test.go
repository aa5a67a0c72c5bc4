package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"livedub/inference"
	"livedub/inference/glossary"
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
