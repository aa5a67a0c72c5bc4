package member

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"livedub/cluster"
	"livedub/cluster/memory"
	"livedub/signaling"
	"livedub/signaling/access"
)

func anybody(signaling.Info) bool { return true }

// TestFound: a session that is made here has its place here, whatever the registry
// would choose, and is made once.
func TestFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg, key := memory.New(cluster.Rules{}, nil), access.RandomKey()
		a, b := newRig(t, reg, reg, key, "a"), newRig(t, reg, reg, key, "b")
		defer a.Close()
		defer b.Close()
		for _, r := range []*rig{a, b} { // the registry would choose one of them twice
			id := "of-" + r.id
			if err := r.Found(t.Context(), cluster.Ask{Session: id, Cost: 1}, made); err != nil {
				t.Fatal(err)
			}
			if c, err := reg.Find(t.Context(), id); err != nil || c.Node != r.id || int64(c.Fence) != r.Fence(id) {
				t.Errorf("%s: %+v, %v, fence %d", id, c, err, r.Fence(id))
			}
		}
		if err := b.Found(t.Context(), cluster.Ask{Session: "of-a", Cost: 1}, made); !errors.Is(err, signaling.ErrBusy) {
			t.Errorf("a second one: %v", err)
		}
		after(time.Minute) // an unconfirmed claim would be over
		if c, err := reg.Find(t.Context(), "of-b"); err != nil || c.Node != "b" {
			t.Errorf("%+v, %v", c, err)
		}
		boom := errors.New("no engine")
		if err := a.Found(t.Context(), cluster.Ask{Session: "bad", Cost: 1}, func() ([]byte, error) { return nil, boom }); !errors.Is(err, boom) {
			t.Error(err)
		}
		if _, err := reg.Find(t.Context(), "bad"); !errors.Is(err, cluster.ErrUnknown) {
			t.Errorf("the place of what was not made is taken: %v", err)
		}
		if err := a.Found(t.Context(), cluster.Ask{Session: "big", Cost: 50}, made); !errors.Is(err, signaling.ErrFull) {
			t.Errorf("more than there is room for: %v", err)
		}
		if err := a.Found(t.Context(), cluster.Ask{Session: "no name", Cost: 1}, made); !errors.Is(err, signaling.ErrBadRequest) {
			t.Errorf("no name: %v", err)
		}
	})
}

// TestBringLost: the session of a node that is dead comes here, from what was kept.
func TestBringLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg, key, a, _ := holder(t)
		b := newRig(t, reg, reg, key, "b")
		defer b.Close()
		for id, may := range map[string]bool{"unknown": true, "no name": true, "s": false} {
			if err := b.Bring(t.Context(), id, func(signaling.Info) bool { return may }); id != "s" && err != nil || b.Fence(id) != 0 {
				t.Errorf("%s: %v", id, err)
			}
		}
		a.cancel() // it dies
		a.wg.Wait()
		after(time.Minute)
		if err := b.Bring(t.Context(), "s", func(signaling.Info) bool { return false }); err != nil || b.Fence("s") != 0 {
			t.Errorf("brought for nobody: %v", err)
		}
		if err := b.Bring(t.Context(), "s", anybody); err != nil || b.Fence("s") == 0 || b.opened["s"] != "spec of it" {
			t.Errorf("%v, fence %d, opened %v", err, b.Fence("s"), b.opened)
		}
		if err := b.Bring(t.Context(), "s", anybody); err != nil {
			t.Errorf("once more: %v", err)
		}
	})
}

// TestBring: what another node holds comes here unless somebody publishes there.
func TestBring(t *testing.T) {
	reg, key := memory.New(cluster.Rules{}, nil), access.RandomKey()
	var state atomic.Value
	state.Store("live")
	node := func(id string) *rig {
		r := &rig{opened: map[string]string{}}
		mux := http.NewServeMux()
		srv := httptest.NewServer(mux)
		t.Cleanup(srv.Close)
		r.Member = New(Config{Registry: reg, Saved: reg, Key: key, Sessions: r, Self: func() cluster.Node {
			return cluster.Node{ID: id, Boot: "1", Addr: srv.URL, State: cluster.Serving, Capacity: 2}
		}})
		mux.Handle("/", r.Guard(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if p, ok := signaling.PassOf(q.Context()); !ok || !p.Operator || q.URL.Path != "/v1/sessions/s" {
				http.Error(w, "no", http.StatusNotFound)
				return
			}
			if err := json.NewEncoder(w).Encode(map[string]any{"id": "s", "epoch": "e", "state": state.Load(), "created": 1764313357.1}); err != nil {
				t.Error(err)
			}
		})))
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Close)
		return r
	}
	a, b := node("a"), node("b")
	if err := a.Found(t.Context(), cluster.Ask{Session: "s", Cost: 1}, made); err != nil {
		t.Fatal(err)
	}
	if err := b.Bring(t.Context(), "s", anybody); !errors.Is(err, signaling.ErrBusy) || b.Fence("s") != 0 {
		t.Errorf("while somebody publishes: %v", err)
	}
	if err := b.Bring(t.Context(), "s", func(i signaling.Info) bool { return i.Epoch != "e" }); err != nil || b.Fence("s") != 0 {
		t.Errorf("without a right: %v", err)
	}
	state.Store("idle")
	if err := b.Bring(t.Context(), "s", anybody); err != nil || b.opened["s"] != "spec of it" {
		t.Errorf("%v, opened %v", err, b.opened)
	}
	for end := time.Now().Add(20 * time.Second); a.Fence("s") != 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the node before does not hear that its session has gone")
		}
	}
}
