package redis

import (
	"context"
	"errors"
	"testing"
	"time"

	"livedub/cluster"
	"livedub/cluster/clustertest"
)

// Steps of the tests below that must succeed.

func node(id string, places float64) cluster.Node {
	return cluster.Node{ID: id, Boot: id + "-1", Addr: "http://" + id + ":8080", State: cluster.Serving, Capacity: places}
}

func beat(t *testing.T, r *Registry, nodes ...cluster.Node) {
	t.Helper()
	for _, n := range nodes {
		if _, err := r.Beat(t.Context(), n); err != nil {
			t.Fatalf("beat of %s: %v", n.ID, err)
		}
	}
}

func place(t *testing.T, r *Registry, session string) cluster.Claim {
	t.Helper()
	c, err := r.Place(t.Context(), cluster.Ask{Session: session, Cost: 1})
	if err != nil {
		t.Fatalf("place %s: %v", session, err)
	}
	return c
}

func move(t *testing.T, r *Registry, c cluster.Claim) cluster.Claim {
	t.Helper()
	c, err := r.Move(t.Context(), cluster.Ask{Session: c.Session, Cost: 1}, c.Fence)
	if err != nil {
		t.Fatalf("move %s: %v", c.Session, err)
	}
	return c
}

func hold(t *testing.T, r *Registry, c cluster.Claim) {
	t.Helper()
	if err := r.Hold(t.Context(), c); err != nil {
		t.Fatalf("hold %+v: %v", c, err)
	}
}

func find(t *testing.T, r *Registry, session string) cluster.Claim {
	t.Helper()
	c, err := r.Find(t.Context(), session)
	if err != nil {
		t.Fatalf("find %s: %v", session, err)
	}
	return c
}

func status(t *testing.T, r *Registry, id string) cluster.Status {
	t.Helper()
	return clustertest.StatusOf(t, r, id)
}

// wants fails the test unless err is of this kind.
func wants(t *testing.T, what string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: %v, want %v", what, err, kind)
	}
}

// soon calls f until it returns nil, for a time that a busy machine may need.
func soon(t *testing.T, what string, f func(ctx context.Context) error) time.Duration {
	t.Helper()
	start := time.Now()
	for {
		err := f(t.Context())
		took := time.Since(start)
		if err == nil {
			return took
		}
		if took > 30*time.Second {
			t.Fatalf("%s: after %v: %v", what, took, err)
		}
		time.Sleep(20 * time.Millisecond) // a server's own clock: nothing to wait on
	}
}
