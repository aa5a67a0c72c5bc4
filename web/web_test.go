package web

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPolicy(t *testing.T) {
	for path, want := range map[string]string{
		"/":         "default-src 'none'; script-src 'self'; style-src 'self'",
		"/app.js":   "default-src 'none'; script-src 'self'; style-src 'self'",
		"/flow.svg": "default-src 'none'; style-src 'unsafe-inline'",
	} {
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		h := w.Result().Header
		if w.Code != 200 || !strings.HasPrefix(h.Get("Content-Security-Policy"), want) || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, w.Code, h)
		}
		if p := h.Get("Content-Security-Policy"); strings.Contains(p, "script-src 'unsafe") || strings.Contains(p, "http") || strings.Contains(p, "*") {
			t.Errorf("%s may load too much: %s", path, p)
		}
		if !strings.Contains(h.Get("Permissions-Policy"), "camera=(self)") {
			t.Errorf("%s: %q", path, h.Get("Permissions-Policy"))
		}
	}
}

// TestUnchanged: a browser that has a file is told so, and one that has another is not.
func TestUnchanged(t *testing.T) {
	for _, path := range []string{"/", "/app.js", "/app.css"} {
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		tag := w.Result().Header.Get("ETag")
		if len(tag) < 10 {
			t.Fatalf("%s: ETag %q", path, tag)
		}
		for have, want := range map[string]int{tag: 304, `"other"`: 200} {
			r := httptest.NewRequest("GET", path, nil)
			r.Header.Set("If-None-Match", have)
			w := httptest.NewRecorder()
			Handler().ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("%s with %s: %d, want %d", path, have, w.Code, want)
			}
		}
	}
}

func TestFoldersAreNotListed(t *testing.T) {
	for _, path := range []string{"/x/", "/..%2f", "/dist/", "//"} {
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code == 200 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body.String())
		}
	}
}

var outside = regexp.MustCompile(`(?i)(src|href|url|@import)\s*[=( ]\s*["']?(https?:)?//[^"' )]*`)

// TestNothingFromOutside: every file a page names is in the program.
func TestNothingFromOutside(t *testing.T) {
	local := regexp.MustCompile(`(?:src|href)="\./([^"]*)"`)
	err := fs.WalkDir(dist, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(dist, p)
		if err != nil {
			return err
		}
		if m := outside.Find(b); m != nil {
			t.Errorf("%s loads %s", p, m)
		}
		if !strings.HasSuffix(p, ".html") {
			return nil
		}
		if inline := regexp.MustCompile(`style="|<style|<script[^>]*>[^<]`).Find(b); inline != nil {
			t.Errorf("%s has what its own policy forbids: %s", p, inline)
		}
		found := local.FindAllSubmatch(b, -1)
		if len(found) < 3 {
			t.Errorf("%s names %d files: expected its script, style and icon", p, len(found))
		}
		for _, m := range found {
			if _, err := fs.Stat(dist, "dist/"+string(m[1])); err != nil {
				t.Errorf("%s names %s: %v", p, m[1], err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSmall: the page stays light enough for a phone.
func TestSmall(t *testing.T) {
	b, err := fs.ReadFile(dist, "dist/app.js")
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if packed.Len() > 60<<10 {
		t.Errorf("app.js is %d kB compressed, at most 60 are wanted", packed.Len()>>10)
	}
}

// TestCopies: dist holds the files that others draw and speak as they last left them.
func TestCopies(t *testing.T) {
	for from, to := range map[string]string{
		"../docs/img/flow.svg": "flow.svg",
		"public/flow.svg":      "flow.svg",
		"public/sample.mp4":    "sample.mp4",
		"public/sample-es.mp4": "sample-es.mp4",
	} {
		want, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		got, err := fs.ReadFile(dist, "dist/"+to)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("web/dist/%s is not %s: copy it to web/public, then make web", to, from)
		}
	}
}
