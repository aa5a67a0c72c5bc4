package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/cluster"
	"livedub/cluster/redis"
	"livedub/internal/testkit/redistest"
	"livedub/signaling/ledger"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/redis/go-redis/v9/maintnotifications.(*CircuitBreakerManager).cleanupLoop"))
}

var quiet = slog.New(slog.DiscardHandler)

// pairs are stores as two processes have them open.
func pairs(t *testing.T) map[string][2]ledger.Store {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ledger")
	s := redistest.Start(t)
	open := func() ledger.Store {
		r, err := redis.New(redis.Options{Addrs: []string{s.Addr}}, cluster.Rules{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		return r.Ledger()
	}
	return map[string][2]ledger.Store{
		"file":  {ledger.NewFile(dir), ledger.NewFile(dir)},
		"redis": {open(), open()},
	}
}

// TestStore: what one process keeps another finds, and both stores answer alike.
func TestStore(t *testing.T) {
	for name, two := range pairs(t) {
		t.Run(name, func(t *testing.T) {
			ctx, a, b := t.Context(), two[0], two[1]
			if all, err := b.All(ctx, ledger.Keys); err != nil || len(all) != 0 {
				t.Fatalf("empty: %v, %v", all, err)
			}
			put := func(s ledger.Store, value string, replace, want bool) {
				t.Helper()
				if kept, err := s.Put(ctx, ledger.Keys, "studio", []byte(value), replace); kept != want || err != nil {
					t.Fatalf("%s: %v, %v", value, kept, err)
				}
			}
			put(a, "one", false, true)
			put(b, "two", false, false)
			put(b, "one", false, true) // a call that is made again has succeeded
			put(b, "three", true, true)
			if all, err := a.All(ctx, ledger.Keys); err != nil || string(all["studio"]) != "three" || len(all) != 1 {
				t.Fatalf("%v, %v", all, err)
			}
			if all, err := a.All(ctx, ledger.Revoked); err != nil || len(all) != 0 {
				t.Errorf("another kind: %v, %v", all, err)
			}
			for _, want := range []bool{true, false} {
				if was, err := b.Remove(ctx, ledger.Keys, "studio"); was != want || err != nil {
					t.Fatalf("remove: %v, %v", was, err)
				}
			}
			if _, err := a.Put(ctx, ledger.Keys, "long", make([]byte, ledger.MaxValue+1), false); err == nil {
				t.Error("a value that is too long is kept")
			}
		})
	}
}

// TestTogether: of many that take one name at once one has it, and none is lost of those with names of their own.
func TestTogether(t *testing.T) {
	for name, two := range pairs(t) {
		t.Run(name, func(t *testing.T) {
			var wg sync.WaitGroup
			var mu sync.Mutex
			won := 0
			for i := range 16 {
				wg.Go(func() {
					kept, err := two[i%2].Put(t.Context(), ledger.Keys, "one", fmt.Append(nil, i), false)
					_, err2 := two[i%2].Put(t.Context(), ledger.Keys, fmt.Sprint("own", i), []byte("x"), false)
					mu.Lock()
					defer mu.Unlock()
					if kept {
						won++
					}
					if err := errors.Join(err, err2); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if all, err := two[0].All(t.Context(), ledger.Keys); won != 1 || len(all) != 17 || err != nil {
				t.Errorf("%d have the one name, %d entries, %v", won, len(all), err)
			}
		})
	}
}

// TestFile: the user alone reads what is kept, and a damaged file is told, not thrown away.
func TestFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	f := ledger.NewFile(dir)
	if _, err := f.Put(t.Context(), ledger.Keys, "a", []byte("x"), false); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "keys.json")
	for p, want := range map[string]os.FileMode{dir: 0o700, path: 0o600} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", p, info.Mode(), err)
		}
	}
	nowhere := ledger.NewFile("")
	if _, err := nowhere.Put(t.Context(), ledger.Keys, "a", []byte("x"), false); err == nil {
		t.Error("kept nowhere")
	}
	if all, err := nowhere.All(t.Context(), ledger.Keys); err != nil || len(all) > 0 {
		t.Errorf("nowhere: %v, %v", all, err)
	}
	for _, damaged := range []string{"", "{", "null", `{"a":1}`} {
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := f.All(t.Context(), ledger.Keys)
		_, perr := f.Put(t.Context(), ledger.Keys, "b", []byte("x"), false)
		if err == nil || perr == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, %v", damaged, err, perr)
		}
		if got, _ := os.ReadFile(path); string(got) != damaged {
			t.Errorf("%q was written over", damaged)
		}
	}
}

// flaky fails while it is down.
type flaky struct {
	ledger.Store
	mu    sync.Mutex
	down  bool
	reads int
}

func (f *flaky) All(ctx context.Context, kind string) (map[string][]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	if f.down {
		return nil, errors.New("away")
	}
	return f.Store.All(ctx, kind)
}

// TestFollow: a change shows within seconds, and what was known holds on while the store is away.
func TestFollow(t *testing.T) {
	for name, two := range pairs(t) {
		t.Run(name, func(t *testing.T) {
			store := &flaky{Store: two[0]}
			f, err := ledger.Follow(t.Context(), store, ledger.Keys, quiet)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			told := make(chan int, 1000)
			stop := f.Watch(func(all map[string][]byte) { told <- len(all) })
			if n := <-told; n != 0 {
				t.Fatalf("%d at first", n)
			}
			wait := func(want int) {
				t.Helper()
				after := time.After(30 * time.Second)
				for {
					select {
					case n := <-told:
						if n == want {
							return
						}
					case <-after:
						t.Fatalf("never told of %d entries", want)
					}
				}
			}
			put := func(name string) {
				t.Helper()
				if _, err := two[1].Put(t.Context(), ledger.Keys, name, []byte("x"), false); err != nil {
					t.Fatal(err)
				}
			}
			put("a")
			wait(1)
			store.mu.Lock()
			store.down = true
			store.mu.Unlock()
			if err := f.Refresh(t.Context()); err == nil || len(f.Last()) != 1 {
				t.Errorf("away: %v, %v", err, f.Last())
			}
			put("b")
			store.mu.Lock()
			store.down = false
			store.mu.Unlock()
			wait(2)
			stop()
			store.mu.Lock()
			before := store.reads
			store.mu.Unlock()
			for range 1000 {
				if _, err := f.Now(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			store.mu.Lock()
			defer store.mu.Unlock()
			if n := store.reads - before; n > 100 {
				t.Errorf("1000 questions were %d reads", n)
			}
		})
	}
	if _, err := ledger.Follow(t.Context(), &flaky{down: true}, ledger.Keys, quiet); err == nil {
		t.Error("what cannot be read is followed")
	}
}
