package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"livedub/store"
)

// OpenObjects opens a store of objects that has nothing yet. It is closed by the suite.
type OpenObjects func(t *testing.T) store.Objects

// Objects runs all that a store of objects must do.
func Objects(t *testing.T, open OpenObjects) {
	for name, test := range map[string]func(t *testing.T, o objects){
		"Put":           put,
		"Replace":       replace,
		"Ranges":        ranges,
		"List":          list,
		"Delete":        deleteByPrefix,
		"BadKeys":       badKeys,
		"BadFiles":      badFiles,
		"PutConcurrent": putConcurrent,
		"Link":          link,
	} {
		t.Run(name, func(t *testing.T) {
			o := objects{open(t), t, t.TempDir()}
			test(t, o)
			if err := o.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// objects are objects whose failures fail the test.
type objects struct {
	store.Objects
	t   *testing.T
	dir string
}

func (o objects) file(body []byte) string {
	o.t.Helper()
	f, err := os.CreateTemp(o.dir, "file")
	if err == nil {
		_, err = f.Write(body)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return f.Name()
}

func (o objects) put(key, body string) {
	o.t.Helper()
	if err := o.Put(o.t.Context(), key, o.file([]byte(body)), "video/mp4"); err != nil {
		o.t.Fatalf("put %s: %v", key, err)
	}
}

func (o objects) get(key string, offset, n int64) (string, store.Object) {
	o.t.Helper()
	body, is, err := o.Open(o.t.Context(), key, offset, n)
	if err != nil {
		o.t.Fatalf("open %s from %d, %d bytes: %v", key, offset, n, err)
	}
	raw, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		o.t.Fatalf("read %s: %v", key, err)
	}
	return string(raw), is
}

func (o objects) list(prefix string) (keys []string) {
	o.t.Helper()
	all, err := o.List(o.t.Context(), prefix)
	if err != nil {
		o.t.Fatalf("list %q: %v", prefix, err)
	}
	for _, is := range all {
		keys = append(keys, is.Key)
	}
	return keys
}

func (o objects) missing(key string) {
	o.t.Helper()
	if _, _, err := o.Open(o.t.Context(), key, 0, -1); !errors.Is(err, store.ErrNotFound) {
		o.t.Fatalf("open %s: %v, want: %v", key, err, store.ErrNotFound)
	}
}

// put: an object is what its file was, whatever its type; the file stays where it is.
func put(t *testing.T, o objects) {
	for key, typ := range map[string]store.Type{
		"recordings/e/es/es.mp4": "video/mp4", "recordings/e/es/a/00000012.m4s": "video/iso.segment", "recordings/e/es/a.json": "application/json",
		"recordings/e/es/captions.vtt": "text/vtt", "recordings/e/es/index.m3u8": "application/vnd.apple.mpegurl", "x": "application/octet-stream",
		"a/b/c/d/e/f/g/h/i/j.mp4": "video/mp4", "A_-.mp4": "video/mp4", strings.Repeat("k", 200): "application/octet-stream",
	} {
		body := []byte("body of " + key)
		if key == "recordings/e/es/es.mp4" {
			body = bytes.Repeat(body, 500_000) // 15 MB
		}
		path := o.file(body)
		if err := o.Put(t.Context(), key, path, typ); err != nil {
			t.Fatalf("put %s: %v", key, err)
		}
		got, is := o.get(key, 0, -1)
		if got != string(body) || is.Key != key || is.Size != int64(len(body)) || is.Type != typ || time.Since(is.Modified).Abs() > time.Hour {
			t.Errorf("%s: %d bytes, %+v", key, len(got), is)
		}
		if left, err := os.ReadFile(path); err != nil || !bytes.Equal(left, body) {
			t.Errorf("the file of %s: %v, %d bytes", key, err, len(left))
		}
	}
	o.put("empty.mp4", "")
	if got, is := o.get("empty.mp4", 0, -1); got != "" || is.Size != 0 {
		t.Errorf("empty: %q, %+v", got, is)
	}
	o.missing("recordings/e/es")
	o.missing("recordings")
	o.missing("recordings/e/es/es.mp")
	o.missing("recordings/e/es/es.mp4x")
}

// replace: an object takes the place of the one before; who reads that reads it to its end.
func replace(t *testing.T, o objects) {
	long := strings.Repeat("the first ", 100_000)
	o.put("a/b.mp4", long)
	body, _, err := o.Open(t.Context(), "a/b.mp4", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 10)
	if _, err := io.ReadFull(body, first); err != nil {
		t.Fatal(err)
	}
	o.put("a/b.mp4", "the second")
	rest, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil || string(first)+string(rest) != long {
		t.Errorf("%d bytes of %d, %v", len(first)+len(rest), len(long), err)
	}
	if got, is := o.get("a/b.mp4", 0, -1); got != "the second" || is.Size != 10 {
		t.Errorf("%.20q, %+v", got, is)
	}
	if keys := o.list(""); len(keys) != 1 {
		t.Errorf("%v", keys)
	}
}

// ranges: n bytes from an offset on, as many as there are; from the end on there are none.
func ranges(t *testing.T, o objects) {
	o.put("a.mp4", "0123456789")
	for _, c := range []struct {
		offset, n int64
		want      string
	}{
		{0, -1, "0123456789"}, {0, 10, "0123456789"}, {0, 1, "0"}, {3, 4, "3456"}, {9, 1, "9"}, {3, -1, "3456789"},
		{3, 100, "3456789"}, {3, 1 << 60, "3456789"}, {0, 0, ""}, {10, -1, ""}, {10, 5, ""}, {11, -1, ""}, {1 << 60, 1 << 60, ""},
	} {
		if got, is := o.get("a.mp4", c.offset, c.n); got != c.want || is.Size != 10 {
			t.Errorf("%d bytes from %d: %q, %+v, want %q", c.n, c.offset, got, is, c.want)
		}
	}
	if _, _, err := o.Open(t.Context(), "a.mp4", -1, 1); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("from -1: %v", err)
	}
	if _, _, err := o.Open(t.Context(), "b.mp4", 100, 1); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what is not there, from 100: %v", err)
	}
}

// list: keys come in their order, byte by byte, those that begin with a prefix.
func list(t *testing.T, o objects) {
	all := []string{"a-b/x", "a/b/c", "a/b/d", "a/bc", "a0/x", "ab", "b/z"}
	for _, key := range slices.Backward(all) {
		o.put(key, key)
	}
	for prefix, want := range map[string][]string{
		"": all, "a": all[:6], "a/": all[1:4], "a/b": all[1:4], "a/b/": all[1:3], "a/b/c": all[1:2], "b/z": all[6:], "c": nil, "a/b/c/": nil, "a/b/c/d": nil, "b/": all[6:],
	} {
		if got := o.list(prefix); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", prefix, got, want)
		}
	}
	is, err := o.List(t.Context(), "a/bc")
	if err != nil || len(is) != 1 || is[0].Size != 4 || time.Since(is[0].Modified).Abs() > time.Hour {
		t.Errorf("%+v, %v", is, err)
	}
}

// deleteByPrefix: what begins with the prefix is gone, also when it is deleted again, and no more than that.
func deleteByPrefix(t *testing.T, o objects) {
	del := func(prefix string, left ...string) {
		t.Helper()
		for range 2 {
			if err := o.Delete(t.Context(), prefix); err != nil {
				t.Fatalf("delete %q: %v", prefix, err)
			}
			if got := o.list(""); !slices.Equal(got, left) {
				t.Fatalf("after deleting %q there are %v, want %v", prefix, got, left)
			}
		}
	}
	for _, key := range []string{"r/a/es/1", "r/a/es/2", "r/a/x", "r/ab/x", "r/b/x", "s"} {
		o.put(key, key)
	}
	del("nothing", "r/a/es/1", "r/a/es/2", "r/a/x", "r/ab/x", "r/b/x", "s")
	del("r/a/es/1", "r/a/es/2", "r/a/x", "r/ab/x", "r/b/x", "s")
	del("r/a/", "r/ab/x", "r/b/x", "s")
	o.missing("r/a/es/2")
	o.put("r/a/es/2", "again")
	del("r/a", "r/b/x", "s")
	if err := o.Delete(t.Context(), ""); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("all was deleted by no prefix: %v", err)
	}
	del("r/", "s")
	del("s/", "s")
	del("s")
	empty := o.file(nil)
	var all sync.WaitGroup
	for w := range 11 {
		all.Go(func() {
			for i := range 100 { // together more than one page of a server
				if err := o.Put(t.Context(), fmt.Sprint("many/", 100*w+i), empty, "video/mp4"); err != nil {
					t.Errorf("put: %v", err)
				}
			}
		})
	}
	all.Wait()
	if got := o.list("many/"); len(got) != 1100 {
		t.Errorf("%d of 1100 are listed", len(got))
	}
	del("many/")
}

// badKeys: what can be no key is refused, whatever is asked.
func badKeys(t *testing.T, o objects) {
	o.put("a/b", "b")
	path := o.file([]byte("x"))
	for _, key := range []string{
		"..", ".", "../x", "a/../../x", "a/..", "a/./b", "/a", "/etc/passwd", "a//b", ".hidden", "a/.hidden", "a/...", `a\b`, `..\x`,
		"a\x00b", "é", "a b", "a\n", "a?b", "a#b", "a%2fb", "~", "a:b", "\xff", strings.Repeat("a/", 300) + "a", strings.Repeat("a", 201),
	} {
		_, _, open := o.Open(t.Context(), key, 0, -1)
		_, list := o.List(t.Context(), key)
		_, link := o.Link(t.Context(), key, "x.mp4", time.Minute)
		for what, err := range map[string]error{
			"put": o.Put(t.Context(), key, path, "video/mp4"), "open": open, "list": list, "link": link, "delete": o.Delete(t.Context(), key),
		} {
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s %.60q: %v", what, key, err)
			}
		}
	}
	for _, key := range []string{"", "a/"} { // prefixes, but no keys
		if err := o.Put(t.Context(), key, path, "video/mp4"); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("put %q: %v", key, err)
		}
	}
	if got := o.list(""); !slices.Equal(got, []string{"a/b"}) {
		t.Errorf("%v", got)
	}
}

// badFiles: a file that cannot be read leaves what was there as it was.
func badFiles(t *testing.T, o objects) {
	o.put("a/b", "b")
	for _, key := range []string{"a/b", "a/c"} {
		for _, path := range []string{filepath.Join(o.dir, "none"), o.dir} {
			if err := o.Put(t.Context(), key, path, "video/mp4"); err == nil {
				t.Errorf("put %s from %s: no error", key, path)
			}
		}
	}
	if got, _ := o.get("a/b", 0, -1); got != "b" {
		t.Errorf("%q", got)
	}
	o.missing("a/c")
}

// putConcurrent: of objects that are put at once one is there, whole.
func putConcurrent(t *testing.T, o objects) {
	var files [4]string
	for i := range files {
		files[i] = o.file(bytes.Repeat([]byte{byte('a' + i)}, 300_000))
	}
	o.put("a/b", strings.Repeat("z", 300_000))
	var all sync.WaitGroup
	for i := range files {
		all.Go(func() {
			for range 5 {
				if err := o.Put(t.Context(), "a/b", files[i], "video/mp4"); err != nil {
					t.Errorf("put: %v", err)
				}
			}
		})
		all.Go(func() {
			for range 5 {
				body, is, err := o.Open(t.Context(), "a/b", 0, -1)
				if err != nil {
					t.Errorf("open: %v", err)
					continue
				}
				got, err := io.ReadAll(body)
				if err := errors.Join(err, body.Close()); err != nil || is.Size != 300_000 || len(got) != 300_000 || bytes.Count(got, got[:1]) != len(got) {
					t.Errorf("%d bytes, not of one: %v", len(got), err)
				}
			}
		})
	}
	all.Wait()
	if keys := o.list(""); len(keys) != 1 {
		t.Errorf("%v", keys)
	}
}

// link: an address, where the store has one, gives anybody the object.
func link(t *testing.T, o objects) {
	o.put("a/b.mp4", "body")
	at, err := o.Link(t.Context(), "a/b.mp4", "talk \"es\".mp4", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if at == "" {
		return
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(w.Body)
	if err := errors.Join(err, w.Body.Close()); err != nil || w.StatusCode != http.StatusOK || string(got) != "body" {
		t.Errorf("%d %q, %v", w.StatusCode, got, err)
	}
}
