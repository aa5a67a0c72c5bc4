package upload

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"livedub/store"
)

// takes has each Put take a while, unless it is ended.
func takes(d time.Duration) func(context.Context, string) error {
	return func(ctx context.Context, _ string) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// TestForget: nothing of an erased recording is left or comes, whatever it was doing, and all of others.
func TestForget(t *testing.T) {
	for name, under := range map[string]time.Duration{"at once": 0, "soon": 2 * time.Second, "too late": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := begin(t, t.TempDir(), newObjects(), 1<<20)
				defer r.end()
				r.to.on(nil)
				r.add(segment(0), "x")
				synctest.Wait()
				r.to.on(takes(under))
				for i := range 9 {
					r.add(segment(i), "x")
				}
				r.add("recordings/a/recording.json", "{}")
				time.Sleep(time.Millisecond)
				at := time.Now()
				if err := r.Forget(t.Context(), "recordings/a/"); err != nil {
					t.Error(err)
				}
				if d := time.Since(at); d > grace {
					t.Errorf("it took %v", d)
				}
				r.to.on(nil)
				r.add("recordings/ab/recording.json", "{}")
				r.add(segment(3), "late")
				time.Sleep(2 * later)
				synctest.Wait()
				if r.Pending("recordings/a/") || len(r.to.kept) != 1 || len(left(t, r.dir)) != 0 {
					t.Errorf("kept: %v, left: %v", r.to.kept, left(t, r.dir))
				}
			})
		})
	}
}

// TestForgetWhatArrivesAfterAll: a server may finish what a client has given up.
func TestForgetWhatArrivesAfterAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, t.TempDir(), newObjects(), 1<<20)
		defer r.end()
		r.to.on(func(ctx context.Context, key string) error {
			<-ctx.Done()
			time.AfterFunc(20*time.Second, func() {
				r.to.mu.Lock()
				defer r.to.mu.Unlock()
				r.to.kept[key] = "after all"
			})
			return ctx.Err()
		})
		r.add(segment(1), "x")
		synctest.Wait()
		if err := r.Forget(t.Context(), "recordings/a/"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		if r.to.has(segment(1)) == "" {
			t.Fatal("it has not arrived: this test tries nothing")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if r.to.has(segment(1)) != "" {
			t.Error("it is kept")
		}
	})
}

// TestForgetGoesOn: while the store does not answer, erasing is told to have failed, and is done later.
func TestForgetGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, t.TempDir(), newObjects(), 1<<20)
		defer r.end()
		r.add(segment(1), "x")
		synctest.Wait()
		var tries []time.Time
		r.to.del = func(string) error {
			if tries = append(tries, time.Now()); len(tries) < 10 {
				return store.ErrUnavailable
			}
			return nil
		}
		if err := r.Forget(t.Context(), "recordings/a/"); !errors.Is(err, store.ErrUnavailable) {
			t.Error(err)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if len(tries) != 10 || r.to.has(segment(1)) != "" {
			t.Errorf("%d tries, kept %v", len(tries), r.to.kept)
		}
		for _, bad := range []string{"", "/", "recordings/", "recordings/a", "../", "recordings/../", "elsewhere/a/"} {
			if err := r.Forget(t.Context(), bad); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%q: %v", bad, err)
			}
		}
	})
}

// TestForgetDoesNotWaitForEver: whoever asks may go.
func TestForgetDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, t.TempDir(), newObjects(), 1<<20)
		defer r.end()
		r.to.on(takes(time.Hour))
		r.add(segment(1), "x")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		at := time.Now()
		_ = r.Forget(ctx, "recordings/a/")
		if d := time.Since(at); d != time.Second {
			t.Errorf("it took %v", d)
		}
	})
}

func TestForgottenAreBounded(t *testing.T) {
	u := &Uploader{changed: make(chan struct{})}
	for i := range remember + 5 {
		u.forget(string(rune('a'+i%26)) + time.Duration(i).String() + "/")
	}
	if n := len(u.forgotten); n != remember || !slices.Contains(u.forgotten, u.forgotten[n-1]) {
		t.Errorf("%d prefixes are remembered", n)
	}
}
