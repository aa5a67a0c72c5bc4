package web

import (
	"bytes"
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
		"/":         "default-src 'none'; style-src 'self'",
		"/flow.svg": "default-src 'none'",
	} {
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		h := w.Result().Header
		if w.Code != 200 || !strings.HasPrefix(h.Get("Content-Security-Policy"), want) || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, w.Code, h)
		}
		if strings.Contains(h.Get("Content-Security-Policy"), "script") {
			t.Errorf("%s allows scripts", path)
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
	local := regexp.MustCompile(`(?:src|href)="([^"/][^"]*)"`)
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
		if bytes.Contains(b, []byte("style=\"")) || bytes.Contains(b, []byte("<script")) {
			t.Errorf("%s has what its own policy forbids", p)
		}
		if strings.HasSuffix(p, ".html") {
			for _, m := range local.FindAllSubmatch(b, -1) {
				if _, err := fs.Stat(dist, "dist/"+string(m[1])); err != nil {
					t.Errorf("%s names %s: %v", p, m[1], err)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOnePicture(t *testing.T) {
	doc, err := os.ReadFile("../docs/img/flow.svg")
	if err != nil {
		t.Fatal(err)
	}
	page, err := fs.ReadFile(dist, "dist/flow.svg")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(doc, page) {
		t.Error("the page's picture is not the README's: cp docs/img/flow.svg web/dist/")
	}
}
