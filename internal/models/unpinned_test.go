package models

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// loose returns a model with a file that nobody has pinned, about so large, and one that is pinned.
func loose(about int64, urls ...string) Entry {
	p := Part{File: File{Path: "net.onnx", Size: about}}
	for _, u := range urls {
		p.Sources = append(p.Sources, Source{URL: u})
	}
	e := entry(p)
	e.Unpinned = true
	return e
}

// TestTrustOnFirstUse: only where that is asked for; what came once is held to.
func TestTrustOnFirstUse(t *testing.T) {
	net := noise(300_000, 1)
	srv := serve(t, map[string][]byte{"/net": net})
	s := open(t, loose(250_000, srv.URL+"/net"))
	if _, err := pulled(t.Context(), s, Options{}); !errors.Is(err, ErrUnpinned) || !strings.Contains(err.Error(), srv.URL) {
		t.Errorf("without being told to trust: %v", err)
	}
	if asked, _ := srv.requests(); len(asked) > 0 {
		t.Errorf("asked %q", asked)
	}
	said, err := pulled(t.Context(), s, Options{TrustFirstUse: true})
	want := pin("net.onnx", net)
	if err != nil || !strings.Contains(said, "300000 bytes, SHA-256 "+want.SHA256) {
		t.Fatal(said, err)
	}
	dir := installed(t, s)
	if b, err := os.ReadFile(filepath.Join(dir, sumsFile)); err != nil || string(b) != "# 300000  net.onnx\n"+want.SHA256+"  net.onnx\n" {
		t.Errorf("%s has %q, %v", sumsFile, b, err)
	}

	// From now on it is pinned: damage is found, and mended without being told to trust.
	put(t, dir, "net.onnx", noise(300_000, 2))
	found, err := s.Verify(t.Context(), "net")
	if !errors.Is(err, ErrDamaged) || len(found) != 1 || !errors.Is(found[0].Err, ErrSum) {
		t.Errorf("%v, %v", found, err)
	}
	if _, err := pulled(t.Context(), s, Options{}); err != nil {
		t.Error(err)
	}
	installed(t, s)
	put(t, dir, "net.onnx", noise(299_000, 2))
	if _, err := s.Path("net"); !errors.Is(err, ErrDamaged) {
		t.Errorf("cut: %v", err)
	}
	// Its makers send another: that is no repair.
	srv.files["/net"] = noise(300_000, 3)
	if _, err := pulled(t.Context(), s, Options{TrustFirstUse: true}); !errors.Is(err, ErrSum) {
		t.Errorf("another version: %v", err)
	}
	// Removed, it can be had anew.
	if err := s.Remove(t.Context(), "net"); err != nil {
		t.Fatal(err)
	}
	if _, err := pulled(t.Context(), s, Options{}); !errors.Is(err, ErrUnpinned) {
		t.Errorf("after its removal: %v", err)
	}
	if _, err := pulled(t.Context(), s, Options{TrustFirstUse: true}); err != nil {
		t.Error(err)
	}
	dir = installed(t, s)
	for name, record := range map[string]string{"none": "", "without size": want.SHA256 + "  net.onnx\n", "nonsense": "# x  net.onnx\n# 7  other\nabc  net.onnx\n"} {
		put(t, dir, sumsFile, []byte(record))
		if _, err := s.Path("net"); !errors.Is(err, ErrDamaged) {
			t.Errorf("a record %s: %v", name, err)
		}
		if _, err := s.Verify(t.Context(), "net"); !errors.Is(err, ErrDamaged) {
			t.Errorf("a record %s: %v", name, err)
		}
	}
	// What lies there without a record is not what is trusted.
	remove(t, dir, sumsFile)
	put(t, dir, "net.onnx", noise(300_000, 7))
	if _, err := pulled(t.Context(), s, Options{TrustFirstUse: true}); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(installed(t, s), "net.onnx")); err != nil || string(b) != string(srv.files["/net"]) {
		t.Errorf("what lay there without a record was kept: %v", err)
	}
}

// TestUnpinnedIsTakenUp where the server tells one version from another, and begun anew where it does not.
func TestUnpinnedIsTakenUp(t *testing.T) {
	net := noise(1_000_000, 1)
	for name, tt := range map[string]struct {
		spoil func(s *server, w http.ResponseWriter, r *http.Request, n int)
		last  string // request
		bytes []byte
	}{
		"a cut line":                         {func(*server, http.ResponseWriter, *http.Request, int) {}, "/net bytes=300000-", net},
		"another version, and no validators": {func(*server, http.ResponseWriter, *http.Request, int) {}, "/net", noise(1_000_000, 2)},
		"another version meanwhile": {func(s *server, _ http.ResponseWriter, _ *http.Request, n int) {
			if n == 2 {
				s.mu.Lock()
				s.files = map[string][]byte{"/net": noise(900_000, 2)}
				s.mu.Unlock()
			}
		}, "/net bytes=300000-", noise(900_000, 2)},
		"another version, and a server that minds no If-Range": {func(s *server, _ http.ResponseWriter, r *http.Request, n int) {
			if n == 2 {
				s.mu.Lock()
				s.files = map[string][]byte{"/net": noise(1_000_000, 2)}
				s.mu.Unlock()
				r.Header.Del("If-Range")
			}
		}, "/net", noise(1_000_000, 2)},
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, map[string][]byte{"/net": net})
			srv.before = func(w http.ResponseWriter, r *http.Request, n int) bool {
				switch {
				case strings.Contains(name, "no validators"):
					w.Header().Set("Content-Type", "a/b")
					if n > 1 {
						http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(tt.bytes))
						return true
					}
					w.Header().Set("Content-Length", "1000000")
					_, _ = w.Write(net[:300_000])
					panic(http.ErrAbortHandler)
				case n == 1:
					srv.cutAfter(w, r, 300_000)
				}
				tt.spoil(srv, w, r, n)
				return false
			}
			s := open(t, loose(1_000_000, srv.URL+"/net"))
			if _, err := pulled(t.Context(), s, Options{TrustFirstUse: true}); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(installed(t, s), "net.onnx"))
			if err != nil || string(got) != string(tt.bytes) {
				t.Errorf("%d bytes of another file, %v", len(got), err)
			}
			if asked, _ := srv.requests(); asked[len(asked)-1] != tt.last {
				t.Errorf("asked %q, the last should be %q", asked, tt.last)
			}
		})
	}
}

// TestUnpinnedFromBadServers: what cannot be told to be the file is not taken, and sources are not mixed.
func TestUnpinnedFromBadServers(t *testing.T) {
	net := noise(200_000, 1)
	for name, tt := range map[string]struct {
		answer func(w http.ResponseWriter)
		says   string
	}{
		"no length": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "a/b")
			w.(http.Flusher).Flush()
			_, _ = w.Write(net)
		}, "does not say how many bytes"},
		"far too much": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "a/b")
			w.Header().Set("Content-Length", "99000000")
		}, "has 99000000 bytes, the catalogue about 200000"},
		"nothing": {func(w http.ResponseWriter) { w.Header().Set("Content-Type", "a/b") }, "has 0 bytes"},
		"a page": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>log in"))
		}, "a page of HTML"},
		"404": {func(w http.ResponseWriter) { w.WriteHeader(404) }, "404"},
		"half of it": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "a/b")
			w.Header().Set("Content-Length", "200000")
			w.Header().Set("ETag", `"x"`)
			_, _ = w.Write(noise(150_000, 9))
			panic(http.ErrAbortHandler)
		}, "was cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := serve(t, nil)
			bad.before = func(w http.ResponseWriter, _ *http.Request, _ int) bool { tt.answer(w); return true }
			mirror := serve(t, map[string][]byte{"/net": net})
			s := open(t, loose(200_000, bad.URL+"/net", mirror.URL+"/net"))
			said, err := pulled(t.Context(), s, Options{TrustFirstUse: true})
			if err != nil || !strings.Contains(said, tt.says) {
				t.Fatal(said, err)
			}
			got, err := os.ReadFile(filepath.Join(installed(t, s), "net.onnx"))
			if err != nil || string(got) != string(net) {
				t.Errorf("%d bytes of another file, %v", len(got), err)
			}
			alone := open(t, loose(200_000, bad.URL+"/net"))
			if _, err := pulled(t.Context(), alone, Options{TrustFirstUse: true}); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("alone: %v", err)
			}
			absent(t, alone)
		})
	}
}

// TestMadeOfPinnedParts: what a conversion makes of pinned parts needs no trust, and is recorded.
func TestMadeOfPinnedParts(t *testing.T) {
	raw := noise(100_000, 1)
	srv := serve(t, map[string][]byte{"/raw": raw})
	part := from("raw", raw, srv.URL+"/raw")
	part.Scratch = true
	e := entry(part)
	e.Unpinned, e.Convert, e.Made = true, "double", []File{{Path: "net.onnx", Size: 150_000}}
	twice := map[string]Convert{"double": func(_ context.Context, src, dst string) error {
		b, err := os.ReadFile(filepath.Join(src, "raw"))
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dst, "net.onnx"), append(b, b...), 0o600)
	}}
	s := open(t, e)
	if said, err := pulled(t.Context(), s, Options{Conversions: twice}); err != nil || strings.Contains(said, "trusted") {
		t.Fatal(said, err)
	}
	dir := installed(t, s)
	put(t, dir, "net.onnx", noise(200_000, 5))
	if _, err := s.Verify(t.Context(), "net"); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	if _, err := pulled(t.Context(), s, Options{Conversions: twice}); err != nil {
		t.Error(err)
	}
	installed(t, s)
	// A conversion that makes nothing makes no model.
	none := map[string]Convert{"double": func(context.Context, string, string) error { return nil }}
	empty := open(t, e)
	if _, err := pulled(t.Context(), empty, Options{Conversions: none}); err == nil {
		t.Error("a model without its file")
	}
	absent(t, empty)
}

// TestUnpinnedOnAFullDisk: the size is about right, and so is what is told before.
func TestUnpinnedOnAFullDisk(t *testing.T) {
	net := noise(900_000, 1)
	srv := serve(t, map[string][]byte{"/net": net})
	s := openIn(t, smallDisk(t), loose(2_000_000, srv.URL+"/net"))
	if err := s.Pull(t.Context(), "net", Options{TrustFirstUse: true}); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	srv.files["/net"] = noise(2_000_000, 1)
	s = openIn(t, smallDisk(t), loose(500_000, srv.URL+"/net"))
	if err := s.Pull(t.Context(), "net", Options{TrustFirstUse: true}); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	absent(t, s)
}

// TestUnpinnedEntries: which may be.
func TestUnpinnedEntries(t *testing.T) {
	for want, change := range map[string]func(e *Entry){
		"only https addresses":   func(e *Entry) { e.Parts[0].Sources = []Source{{URL: "http://models.example/net"}} },
		"only https":             func(e *Entry) { e.Parts[0].Sources = []Source{{Pieces: []Piece{{wheelOne, "net"}}}} },
		"is not 64":              func(e *Entry) { e.Unpinned = false },
		"all files are pinned":   func(e *Entry) { e.Parts[0].SHA256 = strings.Repeat("0", 64) },
		"size: 0 is not within":  func(e *Entry) { e.Parts[0].Size = 0 },
		`sha256: "x" is not 64 `: func(e *Entry) { e.Parts[0].SHA256 = "x" },
	} {
		e := loose(100, "https://models.example/net")
		if err := e.check(); err != nil {
			t.Fatal(err)
		}
		change(&e)
		if err := e.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	all, err := parse([]byte("models:\n  - {name: x, what: y, licence: MIT, licence_text: z, unpinned: true, files: [{path: net, size: 9, sources: [{url: 'https://models.example/net'}]}]}\n"))
	if err != nil || len(all) != 1 || !all[0].Unpinned || len(all[0].FirstUse()) != 1 || all[0].Upstream() != "https://models.example/net" {
		t.Errorf("%+v, %v", all, err)
	}
}
