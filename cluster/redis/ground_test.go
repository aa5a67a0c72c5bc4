package redis

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"livedub/cluster"
	"livedub/cluster/clustertest"
	"livedub/internal/testkit/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// busy is how long Redis may take where many ask at once on a busy machine.
const busy = 20 * time.Second

// ground is a cluster in a real Redis.
func ground(t testing.TB, o Options, rules cluster.Rules) clustertest.Ground {
	o.Timeout = busy
	return clustertest.Ground{
		Open:    func() clustertest.Registry { return connect(t, o, rules) },
		Advance: func(d time.Duration) { age(t, o, d) },
	}
}

// age makes all that Redis has written down older by d, which is what its clock going
// on is to it. It knows each kind of key: one that it does not ends the test.
func age(t testing.TB, o Options, d time.Duration) {
	t.Helper()
	r := connect(t, o, cluster.Rules{})
	ctx, us := context.Background(), d.Microseconds()
	err := eachKey(ctx, r.rdb, func(key string) error {
		name, _ := strings.CutPrefix(key, r.prefix)
		kind, _, _ := strings.Cut(name, ":")
		switch kind {
		case "hb", "pend":
			list, err := r.rdb.ZRange(ctx, key, 0, -1).Result()
			for _, member := range list {
				r.rdb.ZIncrBy(ctx, key, float64(-us), member)
			}
			if err != nil {
				return err
			}
		case "heard", "since", "lost":
			return r.rdb.DecrBy(ctx, key, us).Err()
		case "s", "{s", "deaths": // with a time to live, perhaps
			left, err := r.rdb.PTTL(ctx, key).Result()
			switch {
			case err != nil || left < 0:
				return err
			case left <= d:
				return r.rdb.Del(ctx, key).Err()
			}
			return r.rdb.PExpire(ctx, key, left-d).Err()
		case "n", "ns", "av", "fence", "check": // timeless, or a number that only rises
		default:
			return fmt.Errorf("a key of no known kind: %s", key)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// eachShard calls f with a Redis, or with each master of a Redis Cluster.
func eachShard(ctx context.Context, rdb redis.UniversalClient, f func(context.Context, redis.Cmdable) error) error {
	if c, ok := rdb.(*redis.ClusterClient); ok {
		return c.ForEachMaster(ctx, func(ctx context.Context, rdb *redis.Client) error { return f(ctx, rdb) })
	}
	return f(ctx, rdb)
}

// eachKey calls f with all keys.
func eachKey(ctx context.Context, rdb redis.UniversalClient, f func(key string) error) error {
	var mu sync.Mutex // shards are asked at once
	return eachShard(ctx, rdb, func(ctx context.Context, shard redis.Cmdable) error {
		keys, err := shard.Keys(ctx, "*").Result()
		mu.Lock()
		defer mu.Unlock()
		for _, key := range keys {
			if err == nil {
				err = f(key)
			}
		}
		return err
	})
}

func TestMiniredis(t *testing.T) {
	clustertest.Test(t, func(t *testing.T, rules cluster.Rules) clustertest.Ground {
		m := miniredis.RunT(t)
		now := time.Now()
		m.SetTime(now)
		g := ground(t, Options{Addrs: []string{m.Addr()}}, rules)
		g.Advance = func(d time.Duration) {
			now = now.Add(d)
			m.SetTime(now)
			m.FastForward(d)
		}
		return g
	})
}

func TestRedis(t *testing.T) {
	s := redistest.Start(t)
	clustertest.Test(t, func(t *testing.T, rules cluster.Rules) clustertest.Ground {
		o := Options{Addrs: []string{s.Addr}}
		empty(t, o)
		return ground(t, o, rules)
	})
}

// empty forgets all that Redis has.
func empty(t testing.TB, o Options) {
	t.Helper()
	err := eachShard(context.Background(), connect(t, o, cluster.Rules{}).rdb, func(ctx context.Context, rdb redis.Cmdable) error {
		return rdb.FlushAll(ctx).Err()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// connect opens a registry for the length of a test.
func connect(t testing.TB, o Options, rules cluster.Rules) *Registry {
	t.Helper()
	r, err := New(o, rules)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}
