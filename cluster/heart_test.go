package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/cluster"
	"livedub/cluster/clustertest"
	"livedub/cluster/memory"
)

// member is a node or a gateway with a Heart, and what that told it.
type member struct {
	*clustertest.Flaky
	stop func()
	wake chan struct{}

	mu          sync.Mutex
	mine        []cluster.Claim
	stale, lost []cluster.Claim
	beats, errs int
	reaps       int
}

func start(t *testing.T, r clustertest.Registry, n *cluster.Node) *member {
	m := &member{Flaky: &clustertest.Flaky{Registry: r}, wake: make(chan struct{})}
	locked := func(f func()) { m.mu.Lock(); defer m.mu.Unlock(); f() }
	h := &cluster.Heart{
		Registry: m.Flaky,
		Wake:     m.wake,
		Mine:     func() (c []cluster.Claim) { locked(func() { c = m.mine }); return c },
		Stale:    func(c cluster.Claim) { locked(func() { m.stale = append(m.stale, c) }) },
		Lost:     func(c []cluster.Claim) { locked(func() { m.lost = append(m.lost, c...) }) },
		Pulse: func(_ cluster.Pulse, err error) {
			locked(func() {
				m.beats++
				if err != nil {
					m.errs++
				}
			})
		},
		Reaped: func(error) { locked(func() { m.reaps++ }) },
	}
	if n != nil {
		h.Self = func() cluster.Node { return *n }
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { h.Run(ctx) })
	m.stop = func() { cancel(); wg.Wait() }
	return m
}

func (m *member) carry(c ...cluster.Claim) { m.mu.Lock(); defer m.mu.Unlock(); m.mine = c }

// after lets time pass, and everybody act.
func after(d time.Duration) { time.Sleep(d); synctest.Wait() }

func TestHeartHoldsAndReaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := memory.New(cluster.Rules{}, nil)
		a, b := status("z", 2, 0).Node, status("b", 2, 0).Node
		nodeA, gateway := start(t, r, &a), start(t, r, nil)
		defer gateway.stop()
		after(time.Second)
		c, err := r.Place(t.Context(), cluster.Ask{Session: "s", Cost: 1})
		if err != nil {
			t.Fatal(err)
		}
		nodeA.carry(c)
		nodeB := start(t, r, &b)
		defer nodeB.stop()
		after(time.Minute) // longer than an unconfirmed claim lasts
		if f, err := r.Find(t.Context(), "s"); err != nil || f != c {
			t.Fatalf("%+v, %v, want %+v", f, err, c)
		}
		nodeA.stop()
		after(4500 * time.Millisecond)
		if f, _ := r.Find(t.Context(), "s"); f.Lost {
			t.Errorf("lost 4.5 s after its last heartbeat: %+v", f)
		}
		after(2 * time.Second)
		if told := len(gateway.lost) + len(nodeB.lost); told != 1 {
			t.Errorf("%d were told of the lost claim", told)
		}
		// Somebody moved it; the node that returns is told within two heartbeats.
		if _, err := r.Move(t.Context(), cluster.Ask{Session: "s", Cost: 1}, c.Fence); err != nil {
			t.Fatal(err)
		}
		again := start(t, r, &a)
		defer again.stop()
		again.carry(c)
		after(2 * time.Second)
		if len(again.stale) == 0 || again.stale[0].Session != "s" {
			t.Errorf("told of %+v", again.stale)
		}
		if gateway.beats != 0 || gateway.reaps < 60 {
			t.Errorf("the gateway beat %d times and reaped %d times", gateway.beats, gateway.reaps)
		}
	})
}

// TestHeartWakes: a node that begins to drain is given nothing more, at once.
func TestHeartWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := memory.New(cluster.Rules{}, nil)
		n := status("a", 2, 0).Node
		m := start(t, r, &n)
		defer m.stop()
		after(100 * time.Millisecond)
		n.State = cluster.Draining
		m.wake <- struct{}{}
		synctest.Wait()
		if _, err := r.Place(t.Context(), cluster.Ask{Session: "s", Cost: 1}); !errors.Is(err, cluster.ErrFull) {
			t.Errorf("placed at a node that drains: %v", err)
		}
	})
}

// TestHeartOutage: ten minutes without a registry end no session, and 10 s after them all is as before.
func TestHeartOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := memory.New(cluster.Rules{}, nil)
		var members []*member
		for i := range 3 {
			n := status(fmt.Sprintf("n%d", i), 2, 0).Node
			members = append(members, start(t, r, &n))
			defer members[i].stop()
		}
		gateway := start(t, r, nil)
		defer gateway.stop()
		after(time.Second)
		for i := range 5 {
			c, err := r.Place(t.Context(), cluster.Ask{Session: fmt.Sprintf("s%d", i), Cost: 1})
			if err != nil {
				t.Fatal(err)
			}
			m := members[c.Node[1]-'0']
			m.carry(append(m.mine, c)...)
		}
		after(10 * time.Second)
		members = append(members, gateway)
		for _, m := range members {
			m.Away(true)
		}
		after(10 * time.Minute)
		for _, m := range members {
			m.Away(false)
		}
		for i := range 10 {
			after(time.Second)
			if _, err := r.Place(t.Context(), cluster.Ask{Session: fmt.Sprintf("s%d", 5+i), Cost: 1}); (err == nil) != (i == 0) {
				t.Errorf("%d s after the outage, with one place left: %v", i+1, err)
			}
		}
		for i, m := range members {
			if len(m.stale)+len(m.lost) > 0 {
				t.Errorf("member %d was told of %+v and %+v", i, m.stale, m.lost)
			}
			if m != gateway && (m.errs < 500 || m.beats-m.errs < 15) {
				t.Errorf("member %d: %d heartbeats, %d failed", i, m.beats, m.errs)
			}
		}
	})
}

// TestHeartFarAway: a node of many sessions, far from a registry that has lost them
// all, is no later with its heartbeats than another, and all is as before in 10 s.
func TestHeartFarAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := memory.New(cluster.Rules{}, nil)
		n := status("a", 200, 0).Node
		m := start(t, r, &n)
		defer m.stop()
		m.Far(80 * time.Millisecond)
		var mine []cluster.Claim
		for i := range 150 {
			mine = append(mine, cluster.Claim{Session: fmt.Sprintf("s%d", i), Fence: cluster.Fence(i + 1), Cost: 1})
		}
		m.carry(mine...)
		m.mu.Lock()
		before := m.beats
		m.mu.Unlock()
		after(10 * time.Second)
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.beats-before < 6 || m.errs > 0 || len(m.stale) > 0 {
			t.Errorf("%d heartbeats in 10 s, %d failed, told of %+v", m.beats-before, m.errs, m.stale)
		}
		for _, c := range mine {
			if f, err := r.Find(t.Context(), c.Session); err != nil || f.Fence != c.Fence {
				t.Fatalf("%s: %+v, %v", c.Session, f, err)
			}
		}
	})
}
