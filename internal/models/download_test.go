package models

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPullInstalls(t *testing.T) {
	net, words := noise(300_000, 1), []byte("one\ntwo\n")
	srv := serve(t, map[string][]byte{"/net.onnx": net, "/words": words})
	s := open(t, entry(from("net.onnx", net, srv.URL+"/net.onnx"), from("data/words.txt", words, srv.URL+"/words")))
	if _, err := s.Path("net"); !errors.Is(err, ErrMissing) {
		t.Errorf("before: %v", err)
	}
	at := new(Progress)
	if said, err := pulled(t.Context(), s, Options{Progress: at}); err != nil || said != "" {
		t.Fatal(said, err)
	}
	if _, done, total := at.Read(); done != 300_008 || total != 300_008 {
		t.Errorf("progress ends at %d of %d", done, total)
	}
	dir := installed(t, s)
	for path, want := range map[string]string{"net.onnx": string(net), "data/words.txt": string(words), "LICENCE": "Do as you like.\n"} {
		if got, err := os.ReadFile(filepath.Join(dir, path)); string(got) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	asked, _ := srv.requests()
	if said, err := pulled(t.Context(), s, Options{}); err != nil || !strings.Contains(said, "is installed") {
		t.Error(said, err)
	}
	if again, _ := srv.requests(); len(again) != len(asked) {
		t.Errorf("asked again: %v", again[len(asked):])
	}
}

func TestCutLinesAreTakenUp(t *testing.T) {
	net := noise(1_000_000, 1)
	srv := serve(t, map[string][]byte{"/net": net})
	var ifRange []string
	srv.before = func(w http.ResponseWriter, r *http.Request, n int) bool {
		srv.mu.Lock()
		ifRange = append(ifRange, r.Header.Get("If-Range"))
		srv.mu.Unlock()
		if n <= 8 { // more cuts than tries: each brings enough
			srv.cutAfter(w, r, 100_000)
		}
		return false
	}
	s := open(t, entry(from("net", net, srv.URL+"/net")))
	if _, err := pulled(t.Context(), s, Options{}); err != nil {
		t.Fatal(err)
	}
	installed(t, s)
	asked, sent := srv.requests()
	if len(asked) != 9 || asked[8] != "/net bytes=800000-" || sent != 200_000 {
		t.Errorf("asked %q, the last brought %d bytes", asked, sent)
	}
	if ifRange[0] != "" || ifRange[8] == "" {
		t.Errorf("If-Range: %q", ifRange)
	}
}

func TestStoppedPullGoesOn(t *testing.T) {
	first, second := noise(200_000, 1), noise(500_000, 2)
	srv := serve(t, map[string][]byte{"/first": first, "/second": second})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	at := new(Progress)
	srv.before = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if n != 2 {
			return false
		}
		w.Header().Set("ETag", `"`+pin("", second).SHA256[:8]+`"`)
		w.Header().Set("Content-Length", "500000")
		_, _ = w.Write(second[:300_000])
		w.(http.Flusher).Flush()
		for { // until all of it has been taken in
			if _, done, _ := at.Read(); done >= 500_000 || ctx.Err() != nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		cancel()
		<-r.Context().Done()
		return true
	}
	s := open(t, entry(from("first", first, srv.URL+"/first"), from("second", second, srv.URL+"/second")))
	if _, err := pulled(ctx, s, Options{Progress: at}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	absent(t, s)
	if _, err := pulled(t.Context(), s, Options{}); err != nil {
		t.Fatal(err)
	}
	installed(t, s)
	if asked, _ := srv.requests(); len(asked) != 3 || asked[2] != "/second bytes=300000-" {
		t.Errorf("asked %q", asked)
	}
}

func TestServerWithoutRanges(t *testing.T) {
	net := noise(400_000, 1)
	srv := serve(t, map[string][]byte{"/net": net})
	srv.before = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if n == 1 {
			srv.cutAfter(w, r, 100_000)
		}
		r.Header.Del("Range")
		return false
	}
	s := open(t, entry(from("net", net, srv.URL+"/net")))
	if _, err := pulled(t.Context(), s, Options{}); err != nil {
		t.Fatal(err)
	}
	installed(t, s)
}

// TestOtherVersionIsNotMixed: what was cut off is of another version: by its
// ETag the server knows, and else the sum tells.
func TestOtherVersionIsNotMixed(t *testing.T) {
	for name, tagged := range map[string]bool{"by its ETag": true, "by its sum": false} {
		t.Run(name, func(t *testing.T) {
			old, net := noise(400_000, 1), noise(400_000, 2)
			srv := serve(t, map[string][]byte{"/net": old, "/new": net})
			srv.before = func(w http.ResponseWriter, r *http.Request, n int) bool {
				if n == 1 {
					srv.cutAfter(w, r, 100_000)
				}
				r.URL.Path = "/new"
				if !tagged {
					r.Header.Del("If-Range")
				}
				return false
			}
			s := open(t, entry(from("net", net, srv.URL+"/net")))
			if _, err := pulled(t.Context(), s, Options{}); err != nil {
				t.Fatal(err)
			}
			installed(t, s)
			want := 3 // cut, mixed, whole
			if tagged {
				want = 2
			}
			if asked, _ := srv.requests(); len(asked) != want {
				t.Errorf("asked %q", asked)
			}
		})
	}
}

// TestBadServers: each is told by what it does, and the next source is taken.
func TestBadServers(t *testing.T) {
	good := noise(200_000, 1)
	more := append(slices.Clip(good), good...)[:200_001] // no end of a write is the file's
	head := func(w http.ResponseWriter, kv ...string) {
		for i := 0; i < len(kv); i += 2 {
			w.Header().Set(kv[i], kv[i+1])
		}
	}
	for name, tt := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request, n int)
		says   string
		asked  int // times
	}{
		"404": {func(w http.ResponseWriter, r *http.Request, _ int) { http.NotFound(w, r) }, "404 Not Found", 1},
		"401": {func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(401) }, "401 Unauthorized", 1},
		"503": {func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(503) }, "503 Service", 3},
		"html": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			head(w, "Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, "<html>Please log in")
		}, "a page of HTML", 1},
		"wrong sum": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			head(w, "Content-Type", "a/b")
			_, _ = w.Write(noise(200_000, 9))
		}, "wrong SHA-256", 1},
		"short": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			head(w, "Content-Type", "a/b", "Content-Length", "7")
			_, _ = w.Write(good[:7])
		}, "has 7 bytes, the catalogue 200000", 1},
		"endless": {func(w http.ResponseWriter, r *http.Request, _ int) {
			head(w, "Content-Type", "a/b")
			for r.Context().Err() == nil {
				if _, err := w.Write(more); err != nil {
					return
				}
			}
		}, "sends more than the 200000 bytes", 1},
		"chunks that end early": {func(w http.ResponseWriter, r *http.Request, n int) {
			head(w, "Content-Type", "a/b")
			_, _ = w.Write(good[:100])
			w.(http.Flusher).Flush()
		}, "was cut off after 100 of 200000 bytes", 3},
		"gzip": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			head(w, "Content-Type", "a/b", "Content-Encoding", "gzip")
			_, _ = w.Write(good)
		}, `answers in "gzip"`, 1},
		"redirects": {func(w http.ResponseWriter, r *http.Request, _ int) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, "redirects without end", 11},
		"redirect to a file": {func(w http.ResponseWriter, r *http.Request, _ int) {
			head(w, "Location", "file:///etc/passwd")
			w.WriteHeader(302)
		}, "redirects", 1},
		"nothing comes": {func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() }, "awaiting response headers", 2},
		"stalls": {func(w http.ResponseWriter, r *http.Request, _ int) {
			head(w, "Content-Type", "a/b", "Content-Length", "200000")
			_, _ = w.Write(good[:5000])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "sends next to nothing", 3},
		"trickles": {func(w http.ResponseWriter, r *http.Request, _ int) {
			head(w, "Content-Type", "a/b", "Content-Length", "200000")
			for i := 0; r.Context().Err() == nil; i++ {
				_, _ = w.Write(good[i : i+1])
				w.(http.Flusher).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		}, "sends next to nothing", 3},
		"cuts, then answers other ranges": {func(w http.ResponseWriter, _ *http.Request, n int) {
			if n%2 == 0 {
				head(w, "Content-Range", "bytes 7-199999/200000")
				w.WriteHeader(206)
				return
			}
			head(w, "Content-Type", "a/b", "Content-Length", "200000")
			_, _ = w.Write(good[:100_000])
			panic(http.ErrAbortHandler)
		}, "answers another range", 4},
		"cuts here and there, and knows no ranges": {func(w http.ResponseWriter, _ *http.Request, n int) {
			head(w, "Content-Type", "a/b", "Content-Length", "200000")
			_, _ = w.Write(good[:50_000+n%2*100_000])
			panic(http.ErrAbortHandler)
		}, "was cut off after", 4},
		"hangs up": {func(http.ResponseWriter, *http.Request, int) { panic(http.ErrAbortHandler) }, "EOF", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := serve(t, nil)
			bad.before = func(w http.ResponseWriter, r *http.Request, n int) bool { tt.answer(w, r, n); return true }
			mirror := serve(t, map[string][]byte{"/net": good})
			s := open(t, entry(from("net", good, bad.URL+"/net", mirror.URL+"/net")))
			said, err := pulled(t.Context(), s, Options{})
			if err != nil {
				t.Fatal(err)
			}
			installed(t, s)
			if !strings.Contains(said, tt.says) || !strings.Contains(said, "trying "+mirror.URL) {
				t.Errorf("said %q, want %q", said, tt.says)
			}
			if asked, _ := bad.requests(); len(asked) != tt.asked {
				t.Errorf("asked %d times: %q", len(asked), asked)
			}
			alone := open(t, entry(from("net", good, bad.URL+"/net")))
			if _, err := pulled(t.Context(), alone, Options{}); err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("alone: %v", err)
			}
			absent(t, alone)
		})
	}
}

// TestBadAnswersToRanges: what is there already is given up rather than spoilt.
func TestBadAnswersToRanges(t *testing.T) {
	good := noise(200_000, 1)
	for name, answer := range map[string]func(w http.ResponseWriter){
		"another range": func(w http.ResponseWriter) {
			w.Header().Set("Content-Range", "bytes 0-199999/200000")
			w.WriteHeader(206)
			_, _ = w.Write(good)
		},
		"no range told": func(w http.ResponseWriter) { w.WriteHeader(206) },
		"416":           func(w http.ResponseWriter) { w.WriteHeader(416) },
		"429": func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "99999999999999999999")
			w.WriteHeader(429)
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, map[string][]byte{"/net": good})
			srv.before = func(w http.ResponseWriter, r *http.Request, n int) bool {
				switch n {
				case 1:
					srv.cutAfter(w, r, 100_000)
				case 2:
					answer(w)
					return true
				}
				return false
			}
			s := open(t, entry(from("net", good, srv.URL+"/net")))
			if _, err := pulled(t.Context(), s, Options{}); err != nil {
				t.Fatal(err)
			}
			installed(t, s)
		})
	}
}

func TestRedirectsAreFollowed(t *testing.T) {
	good := noise(10_000, 1)
	store := serve(t, map[string][]byte{"/blob": good})
	hub := serve(t, nil)
	hub.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		http.Redirect(w, r, store.URL+"/blob?signed=secret", http.StatusFound)
		return true
	}
	s := open(t, entry(from("net", good, hub.URL+"/net")))
	if _, err := pulled(t.Context(), s, Options{}); err != nil {
		t.Fatal(err)
	}
	installed(t, s)
}

// TestSilentHostIsAskedOnce: where nobody answers, the other files do not wait for it too.
func TestSilentHostIsAskedOnce(t *testing.T) {
	one, two := noise(1000, 1), noise(1000, 2)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := "http://" + l.Addr().String()
	l.Close()
	mirror := serve(t, map[string][]byte{"/one": one, "/two": two})
	s := open(t, entry(from("one", one, dead+"/one", mirror.URL+"/one"), from("two", two, dead+"/two", mirror.URL+"/two")))
	said, err := pulled(t.Context(), s, Options{})
	if err != nil || strings.Count(said, "connection refused") != 1 {
		t.Error(said, err)
	}
	installed(t, s)
}
