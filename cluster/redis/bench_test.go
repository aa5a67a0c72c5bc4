package redis

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"livedub/cluster"
	"livedub/internal/testkit/redistest"
)

// BenchmarkPlace places and releases sessions from 64 callers at once in a real
// Redis. `scan` is the baseline: a client that reads all nodes and chooses, then
// writes down its choice unguarded, so that it may also go over capacity. `times_scan`
// is how many times as many sessions the index places in the same time.
func BenchmarkPlace(b *testing.B) {
	s := redistest.Start(b)
	for _, nodes := range []int{1, 50, 1000} {
		o := Options{Addrs: []string{s.Addr}, Connections: 64}
		empty(b, o)
		r, err := New(o, cluster.Rules{Dead: time.Hour})
		if err != nil {
			b.Fatal(err)
		}
		for i := range nodes {
			n := cluster.Node{ID: fmt.Sprintf("n%04d", i), Boot: "1", Addr: "http://10.0.0.1:8080", State: cluster.Serving, Capacity: 100, GPU: float64(i%10) / 10}
			if _, err := r.Beat(b.Context(), n); err != nil {
				b.Fatal(err)
			}
		}
		// The scan takes longer than a Registry waits.
		patient := &Registry{rules: r.rules, prefix: r.prefix, rdb: redis.NewClient(&redis.Options{
			Addr: s.Addr, PoolSize: 64, ReadTimeout: time.Minute, WriteTimeout: time.Minute, PoolTimeout: time.Minute,
		})}
		index := 0.0
		b.Run(fmt.Sprintf("nodes=%d/index", nodes), func(b *testing.B) {
			index = perSecond(b, func(session string) error {
				c, err := r.Place(b.Context(), cluster.Ask{Session: session, Cost: 1})
				if err != nil {
					return err
				}
				return r.Release(b.Context(), session, c.Fence)
			})
		})
		b.Run(fmt.Sprintf("nodes=%d/scan", nodes), func(b *testing.B) {
			scanned := perSecond(b, func(session string) error { return scan(b.Context(), patient, session) })
			if index > 0 {
				b.ReportMetric(index/scanned, "times_scan")
			}
		})
		patient.Close()
		r.Close()
	}
}

// perSecond runs f for 64 callers and returns how often a second it ran.
func perSecond(b *testing.B, f func(session string) error) float64 {
	var count atomic.Int64
	b.SetParallelism(32) // goroutines for each processor
	b.ResetTimer()
	start := time.Now()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := f("s" + strconv.FormatInt(count.Add(1), 10)); err != nil {
				b.Error(err)
				return
			}
		}
	})
	rate := float64(b.N) / time.Since(start).Seconds()
	b.ReportMetric(rate, "sessions/s")
	return rate
}

// scan places a session by reading all nodes, and releases it.
func scan(ctx context.Context, r *Registry, session string) error {
	list, err := r.Nodes(ctx)
	if err != nil {
		return err
	}
	n, ok := cluster.Choose(cluster.Spread, list, 1, "")
	if !ok {
		return cluster.ErrFull
	}
	for _, by := range []int64{1000, -1000} {
		_, err = r.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.HIncrBy(ctx, r.prefix+"n:"+n.ID, "used", by)
			p.HSet(ctx, r.prefix+"s:"+session, "node", n.ID)
			if by < 0 {
				p.Del(ctx, r.prefix+"s:"+session)
			}
			return nil
		})
	}
	return err
}
