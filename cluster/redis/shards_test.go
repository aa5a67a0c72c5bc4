package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"livedub/cluster"
	"livedub/cluster/clustertest"
	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/redistest"
)

// slot returns a key's slot in a Redis Cluster: CRC-16/XMODEM of what is between the
// first { and the next }, or of all.
func slot(key string) int {
	if _, after, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(after, "}"); ok && tag != "" {
			key = tag
		}
	}
	crc := uint16(0)
	for _, c := range []byte(key) {
		crc ^= uint16(c) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc % 16384)
}

func TestSlot(t *testing.T) {
	for key, want := range map[string]int{"123456789": 0x31c3, "foo": 12182, "{foo}:x": 12182, "a{foo}{bar}": 12182} {
		if got := slot(key); got != want {
			t.Errorf("%s: slot %d, want %d", key, got, want)
		}
	}
}

// TestKeysShareASlot: whatever is done, all keys of the index are in one slot, the two
// of a checkpoint in one, and checkpoints spread.
func TestKeysShareASlot(t *testing.T) {
	s := redistest.Start(t)
	index, checkpoints := map[int]int{}, map[int]int{}
	clustertest.Test(t, func(t *testing.T, rules cluster.Rules) clustertest.Ground {
		o := Options{Addrs: []string{s.Addr}, Prefix: "one"}
		empty(t, o)
		g := ground(t, o, rules)
		t.Cleanup(func() {
			r := connect(t, o, rules)
			for i := range 8 {
				if err := r.Append(context.Background(), fmt.Sprintf("s%d", i), 1, nil); err != nil {
					t.Error(err)
				}
			}
			if err := eachKey(context.Background(), r.rdb, func(key string) error {
				if strings.HasPrefix(key, "{s:") {
					checkpoints[slot(key)]++
				} else {
					index[slot(key)]++
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
		return g
	})
	if len(index) != 1 || index[slot("{one}:hb")] < 50 {
		t.Errorf("slots of the index: %v", index)
	}
	if len(checkpoints) < 8 {
		t.Errorf("slots of checkpoints: %v", checkpoints)
	}
	for session, want := range map[string]string{"s1": "{s:s1}:other", "a.b-c_d": "{s:a.b-c_d}"} {
		if k := keys(session); slot(k[0]) != slot(want) || slot(k[1]) != slot(want) {
			t.Errorf("%s: %v", session, k)
		}
	}
}

// TestRedisCluster runs the suite on two shards, which refuse scripts that cross slots.
func TestRedisCluster(t *testing.T) {
	var addrs []string
	var first *redis.Client
	for i, slots := range [][2]int{{0, 8191}, {8192, 16383}} {
		bus := groundtest.FreeAddr(t)
		_, busPort, _ := net.SplitHostPort(bus)
		s := redistest.Start(t, append([]string{"--cluster-enabled", "yes", "--cluster-port", busPort, "--user", "livedub", ">pass"}, ACL("")...)...)
		c := redis.NewClient(&redis.Options{Addr: s.Addr})
		defer c.Close()
		if err := c.ClusterAddSlotsRange(t.Context(), slots[0], slots[1]).Err(); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = c
		} else if err := first.Do(t.Context(), "cluster", "meet", "127.0.0.1", strings.Split(s.Addr, ":")[1], busPort).Err(); err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, s.Addr)
	}
	o := Options{Addrs: addrs, Cluster: true}
	soon(t, "the cluster's start", func(ctx context.Context) error {
		for _, a := range addrs {
			c := redis.NewClient(&redis.Options{Addr: a})
			info, err := c.ClusterInfo(ctx).Result()
			c.Close()
			if err != nil || !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:2") {
				return fmt.Errorf("%s: %w", info, errors.Join(err, errors.New("not yet")))
			}
		}
		return nil
	})
	limited := o
	limited.User, limited.Password, limited.Timeout = "livedub", "pass", busy
	if warning, err := connect(t, limited, cluster.Rules{}).Check(t.Context()); err != nil || warning != "" {
		t.Fatal(warning, err)
	}
	for i, slots := range [][2]int{{0, 8191}, {8192, 16383}} { // the index is at one of them
		if at := slot("{dub}:"); at >= slots[0] && at <= slots[1] {
			_, err := connect(t, Options{Addrs: []string{addrs[1-i]}}, cluster.Rules{}).Check(t.Context())
			if setting(err) != "addresses" {
				t.Errorf("a Redis Cluster as a single Redis: %v", err)
			}
		}
	}
	clustertest.Test(t, func(t *testing.T, rules cluster.Rules) clustertest.Ground {
		empty(t, o)
		g := ground(t, o, rules)
		g.Open = func() clustertest.Registry { return connect(t, limited, rules) }
		return g
	})
}

// TestFailover: the master dies, Sentinel makes its replica the master, and the registry follows.
func TestFailover(t *testing.T) {
	master := redistest.Start(t)
	host, port, _ := net.SplitHostPort(master.Addr)
	replica := redistest.Start(t, "--replicaof", host+" "+port)
	sentinel := redistest.New(t)
	_, own, _ := net.SplitHostPort(sentinel.Addr)
	conf := filepath.Join(sentinel.Dir, "sentinel.conf")
	text := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %s\nrequirepass tulip-7\nsentinel monitor livedub %s %s 1\nsentinel down-after-milliseconds livedub 500\nsentinel failover-timeout livedub 5000\n",
		own, sentinel.Dir, host, port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel.Args(conf, "--sentinel")
	sentinel.Start()
	o := Options{Addrs: []string{sentinel.Addr}, Master: "livedub", SentinelPassword: "tulip-7"}
	r := connect(t, o, cluster.Rules{})
	soon(t, "start", func(ctx context.Context) error { _, err := r.Check(ctx); return err })
	for want, change := range map[string]func(*Options){
		"master":             func(o *Options) { o.Master = "other" },
		"sentinel_password":  func(o *Options) { o.SentinelPassword = "" },
		"sentinel_password ": func(o *Options) { o.SentinelPassword = "rose-8" },
	} {
		wrong := o
		change(&wrong)
		if _, err := connect(t, wrong, cluster.Rules{}).Check(t.Context()); setting(err) != strings.TrimSpace(want) {
			t.Errorf("%v, want %s blamed", err, want)
		}
	}
	a := node("a", 2)
	beat(t, r, a)
	c := place(t, r, "s")
	hold(t, r, c)
	direct := connect(t, Options{Addrs: []string{replica.Addr}}, cluster.Rules{})
	soon(t, "replication", func(ctx context.Context) error { _, err := direct.Find(ctx, "s"); return err })
	watch := redis.NewSentinelClient(&redis.Options{Addr: sentinel.Addr, Password: "tulip-7"})
	defer watch.Close()
	soon(t, "discovery", func(ctx context.Context) error {
		list, err := watch.Replicas(ctx, "livedub").Result()
		if err == nil && len(list) == 0 {
			err = errors.New("no replica is known")
		}
		return err
	})
	master.Kill()
	took := soon(t, "failover", func(ctx context.Context) error { _, err := r.Beat(ctx, a); return err })
	t.Logf("a heartbeat succeeds %v after the master's death", took)
	hold(t, r, c)
	if next := place(t, r, "next"); next.Fence <= c.Fence {
		t.Errorf("fence %d after %d", next.Fence, c.Fence)
	}
}
