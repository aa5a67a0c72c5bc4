package member

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"livedub/cluster"
	"livedub/cluster/clustertest"
	"livedub/cluster/memory"
	"livedub/signaling"
	"livedub/signaling/access"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a node whose sessions are names.
type rig struct {
	*Member
	mu     sync.Mutex
	opened map[string]string
	ended  []string
}

func (r *rig) Reopen(_ context.Context, id string, parts [][]byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened[id] = string(bytes.Join(parts, []byte("|")))
	return nil
}

func (r *rig) End(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.opened, id)
	r.ended = append(r.ended, id)
}

func newRig(t *testing.T, reg cluster.Registry, saved cluster.Checkpoints, key access.Key, id string) *rig {
	t.Helper()
	r := &rig{opened: map[string]string{}}
	r.Member = New(Config{Registry: reg, Saved: saved, Key: key, Sessions: r, Self: func() cluster.Node {
		return cluster.Node{ID: id, Boot: "1", Addr: "http://127.0.0.1:1", State: cluster.Serving, Capacity: 2} // no name: a look-up in one bubble breaks the next
	}})
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// claim has a session placed, and made at the node that has the place.
func claim(t *testing.T, reg cluster.Registry, r *rig, id string, open func() ([]byte, error)) (cluster.Claim, error) {
	t.Helper()
	c, err := reg.Place(t.Context(), cluster.Ask{Session: id, Cost: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx := signaling.WithPass(t.Context(), signaling.Pass{Session: id, Fence: int64(c.Fence), Cost: 1, Create: true})
	return c, r.Claim(ctx, id, open)
}

func made() ([]byte, error) { return []byte("spec of it"), nil }

// holder returns a node that holds the session s.
func holder(t *testing.T) (*memory.Registry, access.Key, *rig, cluster.Claim) {
	t.Helper()
	reg, key := memory.New(cluster.Rules{}, nil), access.RandomKey()
	a := newRig(t, reg, reg, key, "a")
	synctest.Wait() // its next heartbeat, which tells that it has s, is a second away
	c, err := claim(t, reg, a, "s", made)
	if err != nil {
		t.Fatal(err)
	}
	return reg, key, a, c
}

func after(d time.Duration) { time.Sleep(d); synctest.Wait() }

func TestLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := &clustertest.Flaky{Registry: memory.New(cluster.Rules{}, nil)}
		r := newRig(t, reg, reg, access.RandomKey(), "a")
		defer r.Close()
		c, err := claim(t, reg, r, "s", made)
		if sessions, places := r.Carries(); err != nil || r.Fence("s") != int64(c.Fence) || sessions != 1 || places != 1 {
			t.Fatalf("%v, fence %d, %d sessions, %v places", err, r.Fence("s"), sessions, places)
		}
		if parts, _, err := reg.Load(t.Context(), "s"); err != nil || len(parts) != 1 || string(parts[0]) == "spec of it" {
			t.Errorf("kept as %q, %v", parts, err)
		}
		after(time.Minute) // an unconfirmed claim would be over
		if f, err := reg.Find(t.Context(), "s"); err != nil || f.Fence != c.Fence || f.Lost {
			t.Errorf("%+v, %v", f, err)
		}
		boom := errors.New("no engine")
		if _, err := claim(t, reg, r, "other", func() ([]byte, error) { return nil, boom }); !errors.Is(err, boom) || r.Fence("other") != 0 {
			t.Errorf("%v, fence %d", err, r.Fence("other"))
		}
		// Its end during an outage frees the place after it.
		reg.Away(true)
		after(2 * time.Second)
		if !r.Away() {
			t.Error("the outage is not noticed")
		}
		if err := r.Claim(signaling.WithPass(t.Context(), signaling.Pass{Session: "new", Fence: 1, Cost: 1, Create: true}), "new", made); !errors.Is(err, signaling.ErrFull) {
			t.Errorf("a session during an outage: %v", err)
		}
		r.Ended("s")
		after(10 * time.Minute)
		reg.Away(false)
		after(2 * time.Second)
		if _, err := reg.Find(t.Context(), "s"); !errors.Is(err, cluster.ErrUnknown) {
			t.Errorf("the place is still taken: %v", err)
		}
		if _, _, err := reg.Load(t.Context(), "s"); !errors.Is(err, cluster.ErrUnknown) {
			t.Errorf("something is still kept: %v", err)
		}
	})
}

// TestTakeOver: what was moved is opened from what was kept, and the node before ends it.
func TestTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg, key, a, c := holder(t)
		defer a.Close()
		if err := errors.Join(a.Replace(t.Context(), "s", []byte("changed")), a.Append(t.Context(), "s", []byte("and more"))); err != nil {
			t.Error(err)
		}
		b := newRig(t, reg, reg, key, "b")
		defer b.Close()
		moved, err := reg.Move(t.Context(), cluster.Ask{Session: "s", Cost: 1}, c.Fence)
		if err != nil || moved.Node != "b" {
			t.Fatalf("%+v, %v", moved, err)
		}
		ask := func(fence cluster.Fence) *httptest.ResponseRecorder {
			req := httptest.NewRequest("GET", "/v1/sessions/s", nil)
			req.Header.Set(signaling.PassHeader, signaling.NewPassKey(key).Seal(signaling.Pass{Node: "b", Boot: "1", Session: "s", Fence: int64(fence), Cost: 1}, "GET", "/v1/sessions/s", time.Now()))
			w := httptest.NewRecorder()
			b.Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })).ServeHTTP(w, req)
			return w
		}
		if w := ask(moved.Fence); w.Code != 204 || b.opened["s"] != "changed|and more" || b.Fence("s") != int64(moved.Fence) {
			t.Errorf("%d %s, opened %v", w.Code, w.Body, b.opened)
		}
		if w := ask(moved.Fence + 1); w.Code != 503 || w.Header().Get(signaling.RefusedHeader) == "" {
			t.Errorf("a fence that the registry does not know: %d %s", w.Code, w.Body)
		}
		after(10 * time.Second)
		if len(a.ended) != 1 || a.Fence("s") != 0 {
			t.Errorf("the node before ended %v", a.ended)
		}
		if err := a.Append(t.Context(), "s", []byte("old")); !errors.Is(err, cluster.ErrStale) {
			t.Errorf("the node before adds to it: %v", err)
		}
		if f, err := reg.Find(t.Context(), "s"); err != nil || f.Fence != moved.Fence {
			t.Errorf("%+v, %v", f, err)
		}
	})
}

// TestStoodStill: a node that stood still proves what it holds before it acts.
func TestStoodStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg, key, a, c := holder(t)
		defer a.Close()
		if !a.Acting() {
			t.Fatal("it does not act")
		}
		b := newRig(t, reg, reg, key, "b")
		defer b.Close()
		if _, err := reg.Move(t.Context(), cluster.Ask{Session: "s", Cost: 1}, c.Fence); err != nil {
			t.Fatal(err)
		}
		a.alive.Add(-int64(3 * time.Second)) // as if nothing had run for so long
		if a.Acting() {
			t.Error("it acts after it stood still")
		}
		after(tick)
		if !a.Acting() || len(a.ended) != 1 {
			t.Errorf("acts %v, ended %v", a.Acting(), a.ended)
		}
	})
}

// TestLeaving: sessions that end because the node leaves can be moved.
func TestLeaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg, _, a, _ := holder(t)
		a.Leaving()
		a.Ended("s")
		a.Close()
		if f, err := reg.Find(t.Context(), "s"); err != nil || !f.Lost {
			t.Errorf("%+v, %v", f, err)
		}
		if _, _, err := reg.Load(t.Context(), "s"); err != nil {
			t.Error(err)
		}
	})
}

func TestUnseal(t *testing.T) {
	m := New(Config{Key: access.RandomKey(), Self: func() cluster.Node { return cluster.Node{} }})
	sealed, err := m.seal("s", []byte("words"))
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := m.unseal("s", sealed); err != nil || string(kept) != "words" {
		t.Errorf("%s, %v", kept, err)
	}
	for name, bad := range map[string][]byte{"none": nil, "short": sealed[:8], "cut": sealed[:len(sealed)-1], "altered": append([]byte{sealed[0] ^ 1}, sealed[1:]...)} {
		if kept, err := m.unseal("s", bad); err == nil {
			t.Errorf("%s: %q", name, kept)
		}
	}
	if _, err := m.unseal("other", sealed); err == nil {
		t.Error("another session's is taken")
	}
	// What comes behind a part that cannot be read is left out; the first must be there.
	if parts, err := m.unsealAll("s", [][]byte{sealed, sealed, sealed[:9], sealed}); err != nil || len(parts) != 2 {
		t.Errorf("%d parts, %v", len(parts), err)
	}
	other := New(Config{Key: access.RandomKey(), Self: func() cluster.Node { return cluster.Node{} }})
	if _, err := other.unsealAll("s", [][]byte{sealed}); err == nil || !strings.Contains(err.Error(), "cluster.secret") {
		t.Errorf("with another secret: %v", err)
	}
}

// TestClock: the heartbeat with the shortest way tells the time, of the last few.
func TestClock(t *testing.T) {
	c := &clock{}
	if c.offset() != 0 {
		t.Error("it knows without a heartbeat")
	}
	add := func(offset, trip time.Duration) {
		c.add(cluster.Pulse{Offset: offset * time.Millisecond, Trip: trip * time.Millisecond})
	}
	add(230, 80)
	add(201, 2)
	add(150, 150)
	if got := c.offset(); got != 201*time.Millisecond {
		t.Errorf("%v off", got)
	}
	for range mostPulses {
		add(300, 50)
	}
	if got := c.offset(); got != 300*time.Millisecond {
		t.Errorf("the clock was set, and it is %v off", got)
	}
}
