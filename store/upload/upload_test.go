package upload

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/store"
)

func TestFilesAreSentAndDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, t.TempDir(), newObjects(), 1<<20)
		defer r.end()
		for _, key := range []string{segment(1), "recordings/a/es/0-1-x.json", "recordings/a/es/es.mp4", "recordings/a/recording.json"} {
			r.add(key, "of "+key)
			synctest.Wait()
			if got := r.to.has(key); got != "of "+key {
				t.Errorf("%s: %q arrived", key, got)
			}
		}
		if files := left(t, r.dir); len(files) > 0 || r.Pending("") {
			t.Errorf("left: %v", files)
		}
		if s := r.Stats(); s.SentFiles != 4 || s.SentBytes == 0 || s.Files+int(s.Bytes+s.Retries+s.Dropped+s.Refused) != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestOutageLosesNothing: ten minutes without a store, then all arrives in order; nobody waits for it meanwhile, and few tries are made.
func TestOutageLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, t.TempDir(), newObjects(), 1<<20)
		defer r.end()
		r.to.on(func(context.Context, string) error { return fmt.Errorf("503: %w", store.ErrUnavailable) })
		const n = 150
		for i := range n {
			at := time.Now()
			r.add(segment(i), fmt.Sprint(i))
			r.add("recordings/a/es/0-1-x.json", fmt.Sprint("up to ", i))
			if d := time.Since(at); d != 0 {
				t.Fatalf("to add took %v", d)
			}
			time.Sleep(4 * time.Second)
		}
		s := r.Stats()
		if s.Files != n+1 || s.Oldest < 9*time.Minute || s.Bytes == 0 {
			t.Errorf("meanwhile: %+v", s)
		}
		// Each round has up to four tries.
		if s.Retries < 20 || s.Retries > 400 {
			t.Errorf("%d tries in 10 minutes", s.Retries)
		}
		r.to.on(nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if s := r.Stats(); s.Files != 0 || s.SentFiles != n+1 || s.Bytes != 0 {
			t.Errorf("afterwards: %+v", s)
		}
		if got := r.to.has("recordings/a/es/0-1-x.json"); got != fmt.Sprint("up to ", n-1) {
			t.Errorf("the list says %q", got)
		}
		if files := left(t, r.dir); len(files) > 0 {
			t.Errorf("left: %v", files)
		}
	})
}

// TestNothingIsNamedBeforeItIsThere: whatever fails and however long it takes, a list never names a segment that has not arrived, and comes while segments go on coming.
func TestNothingIsNamedBeforeItIsThere(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 1))
			var mu sync.Mutex
			roll := func(n int) int {
				mu.Lock()
				defer mu.Unlock()
				return dice.IntN(n)
			}
			to := newObjects()
			r := begin(t, t.TempDir(), to, 1<<20)
			lists := 0
			to.on(func(ctx context.Context, key string) error {
				time.Sleep(time.Duration(roll(6000)) * time.Millisecond)
				if roll(4) == 0 {
					return store.ErrUnavailable
				}
				return nil
			})
			watch := func() { // after each arrival
				to.mu.Lock()
				defer to.mu.Unlock()
				for key, data := range to.kept {
					if strings.HasSuffix(key, ".json") {
						for _, name := range strings.Fields(data) {
							if _, ok := to.kept[name]; !ok {
								t.Fatalf("seed %d: %s names %s, which is not there", seed, key, name)
							}
						}
					}
				}
			}
			var all []string
			for i := range 40 {
				key := segment(i)
				r.add(key, "x")
				all = append(all, key)
				list := "recordings/a/es/0-1-x.json"
				write(t, r.dir, list, strings.Join(all, "\n"))
				if roll(3) > 0 {
					r.Add(list)
				}
				for range 8 {
					time.Sleep(500 * time.Millisecond)
					watch()
				}
				if to.has(list) != "" {
					lists++
				}
			}
			r.Add("recordings/a/es/0-1-x.json")
			for r.Pending("") {
				time.Sleep(time.Second)
				watch()
			}
			if got := strings.Fields(to.has("recordings/a/es/0-1-x.json")); !slices.Equal(got, all) {
				t.Errorf("seed %d: the list has %d of %d", seed, len(got), len(all))
			}
			if lists < 5 {
				t.Errorf("seed %d: there was a list at %d of 40 times", seed, lists)
			}
			if files := left(t, r.dir); len(files) > 0 {
				t.Errorf("seed %d: left: %v", seed, files)
			}
			r.end()
		})
	}
}

// TestTooMuchWaits: the newest segments are lost then, are told, and make no room by deleting older ones; what is more than a segment is taken.
func TestTooMuchWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, t.TempDir(), newObjects(), 1000)
		defer r.end()
		var lost []string
		r.OnFull(func(key string) { lost = append(lost, key) })
		r.to.on(func(context.Context, string) error { return store.ErrUnavailable })
		for i := range 14 {
			r.add(segment(i), strings.Repeat("x", 100))
		}
		r.add("recordings/a/es/es.mp4", strings.Repeat("x", 5000))
		r.add("recordings/a/recording.json", "{}")
		want := []string{segment(10), segment(11), segment(12), segment(13)}
		if s := r.Stats(); !slices.Equal(lost, want) || s.Dropped != 4 || s.DroppedBytes != 400 || s.Files != 12 || s.Bytes != 6002 {
			t.Errorf("lost %v, %+v", lost, s)
		}
		r.to.on(nil)
		time.Sleep(2 * time.Minute)
		if s := r.Stats(); s.SentFiles != 12 || r.to.has(segment(10)) != "" || len(left(t, r.dir)) != 0 {
			t.Errorf("%+v", s)
		}
		r.add(segment(20), "x")
		synctest.Wait()
		if r.to.has(segment(20)) == "" {
			t.Error("there is room again, and nothing is taken")
		}
	})
}

// TestWhatChangesIsSentAgain, also when it changes while it is under way.
func TestWhatChangesIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, t.TempDir(), newObjects(), 1<<20)
		defer r.end()
		const list, file = "recordings/a/recording.json", "recordings/a/es/es.mp4"
		r.to.on(func(context.Context, string) error { time.Sleep(10 * time.Second); return nil })
		for i := range 5 {
			r.add(list, fmt.Sprint(i))
			r.add(file, fmt.Sprint(i))
			time.Sleep(3 * time.Second)
		}
		// This one is not announced: it is neither deleted nor sent.
		write(t, r.dir, list, "unannounced")
		time.Sleep(time.Minute)
		if got := r.to.has(list); got != "4" && got != "unannounced" {
			t.Errorf("the list is %q", got)
		}
		if got := r.to.has(file); got != "4" {
			t.Errorf("the file is %q", got)
		}
		for _, path := range left(t, r.dir) {
			if data, _ := os.ReadFile(filepath.Join(r.dir, path)); path != list || string(data) != "unannounced" {
				t.Errorf("left: %s, %q", path, data)
			}
		}
	})
}

// TestWhatCannotBeKept, or is there no more, stops nothing else.
func TestWhatCannotBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, t.TempDir(), newObjects(), 1<<20)
		defer r.end()
		r.to.on(func(_ context.Context, key string) error {
			switch key {
			case segment(1):
				return fmt.Errorf("too large: %w", store.ErrInvalid)
			case segment(2):
				panic("as it happens")
			case segment(3):
				return errors.Join(os.Remove(filepath.Join(r.dir, key)), store.ErrUnavailable)
			}
			return nil
		})
		for i := range 6 {
			r.add(segment(i), "x")
		}
		for _, key := range []string{"", "/etc/passwd", "recordings/../x", "recordings/a", "recordings//x", "recordings/a/.x.part", "elsewhere/x.json", "recordings/a/nothing.json", "recordings/a/es"} {
			r.Add(key)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		s := r.Stats()
		if s.SentFiles != 3 || s.Refused != 1 || s.Retries < 3 || s.Files != 1 {
			t.Errorf("%+v", s)
		}
		if files := left(t, r.dir); !slices.Equal(files, []string{segment(1), segment(2)}) {
			t.Errorf("left: %v", files)
		}
		r.to.on(nil)
		time.Sleep(2 * time.Minute)
		if s := r.Stats(); s.SentFiles != 4 || s.Files != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestCloseWaitsAsLongAsItMay.
func TestCloseWaitsAsLongAsItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			takes, may time.Duration
			sent       bool
		}{{5 * time.Second, 20 * time.Second, true}, {5 * time.Second, time.Second, false}, {0, 0, false}} {
			r := begin(t, t.TempDir(), newObjects(), 1<<20)
			r.to.on(func(ctx context.Context, _ string) error {
				select {
				case <-time.After(c.takes):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
			r.add(segment(1), "x")
			at := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), c.may)
			if err := r.Close(ctx); err != nil {
				t.Error(err)
			}
			cancel()
			if d := time.Since(at); d > c.may {
				t.Errorf("%+v: it took %v", c, d)
			}
			if sent := r.to.has(segment(1)) != ""; sent != c.sent && c.takes > 0 || sent == (len(left(t, r.dir)) > 0) {
				t.Errorf("%+v: sent: %t, left: %v", c, sent, left(t, r.dir))
			}
			r.add(segment(2), "x") // stays
			if files := left(t, r.dir); !slices.Contains(files, segment(2)) {
				t.Errorf("left: %v", files)
			}
		}
	})
}
