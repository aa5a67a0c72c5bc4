package models

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestDamageIsFoundAndMended(t *testing.T) {
	one, two := noise(10_000, 1), noise(20_000, 2)
	srv := serve(t, map[string][]byte{"/one": one, "/two": two})
	for name, tt := range map[string]struct {
		damage func(t *testing.T, dir string)
		seen   bool // without reading contents
		asked  int  // files fetched anew
	}{
		"a bit":      {func(t *testing.T, dir string) { put(t, dir, "two", append([]byte{two[0] ^ 1}, two[1:]...)) }, false, 1},
		"cut":        {func(t *testing.T, dir string) { put(t, dir, "two", two[:9]) }, true, 1},
		"gone":       {func(t *testing.T, dir string) { remove(t, dir, "two") }, true, 1},
		"a folder":   {func(t *testing.T, dir string) { remove(t, dir, "two"); remove(t, dir, "one"); mkdir(t, dir, "two") }, true, 2},
		"a link":     {func(t *testing.T, dir string) { remove(t, dir, "two"); link(t, dir, "two", "/dev/zero") }, true, 1},
		"no sums":    {func(t *testing.T, dir string) { remove(t, dir, sumsFile) }, true, 0},
		"other sums": {func(t *testing.T, dir string) { put(t, dir, sumsFile, []byte("0  two\n")) }, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, entry(from("one", one, srv.URL+"/one"), from("two", two, srv.URL+"/two")))
			if err := s.Pull(t.Context(), "net", Options{}); err != nil {
				t.Fatal(err)
			}
			before, _ := srv.requests()
			tt.damage(t, installed(t, s))
			if _, err := s.Path("net"); errors.Is(err, ErrDamaged) != tt.seen {
				t.Errorf("Path: %v", err)
			}
			if _, err := s.Verify(t.Context(), "net"); !errors.Is(err, ErrDamaged) {
				t.Errorf("Verify: %v", err)
			}
			if err := s.Pull(t.Context(), "net", Options{}); err != nil {
				t.Fatal(err)
			}
			installed(t, s)
			if after, _ := srv.requests(); len(after)-len(before) != tt.asked {
				t.Errorf("fetched %q", after[len(before):])
			}
		})
	}
}

func put(t *testing.T, dir, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, dir, name, to string) {
	t.Helper()
	if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// TestTwoPullsAtOnce: one fetches, the other waits and finds it done.
func TestTwoPullsAtOnce(t *testing.T) {
	net := noise(500_000, 1)
	srv := serve(t, map[string][]byte{"/net": net})
	dir := filepath.Join(t.TempDir(), "models")
	var wg sync.WaitGroup
	for range 4 { // stores of their own, as processes have
		s := openIn(t, dir, entry(from("net", net, srv.URL+"/net")))
		wg.Go(func() {
			if err := s.Pull(t.Context(), "net", Options{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if asked, _ := srv.requests(); len(asked) != 1 {
		t.Errorf("asked %q", asked)
	}
	installed(t, openIn(t, dir, entry(from("net", net, srv.URL+"/net"))))
}

func TestWaitingIsToldAndCanBeStopped(t *testing.T) {
	s := open(t, entry(from("net", noise(10, 1), "http://127.0.0.1:1/")))
	unlock, err := s.lock(t.Context(), "net", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	said, err := pulled(ctx, s, Options{})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(said, "another process is at it") {
		t.Error(said, err)
	}
}

func TestRemove(t *testing.T) {
	net := noise(1000, 1)
	srv := serve(t, map[string][]byte{"/net": net})
	s := open(t, entry(from("net", net, srv.URL+"/net")))
	if err := s.Remove(t.Context(), "net"); !errors.Is(err, ErrMissing) {
		t.Errorf("missing: %v", err)
	}
	if err := s.Remove(t.Context(), "../net"); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown: %v", err)
	}
	if err := s.Pull(t.Context(), "net", Options{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), "net"); err != nil {
		t.Fatal(err)
	}
	absent(t, s)
	// What a stopped pull, and a stopped removal, left goes too.
	for _, left := range []string{"cut", "removed/net"} {
		if err := os.MkdirAll(filepath.Join(s.staging("net"), left), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Remove(t.Context(), "net"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.staging("net")); !os.IsNotExist(err) {
		t.Errorf("staging: %v", err)
	}
}

func TestNonCommercialNeedsAYes(t *testing.T) {
	net := noise(1000, 1)
	srv := serve(t, map[string][]byte{"/net": net})
	e := entry(from("net", net, srv.URL+"/net"))
	e.Licence, e.NonCommercial = "CC-BY-NC-4.0", true
	s := open(t, e)
	if err := s.Pull(t.Context(), "net", Options{}); !errors.Is(err, ErrNonCommercial) || !strings.Contains(err.Error(), "CC-BY-NC-4.0") {
		t.Error(err)
	}
	if asked, _ := srv.requests(); len(asked) > 0 {
		t.Errorf("asked %q", asked)
	}
	if err := s.Pull(t.Context(), "net", Options{AcceptNonCommercial: true}); err != nil {
		t.Error(err)
	}
}

func TestOwnTermsNeedAYes(t *testing.T) {
	net := noise(1000, 1)
	srv := serve(t, map[string][]byte{"/net": net})
	e := entry(from("net", net, srv.URL+"/net"))
	e.Licence, e.OwnTerms = "LicenseRef-Own", true
	s := open(t, e)
	if err := s.Pull(t.Context(), "net", Options{AcceptNonCommercial: true}); !errors.Is(err, ErrTerms) || !strings.Contains(err.Error(), "LicenseRef-Own") {
		t.Error(err)
	}
	if asked, _ := srv.requests(); len(asked) > 0 {
		t.Errorf("asked %q", asked)
	}
	if err := s.Pull(t.Context(), "net", Options{AcceptTerms: true}); err != nil {
		t.Error(err)
	}
}

// TestSums: a folder's files are told with their sums, and which model they are.
func TestSums(t *testing.T) {
	net, words := noise(1000, 1), []byte("words")
	e := entry(from("net.onnx", net, "https://models.example/net"), from("tokens.txt", words, "https://models.example/tokens"))
	s := open(t, e)
	dir := t.TempDir()
	if _, err := Sums(t.Context(), dir); err == nil {
		t.Error("an empty folder has sums")
	}
	if err := os.MkdirAll(filepath.Join(dir, "wavs"), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "another name.onnx", net)
	for _, want := range [][]string{nil, {"net"}} {
		if want != nil {
			put(t, dir, "tokens.txt", words)
		}
		files, err := Sums(t.Context(), dir)
		if err != nil || files[0] != (File{"another name.onnx", 1000, pin("", net).SHA256}) || !slices.Equal(s.Same(files), want) {
			t.Errorf("%v is %v, %v", files, s.Same(files), err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Sums(ctx, dir); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestConversion(t *testing.T) {
	raw, made, words := noise(1000, 1), []byte("converted"), []byte("words")
	srv := serve(t, map[string][]byte{"/raw": raw, "/words": words})
	e := entry(from("raw.bin", raw, srv.URL+"/raw"), from("words", words, srv.URL+"/words"))
	e.Parts[0].Scratch = true
	e.Convert, e.Made = "turn", []File{pin("deep/net.onnx", made)}
	writes := func(b []byte) Convert {
		return func(_ context.Context, src, dst string) error {
			for _, name := range []string{"raw.bin", "words"} {
				if _, err := os.Stat(filepath.Join(src, name)); err != nil {
					return err
				}
			}
			if err := os.Mkdir(filepath.Join(dst, "deep"), 0o755); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dst, "deep", "net.onnx"), b, 0o644)
		}
	}
	s := open(t, e)
	for name, tt := range map[string]struct {
		convert Convert
		says    string
	}{
		"none":    {nil, "unknown conversion turn"},
		"fails":   {func(context.Context, string, string) error { return errors.New("no such tensor") }, "the conversion turn: no such tensor"},
		"panics":  {func(context.Context, string, string) error { panic("at layer 3") }, "panic: at layer 3"},
		"other":   {writes([]byte("converteD")), "wrong SHA-256"},
		"longer":  {writes([]byte("converted!")), "has 10 bytes, not 9"},
		"nothing": {func(context.Context, string, string) error { return nil }, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := s.Pull(t.Context(), "net", Options{Conversions: map[string]Convert{"turn": tt.convert}}); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %s", err, tt.says)
			}
			absent(t, s)
		})
	}
	if err := s.Pull(t.Context(), "net", Options{Conversions: map[string]Convert{"turn": writes(made)}}); err != nil {
		t.Fatal(err)
	}
	dir := installed(t, s)
	if _, err := os.Stat(filepath.Join(dir, "raw.bin")); !os.IsNotExist(err) {
		t.Errorf("scratch is installed: %v", err)
	}
	if asked, _ := srv.requests(); len(asked) != 2 {
		t.Errorf("asked again after a failed conversion: %q", asked)
	}
}

func TestAFileInTheWay(t *testing.T) {
	s := open(t, entry(from("net", noise(10, 1), "http://127.0.0.1:1/")))
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, s.dir, "net", []byte("mine"))
	if err := s.Pull(t.Context(), "net", Options{}); err == nil || !strings.Contains(err.Error(), "is no folder: move it away") {
		t.Error(err)
	}
	if b, err := os.ReadFile(filepath.Join(s.dir, "net")); string(b) != "mine" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestDefaultDir(t *testing.T) {
	t.Setenv("HOME", "/home/ann")
	for data, want := range map[string]string{
		"": "/home/ann/.local/share/livedub/models", "/data": "/data/livedub/models", "relative": "/home/ann/.local/share/livedub/models",
	} {
		t.Setenv("XDG_DATA_HOME", data)
		if got, err := DefaultDir(); got != want || err != nil {
			t.Errorf("%q: %q, %v", data, got, err)
		}
	}
	t.Setenv("HOME", "")
	t.Setenv("XDG_DATA_HOME", "")
	if got, err := DefaultDir(); err == nil {
		t.Errorf("without a home: %q", got)
	}
}

// TestWhatAKilledPullLeft neither spoils the next one nor stays.
func TestWhatAKilledPullLeft(t *testing.T) {
	net, words := noise(100_000, 1), []byte("words")
	srv := serve(t, map[string][]byte{"/net": net, "/words": words})
	s := open(t, entry(from("net", net, srv.URL+"/net"), from("words", words, srv.URL+"/words")))
	staging := s.staging("net")
	for _, dir := range []string{"new/net", "src", "made", "removed/x", "client-1/out", "whole", "cut"} {
		if err := os.MkdirAll(filepath.Join(staging, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// The disk has lost what was written last: a part that was whole, and one that was not.
	put(t, filepath.Join(staging, "whole"), pin("", words).SHA256, make([]byte, len(words)))
	put(t, filepath.Join(staging, "cut"), pin("", net).SHA256, append(net[:50_000:50_000], make([]byte, 10_000)...))
	put(t, filepath.Join(staging, "cut"), pin("", net).SHA256+".json", []byte(`{"URL":`))
	if err := s.Pull(t.Context(), "net", Options{}); err != nil {
		t.Fatal(err)
	}
	installed(t, s)
	if asked, _ := srv.requests(); strings.Join(asked, ", ") != "/net bytes=60000-, /net, /words" {
		t.Errorf("asked %q", asked)
	}
}
