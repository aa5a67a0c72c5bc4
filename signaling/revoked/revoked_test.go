package revoked_test

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/cluster"
	"livedub/cluster/redis"
	"livedub/internal/testkit/redistest"
	"livedub/signaling/access"
	"livedub/signaling/ledger"
	"livedub/signaling/revoked"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/redis/go-redis/v9/maintnotifications.(*CircuitBreakerManager).cleanupLoop"))
}

// TestList: what one process revokes another knows within seconds, by files and by Redis.
func TestList(t *testing.T) {
	s := redistest.Start(t)
	open := func() ledger.Store {
		r, err := redis.New(redis.Options{Addrs: []string{s.Addr}}, cluster.Rules{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		return r.Ledger()
	}
	dir := t.TempDir()
	for name, two := range map[string][2]ledger.Store{"file": {ledger.NewFile(dir), ledger.NewFile(dir)}, "redis": {open(), open()}} {
		t.Run(name, func(t *testing.T) {
			f, err := ledger.Follow(t.Context(), two[0], ledger.Revoked, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			list, one, other := revoked.NewList(f), access.ID("one"), access.ID("other")
			var told, wrong atomic.Int32
			defer list.Watch([]string{"x", one}, func() { told.Add(1) })()
			defer list.Watch([]string{other}, func() { wrong.Add(1) })()
			if list.Has(one, other) || told.Load() > 0 {
				t.Fatal("revoked before")
			}
			if err := revoked.Add(t.Context(), two[1], time.Now().Add(time.Hour), one); err != nil {
				t.Fatal(err)
			}
			for until := time.Now().Add(30 * time.Second); told.Load() == 0; time.Sleep(20 * time.Millisecond) {
				if time.Now().After(until) {
					t.Fatal("never told")
				}
			}
			if !list.Has(other, one) || list.Has(other) || wrong.Load() > 0 {
				t.Error("the wrong one is revoked")
			}
			var late atomic.Int32
			defer list.Watch([]string{one}, func() { late.Add(1) })()
			if late.Load() == 0 {
				t.Error("who comes later is not told at once")
			}
			// What has ended is forgotten with the next one.
			if err := revoked.Add(t.Context(), two[1], time.Now().Add(-2*time.Hour), access.ID("ended")); err != nil {
				t.Fatal(err)
			}
			if err := revoked.Add(t.Context(), two[1], time.Now().Add(time.Hour), other); err != nil {
				t.Fatal(err)
			}
			if all, err := two[0].All(t.Context(), ledger.Revoked); err != nil || len(all) != 2 || all[access.ID("ended")] != nil {
				t.Errorf("%d entries, %v", len(all), err)
			}
			if err := revoked.Add(t.Context(), two[0], time.Now(), ""); err == nil {
				t.Error("nothing is revoked")
			}
		})
	}
}
