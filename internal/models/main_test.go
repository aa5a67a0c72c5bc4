package models

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hasty is a pull's patience in tests.
var hasty = timing{
	tries: 3, wait: time.Millisecond, longest: 5 * time.Millisecond, stall: 400 * time.Millisecond,
	client: 2 * time.Second, poll: 5 * time.Millisecond, headerWait: 400 * time.Millisecond,
}

// noise returns n bytes that are the same for the same seed.
func noise(n int, seed uint64) []byte {
	b := make([]byte, n)
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// pin returns the file that has these bytes.
func pin(path string, b []byte) File {
	sum := sha256.Sum256(b)
	return File{path, int64(len(b)), hex.EncodeToString(sum[:])}
}

// from returns a part with these bytes, to be had at the addresses.
func from(path string, b []byte, urls ...string) Part {
	p := Part{File: pin(path, b)}
	for _, u := range urls {
		p.Sources = append(p.Sources, Source{URL: u})
	}
	return p
}

// entry returns a model of these parts.
func entry(parts ...Part) Entry {
	return Entry{Name: "net", What: "a net", Languages: []string{"en"}, Licence: "MIT", LicenceText: "Do as you like.\n", Parts: parts}
}

// open returns a hasty store with this catalogue in a new folder.
func open(t *testing.T, entries ...Entry) *Store {
	t.Helper()
	return openIn(t, filepath.Join(t.TempDir(), "models"), entries...)
}

func openIn(t *testing.T, dir string, entries ...Entry) *Store {
	t.Helper()
	s, err := Open(dir, entries)
	if err != nil {
		t.Fatal(err)
	}
	s.timing = hasty
	return s
}

// server serves files with ranges and ETags, and counts what it sends.
type server struct {
	*httptest.Server
	files map[string][]byte
	// before may answer instead; it returns true if it did.
	before func(w http.ResponseWriter, r *http.Request, n int) bool

	mu   sync.Mutex
	seen []string // "path range" of each request
	sent int
}

func serve(t *testing.T, files map[string][]byte) *server {
	t.Helper()
	s := &server{files: files}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.seen = append(s.seen, strings.TrimSpace(r.URL.Path+" "+r.Header.Get("Range")))
	n := len(s.seen)
	s.mu.Unlock()
	if s.before != nil && s.before(w, r, n) {
		return
	}
	b, ok := s.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", `"`+pin("", b).SHA256[:8]+`"`)
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(counted{w, s}, r, "", time.Time{}, bytes.NewReader(b))
}

// counted counts the bytes of answers.
type counted struct {
	http.ResponseWriter
	s *server
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.s.mu.Lock()
	c.s.sent += n
	c.s.mu.Unlock()
	return n, err
}

func (s *server) requests() ([]string, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.seen...), s.sent
}

// cutAfter answers a request with its first n bytes, then cuts the line.
func (s *server) cutAfter(w http.ResponseWriter, r *http.Request, n int) {
	w.Header().Set("Content-Type", "application/octet-stream")
	cut := &cutting{ResponseWriter: w, left: n}
	defer func() { panic(http.ErrAbortHandler) }()
	b := s.files[r.URL.Path]
	w.Header().Set("ETag", `"`+pin("", b).SHA256[:8]+`"`)
	http.ServeContent(cut, r, "", time.Time{}, bytes.NewReader(b))
	w.(http.Flusher).Flush()
}

type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	k := min(len(p), c.left)
	n, err := c.ResponseWriter.Write(p[:k])
	c.left -= n
	if err == nil && c.left == 0 {
		err = fmt.Errorf("enough")
	}
	return n, err
}

// installed fails unless the model is there whole, and returns its folder.
func installed(t *testing.T, s *Store) string {
	t.Helper()
	if _, err := s.Verify(t.Context(), "net"); err != nil {
		t.Fatal(err)
	}
	dir, err := s.Path("net")
	if err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Join(s.dir, stagingDir))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	return dir
}

// absent fails if anything of the model can be seen by those who use it.
func absent(t *testing.T, s *Store) {
	t.Helper()
	if _, err := os.Lstat(filepath.Join(s.dir, "net")); !os.IsNotExist(err) {
		t.Errorf("the model's folder is there: %v", err)
	}
}

// pulled pulls and returns what was said.
func pulled(ctx context.Context, s *Store, o Options) (string, error) {
	var said []string
	o.Say = func(line string) { said = append(said, line) }
	err := s.Pull(ctx, "net", o)
	return strings.Join(said, "\n"), err
}
