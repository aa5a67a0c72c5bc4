package s3

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// TestEncryptionIsAskedFor, with each object, in one piece or in parts.
func TestEncryptionIsAskedFor(t *testing.T) {
	s := start(t, false)
	for _, c := range []struct{ is, key, want string }{{"AES256", "", "AES256|"}, {"aws:kms", "", "aws:kms|"}, {"aws:kms", "alias/x", "aws:kms|alias/x"}, {"none", "", "|"}, {"", "", "|"}} {
		b := at(t, s.URL, func(o *Options) { o.Encryption, o.KMSID = c.is, c.key })
		b.part = 5 << 20
		var mu sync.Mutex
		asked := 0
		s.Fault(func(_ http.ResponseWriter, r *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			begins := r.Method == http.MethodPost && r.URL.Query().Has("uploads") || r.Method == http.MethodPut && !r.URL.Query().Has("partNumber")
			if !begins {
				return false
			}
			asked++
			if got := r.Header.Get("X-Amz-Server-Side-Encryption") + "|" + r.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"); got != c.want || r.Header.Get("Content-Type") != "video/mp4" {
				t.Errorf("%+v: %s asks for %q, %s", c, r.Method, got, r.Header.Get("Content-Type"))
			}
			return false
		})
		for _, size := range []int{10, 11 << 20} {
			path, _ := file(t, size)
			if err := b.Put(t.Context(), "recordings/a/x.mp4", path, "video/mp4"); err != nil {
				t.Error(err)
			}
		}
		s.Fault(nil)
		if asked != 2 {
			t.Errorf("%+v: %d requests", c, asked)
		}
	}
}

// TestLargeFilesAreNotHeld: what a large file takes of memory does not grow with it.
func TestLargeFilesAreNotHeld(t *testing.T) {
	alone(t)
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the sender tells what went wrong
		w.Header().Set("ETag", `"x"`)
		switch {
		case r.URL.Query().Has("uploads"):
			fmt.Fprint(w, "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
		case r.Method == http.MethodPost:
			fmt.Fprint(w, `<CompleteMultipartUploadResult><ETag>"x-1"</ETag></CompleteMultipartUploadResult>`)
		}
	}))
	defer sink.Close()
	b := at(t, sink.URL)
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const size = 200 << 20
	if err := os.Truncate(path, size); err != nil { // it has no blocks on the disk
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := b.Put(t.Context(), "recordings/a/x.mp4", path, "video/mp4"); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > size/20 {
		t.Errorf("%d bytes of memory for %d of file", took, size)
	}
}

// FuzzDisposition: no name leaves its place in the header, or names a folder.
func FuzzDisposition(f *testing.F) {
	for _, name := range []string{"a.mp4", "회의 es.mp4", "\"; x=\"", "../../etc/passwd", "a\r\nSet-Cookie: x", "\xff\x00", `C:\x`, "", "%2f", strings.Repeat("x", 1000)} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		d := disposition(name)
		for _, r := range d {
			if r < ' ' || r > '~' {
				t.Fatalf("%q has %q", d, r)
			}
		}
		kind, with, err := mime.ParseMediaType(d)
		if err != nil || kind != "attachment" || len(with) > 1 || strings.ContainsAny(with["filename"], "/\\\r\n\x00") {
			t.Fatalf("%q: %s, %v, %v", d, kind, with, err)
		}
	})
}
