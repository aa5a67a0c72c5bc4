package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"livedub/cluster"
	"livedub/cluster/redis"
	"livedub/internal/config"
	"livedub/internal/gpu"
	"livedub/internal/testkit/redistest"
)

func TestVitals(t *testing.T) {
	f := func(x float64) *float64 { return &x }
	for _, tt := range []struct {
		name         string
		devices      []gpu.Device
		memory       float64
		busy, filled float64
	}{
		{"no GPU", nil, .3, 0, .3},
		{"one that tells nothing", []gpu.Device{{}}, .3, 0, .3},
		{"busy", []gpu.Device{{Busy: f(.6), Encoder: f(.2), MemoryUsed: f(10), MemoryTotal: f(40)}}, .3, .6, .3},
		{"its encoder is full, and so is its memory", []gpu.Device{{Busy: f(.6)}, {Busy: f(.1), Encoder: f(.9), MemoryUsed: f(30), MemoryTotal: f(40)}}, .3, .9, .75},
		{"its decoder", []gpu.Device{{Decoder: f(.4)}}, .3, .4, .3},
		{"nonsense", []gpu.Device{{Busy: f(math.NaN()), Encoder: f(-3), Decoder: f(7), MemoryUsed: f(0), MemoryTotal: f(0)}}, math.NaN(), 1, 0},
	} {
		busy, filled := vitalsOf(gpu.Report{Devices: tt.devices}, tt.memory)
		if busy != tt.busy || filled != tt.filled {
			t.Errorf("%s: %v and %v, want %v and %v", tt.name, busy, filled, tt.busy, tt.filled)
		}
	}
}

// TestRoom: where the sessions that are there are dear, a place for one more is as many places.
func TestRoom(t *testing.T) {
	for _, tt := range []struct {
		used        float64
		there, more int
		want        float64
	}{{0, 0, 4, 4 * usual}, {0, 0, 1, usual}, {0, 0, 0, 0}, {2, 2, 3, 5}, {4.5, 2, 2, 9}, {1.5, 3, 2, 2.5}, {4.5, 2, 0, 4.5}, {0, 2, 3, 3 * usual}} {
		if got := room(tt.used, tt.there, tt.more); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// TestWarming: a node whose engines are being opened is known and takes nothing, and
// serves once they are there.
func TestWarming(t *testing.T) {
	s := redistest.Start(t)
	reg, err := redis.New(redis.Options{Addrs: []string{s.Addr}}, cluster.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	state := func(want cluster.State) func() bool {
		return func() bool {
			list, err := reg.Nodes(t.Context())
			return err == nil && len(list) == 1 && list[0].ID == "one" && list[0].State == want && list[0].Memory > 0 == (want == cluster.Serving)
		}
	}
	soon := func(what string, is func() bool) {
		t.Helper()
		for until := time.Now().Add(20 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("%s: not within 20 s", what)
			}
		}
	}
	quiet := slog.New(slog.DiscardHandler)
	cfg := config.Default()
	cfg.Cluster.URL, cfg.Cluster.Secret, cfg.Cluster.Node = "redis://"+s.Addr, strings.Repeat("s", 32), "one"
	cfg.Serve.MaxSessions, cfg.Serve.MediaPort, cfg.Store.Dir = 2, 0, t.TempDir()
	cfg.Recognize.Engine, cfg.Translate.Engine, cfg.Speak.Engine, cfg.Lips.Engine = "fake", "fake", "fake", "fake"
	node, err := openRegistry(t.Context(), &cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	gpus := func(context.Context) gpu.Report { return gpu.Report{} }
	at := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}
	if err := node.begin(t.Context(), cfg, at, gpus, atOnce); err != nil {
		t.Fatal(err)
	}
	soon("it warms", state(cluster.Warming))
	if _, err := reg.Place(t.Context(), cluster.Ask{Session: "s", Cost: 1}); !errors.Is(err, cluster.ErrFull) {
		t.Errorf("placed at a node that warms: %v", err)
	}
	d, err := openEndpoints(t.Context(), cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	ctx, drain := context.WithCancel(t.Context())
	if err := node.join(ctx, cfg, d, quiet); err != nil {
		t.Fatal(err)
	}
	soon("it serves", state(cluster.Serving))
	c, err := reg.Place(t.Context(), cluster.Ask{Session: "s", Cost: 1})
	if err != nil || c.Addr != "http://127.0.0.1:9" {
		t.Errorf("%+v, %v", c, err)
	}
	drain()
	soon("it drains", func() bool {
		list, err := reg.Nodes(t.Context())
		return err == nil && len(list) == 1 && list[0].State == cluster.Draining
	})
	d.Close()
	node.leave()
	if list, err := reg.Nodes(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	// One that never came to serve leaves as well.
	if node, err = openRegistry(t.Context(), &cfg, quiet); err != nil {
		t.Fatal(err)
	}
	if err := node.begin(t.Context(), cfg, at, gpus, atOnce); err != nil {
		t.Fatal(err)
	}
	soon("it warms again", state(cluster.Warming))
	node.leave()
	if list, err := reg.Nodes(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	// In a warm pool nobody knows it.
	if node, err = openRegistry(t.Context(), &cfg, quiet); err != nil {
		t.Fatal(err)
	}
	if err := node.begin(t.Context(), cfg, at, gpus, func(ctx context.Context) bool { <-ctx.Done(); return false }); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	if list, err := reg.Nodes(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("known before it may be: %+v, %v", list, err)
	}
	node.leave()
}

// atOnce is when a node may be known outside of an Auto Scaling group.
func atOnce(context.Context) bool { return true }
