package recording

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"livedub/store"
)

func TestOpen(t *testing.T) {
	s := newShelf(t)
	s.take(s.local, "es", whole("a", 1, 2))
	s.take(s.remote, "es", whole("b", 2, 3))
	s.put(s.remote, "es/es.mp4", []byte("0123456789"))
	for _, c := range []struct {
		file      string
		offset, n int64
		want      string
	}{
		{"a/init.mp4", 0, -1, "init of a"}, {"a/00000001.m4s", 0, -1, "00000001.m4s of a"}, {"a/00000001.m4s", 9, 3, "m4s"},
		{"b/00000003.m4s", 0, -1, "00000003.m4s of b"}, {"es.mp4", 0, -1, "0123456789"}, {"es.mp4", 3, 4, "3456"}, {"es.mp4", 8, 100, "89"},
	} {
		r, o, err := s.Open(t.Context(), epoch, "es", c.file, c.offset, c.n)
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		got, err := io.ReadAll(r)
		if string(got) != c.want || err != nil || r.Close() != nil || o.Size == 0 || o.Type == "" || o.Modified.IsZero() {
			t.Errorf("%s from %d: %q %v, %+v; want %q", c.file, c.offset, got, err, o, c.want)
		}
	}
	s.put(s.remote, "es/a/00000001.m4s", []byte("older"))
	if text, err := s.read(t.Context(), Dir(epoch)+"es/a/00000001.m4s"); string(text) != "00000001.m4s of a" || err != nil {
		t.Errorf("what is on this machine does not come first: %q %v", text, err)
	}
}

// TestHostileNames: names that lead elsewhere are not found, and reach no store.
func TestHostileNames(t *testing.T) {
	s := newShelf(t)
	secret := filepath.Join(filepath.Dir(s.local), "secret.mp4")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.put(s.local, "es/a.json", []byte("{}"))
	s.put(s.local, "es/captions.vtt", []byte("WEBVTT"))
	if err := os.Symlink(secret, filepath.Join(s.local, Dir(epoch), "es", "es.mp4")); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]string{
		{epoch, "es", "es.mp4"}, // a link that leads out of the folder
		{"..", "es", "es.mp4"}, {"../" + epoch, "es", "es.mp4"}, {"", "es", "es.mp4"}, {".", "es", "es.mp4"}, {epoch, "..", "...mp4"},
		{epoch, "es/../..", "es.mp4"}, {epoch, "es", "../secret.mp4"}, {epoch, "es", "a/../init.mp4"}, {epoch, "es", "a.json"},
		{epoch, "es", "captions.vtt"}, {epoch, "es", "recording.json"}, {epoch, "es", "../init.mp4"}, {epoch, "es", "./init.mp4"},
		{epoch, "es", "a/1.m4s"}, {epoch, "es", "a/0000000x.m4s"}, {epoch, "es", "a\\00000001.m4s"}, {epoch, "es", "a/b/00000001.m4s"},
		{epoch, "es\x00", "es\x00.mp4"}, {strings.Repeat("a", 65), "es", "es.mp4"}, {epoch + "/es", "es", "es.mp4"},
	} {
		if r, _, err := s.Open(t.Context(), c[0], c[1], c[2], 0, -1); err == nil {
			got, _ := io.ReadAll(r)
			t.Errorf("%q: opens %q", c, got)
		} else if c[2] != "es.mp4" && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%q: %v", c, err)
		}
		if link, err := s.Link(t.Context(), c[0], c[1], c[2], "x"); c[0] != epoch && err == nil {
			t.Errorf("%q: links to %q", c, link)
		}
	}
	for _, id := range []string{"", ".", "..", "../..", "a/b", "*", "\x00"} {
		if err := s.Delete(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("deletes %q: %v", id, err)
		}
		if _, _, err := s.Get(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("gets %q: %v", id, err)
		}
	}
	if len(s.calls) > 0 {
		t.Errorf("it came to %q", s.calls)
	}
}

func TestLink(t *testing.T) {
	s := newShelf(t)
	want := "https://s3.example/" + Dir(epoch) + "es/es.mp4?name=talk.mp4&for=1m0s"
	if link, err := s.Link(t.Context(), epoch, "es", "es.mp4", "talk.mp4"); link != want || err != nil {
		t.Errorf("%q %v", link, err)
	}
	s.put(s.local, "es/es.mp4", []byte("it is not there yet"))
	if link, err := s.Link(t.Context(), epoch, "es", "es.mp4", "talk.mp4"); link != "" || err != nil {
		t.Errorf("on its way: %q %v", link, err)
	}
}

func TestGet(t *testing.T) {
	s := newShelf(t)
	b := s.rows[epoch]
	b.Phrases = []store.Phrase{{ID: 1, Lang: "en"}, {ID: 1, Lang: "es"}, {ID: 2, Lang: "es"}}
	s.rows[epoch] = b
	if r, n, err := s.Get(t.Context(), epoch); r.Session != "talk" || n != 2 || err != nil {
		t.Errorf("%+v %d %v", r, n, err)
	}
	b.Recordings = nil
	s.rows["words"] = b
	if _, _, err := s.Get(t.Context(), "words"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a session that was not recorded: %v", err)
	}
}

func TestDelete(t *testing.T) {
	s := newShelf(t)
	s.take(s.local, "es", whole("a", 1, 2))
	s.take(s.remote, "es", whole("b", 2, 3))
	if _, err := s.Playlist(t.Context(), epoch, "es"); err != nil {
		t.Fatal(err)
	}
	s.broken[Dir(epoch)] = store.ErrUnavailable
	if err := s.Delete(t.Context(), epoch); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("with objects that do not answer: %v, %d sessions", err, len(s.rows))
	}
	delete(s.broken, Dir(epoch))
	s.calls = nil
	for range 2 { // the second finds nothing
		if err := s.Delete(t.Context(), epoch); err != nil {
			t.Fatal(err)
		}
	}
	once := []string{"delete " + Dir(epoch), "erase " + epoch}
	if want := append(slices.Clone(once), once...); !slices.Equal(s.calls, want) {
		t.Errorf("%q", s.calls)
	}
	for _, dir := range []string{s.local, s.remote} {
		if left, err := os.ReadDir(filepath.Join(dir, root)); len(left) > 0 {
			t.Errorf("left: %v %v", left, err)
		}
	}
	for what, err := range map[string]error{
		"get":      func() error { _, _, err := s.Get(t.Context(), epoch); return err }(),
		"playlist": func() error { _, err := s.Playlist(t.Context(), epoch, "es"); return err }(),
		"captions": func() error { _, err := s.Captions(t.Context(), epoch, "es"); return err }(),
	} {
		if !errors.Is(err, store.ErrErased) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, _, err := s.Open(t.Context(), epoch, "es", "a/00000001.m4s", 0, -1); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}
