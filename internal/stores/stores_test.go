package stores

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"livedub/internal/config"
	"livedub/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func settings(dir string) config.Config {
	c := config.Default()
	c.Store.Dir = dir
	return c
}

func open(t *testing.T, c config.Config) *Stores {
	t.Helper()
	s, err := Open(t.Context(), c, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestDir(t *testing.T) {
	for _, c := range []struct{ dir, systemd, data, home, want string }{
		{"", "", "", "/home/a", "/home/a/.local/share/livedub/store"},
		{"", "", "/data", "/home/a", "/data/livedub/store"},
		{"", "", "relative", "/home/a", "/home/a/.local/share/livedub/store"},
		{"", "/var/lib/livedub:/var/lib/b", "/data", "/home/a", "/var/lib/livedub/store"},
		{"/srv/kept", "/var/lib/livedub", "/data", "/home/a", "/srv/kept"},
	} {
		t.Setenv("STATE_DIRECTORY", c.systemd)
		t.Setenv("XDG_DATA_HOME", c.data)
		t.Setenv("HOME", c.home)
		if got, err := Dir(config.Store{Dir: c.dir}); err != nil || got != c.want {
			t.Errorf("%+v: %s, %v", c, got, err)
		}
	}
}

// TestFiles: by default words and objects are files below store.dir, and keep apart.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, settings(dir))
	if s.Spool != nil || s.Words != filepath.Join(dir, "journal") || s.Dir != dir {
		t.Errorf("%+v", s)
	}
	if err := s.Journal.Write(t.Context(), store.Batch{Sessions: []store.Session{{Epoch: "e"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "journal", "e")); err != nil {
		t.Error(err)
	}
	if all, err := s.Objects.List(t.Context(), ""); err != nil || len(all) != 0 {
		t.Errorf("words are objects: %v, %v", all, err)
	}
}

// TestNone: nothing is made where nothing is kept.
func TestNone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	c := settings(dir)
	c.Serve.Store = "none"
	if s, err := Open(t.Context(), c, quiet); s != nil || err != nil {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestNotAFolder: the error names the setting.
func TestNotAFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), settings(filepath.Join(file, "store")), quiet); err == nil || !strings.Contains(err.Error(), "store.dir") {
		t.Error(err)
	}
}

func session(epoch string, ended time.Time) store.Batch {
	return store.Batch{Sessions: []store.Session{{Epoch: epoch, Ended: ended}}, Phrases: []store.Phrase{{Epoch: epoch, Lang: "es", ID: 1}}}
}

// erased tells whether a session is.
func erased(t *testing.T, s *Stores, epoch string) bool {
	t.Helper()
	_, err := s.Journal.Session(t.Context(), epoch)
	return errors.Is(err, store.ErrErased)
}

// TestSweep: what has been kept for long enough is erased, everywhere, and nothing else.
func TestSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, settings(t.TempDir()))
		var told []string
		s.OnErase(func(_ context.Context, epoch string) error { told = append(told, "its files"); return nil })
		s.OnErase(func(_ context.Context, epoch string) error { told = append(told, epoch); return nil })
		for epoch, ended := range map[string]time.Duration{"new": 0, "old": -31 * 24 * time.Hour, "soon": -30*24*time.Hour + 90*time.Minute} {
			if err := s.Journal.Write(t.Context(), session(epoch, time.Now().Add(ended))); err != nil {
				t.Fatal(err)
			}
		}
		s.Sweep()
		synctest.Wait()
		if !erased(t, s, "old") || erased(t, s, "soon") {
			t.Error("at once: what is old is not erased, or what is not is")
		}
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if !erased(t, s, "soon") || erased(t, s, "new") || strings.Join(told, " ") != "old its files soon its files" {
			t.Errorf("%v", told)
		}
	})
}

// TestKeepForEver: 0 is for ever.
func TestKeepForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := settings(t.TempDir())
		c.Store.Keep = 0
		s := open(t, c)
		if err := s.Journal.Write(t.Context(), session("e", time.Now())); err != nil {
			t.Fatal(err)
		}
		s.Sweep()
		time.Sleep(40 * 24 * time.Hour)
		synctest.Wait()
		if erased(t, s, "e") {
			t.Error("it was erased")
		}
	})
}

// TestEraseAgain: what could not be erased is tried again, also by the next process.
func TestEraseAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := settings(t.TempDir())
		var down atomic.Bool
		down.Store(true)
		first := open(t, c)
		if err := first.Journal.Write(t.Context(), session("e", time.Now())); err != nil {
			t.Fatal(err)
		}
		hook := func(context.Context, string) error {
			if down.Load() {
				return store.ErrUnavailable
			}
			return nil
		}
		first.OnErase(hook)
		if err := first.Erase(t.Context(), "e"); !errors.Is(err, store.ErrUnavailable) || first.Waiting() != 1 {
			t.Errorf("%v, %d wait", err, first.Waiting())
		}
		if !erased(t, first, "e") {
			t.Error("its words wait for its recording")
		}
		second := open(t, c)
		second.OnErase(hook)
		second.Sweep()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if second.Waiting() != 1 {
			t.Errorf("%d wait", second.Waiting())
		}
		down.Store(false)
		time.Sleep(2 * eraseEvery)
		synctest.Wait()
		if marks, err := os.ReadDir(filepath.Join(c.Store.Dir, erasuresDir)); second.Waiting() != 0 || err != nil || len(marks) != 0 {
			t.Errorf("%d wait, %v, %v", second.Waiting(), marks, err)
		}
		if err := second.Erase(t.Context(), "../e"); !errors.Is(err, store.ErrInvalid) {
			t.Error(err)
		}
	})
}
