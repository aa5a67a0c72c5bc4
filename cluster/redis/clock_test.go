package redis

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"livedub/cluster"
	"livedub/internal/testkit/redistest"
)

// TestClocksApart: nodes' clocks differ, by 200 ms and by a day. Only Redis' counts, and
// each node is told how far it is off.
func TestClocksApart(t *testing.T) {
	s := redistest.Start(t)
	off := map[string]time.Duration{"a": 200 * time.Millisecond, "b": -200 * time.Millisecond, "c": 24 * time.Hour, "d": 0}
	for id, ahead := range off {
		o := Options{Addrs: []string{s.Addr}, Now: func() time.Time { return time.Now().Add(ahead) }}
		r := connect(t, o, cluster.Rules{})
		p, err := r.Beat(t.Context(), node(id, 1))
		if err != nil {
			t.Fatal(err)
		}
		if d := (p.Offset + ahead).Abs(); d > p.Trip/2+time.Millisecond {
			t.Errorf("%s is ahead by %v: told %v, trip %v", id, ahead, p.Offset, p.Trip)
		}
		if n := status(t, r, id); n.Age < 0 || n.Age > time.Minute || n.Dead {
			t.Errorf("%s: %+v", id, n)
		}
	}
	o := Options{Addrs: []string{s.Addr}}
	r := connect(t, o, cluster.Rules{})
	for range 6 {
		age(t, o, time.Second)
		beat(t, r, node("e", 1))
	}
	for id := range off {
		if n := status(t, r, id); !n.Dead {
			t.Errorf("6 s without a heartbeat, and alive: %+v", n)
		}
	}
	if c := place(t, r, "s"); c.Node != "e" {
		t.Errorf("placed at %s", c.Node)
	}
}

// TestUnknownSessionIsOneLookup counts what Redis does for it among 300 nodes.
func TestUnknownSessionIsOneLookup(t *testing.T) {
	s := redistest.Start(t)
	r := connect(t, Options{Addrs: []string{s.Addr}}, cluster.Rules{})
	for i := range 300 {
		beat(t, r, node(fmt.Sprintf("n%d", i), 1))
	}
	r.Find(t.Context(), "none") // so that the script is known
	if err := r.rdb.ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	_, err := r.Find(t.Context(), "none")
	wants(t, "find", err, cluster.ErrUnknown)
	text, err := r.rdb.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	var calls []string
	for _, line := range strings.Fields(text) {
		if name, rest, ok := strings.Cut(line, ":"); ok && strings.HasPrefix(name, "cmdstat_") && name != "cmdstat_config|resetstat" {
			n, _, _ := strings.Cut(rest, ",")
			calls = append(calls, strings.TrimPrefix(name, "cmdstat_")+" "+n)
		}
	}
	for _, c := range calls {
		if c != "evalsha calls=1" && c != "time calls=1" && c != "hmget calls=1" {
			t.Errorf("Redis did %v", calls)
		}
	}
	if len(calls) != 3 {
		t.Errorf("Redis did %v", calls)
	}
}
