package redis

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"livedub/cluster"
	"livedub/internal/testkit/redistest"
)

// TestOnlyAHeardPingRenews: a node whose writes reach Redis, and that hears no answers, dies.
func TestOnlyAHeardPingRenews(t *testing.T) {
	s := redistest.Start(t)
	relay := redistest.NewRelay(t, s.Addr)
	o := Options{Addrs: []string{s.Addr}}
	deaf, other := connect(t, Options{Addrs: []string{relay.Addr()}}, cluster.Rules{}), connect(t, o, cluster.Rules{})
	a, b := node("a", 1), node("b", 1)
	beat(t, deaf, a)
	token := func() string { return other.rdb.HGet(t.Context(), "{dub}:n:a", "token").Val() }
	relay.Mute(true)
	for range 3 {
		age(t, o, 2*time.Second)
		beat(t, other, b)
		before := token()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		_, err := deaf.Beat(ctx, a)
		cancel()
		wants(t, "a heartbeat without an answer", err, cluster.ErrUnavailable)
		if token() == before {
			t.Fatal("the heartbeat did not reach Redis")
		}
	}
	// The first of the three counts: the ping before it had come back.
	if n := status(t, other, "a"); n.Age < 4*time.Second {
		t.Errorf("renewed without an answer: %+v", n)
	}
	age(t, o, 2*time.Second)
	if n := status(t, other, "a"); !n.Dead {
		t.Errorf("a node that hears nothing lives: %+v", n)
	}
	if c := place(t, other, "s"); c.Node != "b" {
		t.Errorf("placed at %s", c.Node)
	}
	relay.Mute(false)
	soon(t, "heartbeat", func(ctx context.Context) error { _, err := deaf.Beat(ctx, a); return err })
	if n := status(t, other, "a"); n.Dead {
		t.Errorf("%+v", n)
	}
}

// TestLostAnswersClaimOnce: the client repeats a call whose answer was lost; it claims once.
func TestLostAnswersClaimOnce(t *testing.T) {
	s := redistest.Start(t)
	relay := redistest.NewRelay(t, s.Addr)
	r := connect(t, Options{Addrs: []string{relay.Addr()}}, cluster.Rules{})
	beat(t, r, node("a", 3), node("b", 3))
	move(t, r, place(t, r, "before")) // so that Redis knows the scripts
	relay.MuteOpen()
	c := place(t, r, "s")
	relay.MuteOpen()
	moved := move(t, r, c)
	if relay.Lost() < 2 {
		t.Fatalf("%d answers were lost", relay.Lost())
	}
	if now := find(t, r, "s"); now != moved || moved.Fence <= c.Fence || moved.Node == c.Node {
		t.Errorf("%+v, then %+v, now %+v", c, moved, now)
	}
	if used := status(t, r, "a").Used + status(t, r, "b").Used; used != 2 {
		t.Errorf("two sessions take %v places", used)
	}
}

// heart is a node with sessions.
type heart struct {
	mu    sync.Mutex
	mine  []cluster.Claim
	stale []cluster.Claim
	last  error
}

func (h *heart) run(ctx context.Context, r *Registry, n cluster.Node) {
	(&cluster.Heart{
		Registry: r, Rules: r.rules,
		Self: func() cluster.Node { return n },
		Mine: func() []cluster.Claim { h.mu.Lock(); defer h.mu.Unlock(); return h.mine },
		Stale: func(c cluster.Claim) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.stale = append(h.stale, c)
		},
		Pulse: func(_ cluster.Pulse, err error) { h.mu.Lock(); defer h.mu.Unlock(); h.last = err },
	}).Run(ctx)
}

// TestOutage: Redis is killed, comes back without any data, stops and goes on: no
// session is given up, nothing is claimed meanwhile, all is as before within seconds.
func TestOutage(t *testing.T) {
	s := redistest.Start(t)
	o, rules := Options{Addrs: []string{s.Addr}}, cluster.Rules{Every: 200 * time.Millisecond, Dead: time.Second}
	gateway := connect(t, o, rules)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	hearts := map[string]*heart{"a": {}, "b": {}}
	for id, h := range hearts {
		r := connect(t, o, rules)
		wg.Go(func() { h.run(ctx, r, node(id, 2)) })
	}
	claims := map[string]cluster.Claim{}
	for i := range 3 {
		session := fmt.Sprintf("s%d", i)
		soon(t, "place", func(ctx context.Context) error {
			c, err := gateway.Place(ctx, cluster.Ask{Session: session, Cost: 1})
			if err == nil {
				claims[session] = c
				h := hearts[c.Node]
				h.mu.Lock()
				h.mine = append(h.mine, c)
				h.mu.Unlock()
			}
			return err
		})
	}
	for _, outage := range []struct {
		name      string
		down, up  func()
		forgotten bool
	}{{"killed, all data lost", s.Kill, s.Start, true}, {"stopped", s.Pause, s.Resume, false}} {
		outage.down()
		start := time.Now()
		_, err := gateway.Place(t.Context(), cluster.Ask{Session: "new", Cost: 1})
		wants(t, outage.name+": place", err, cluster.ErrUnavailable)
		t.Logf("%s: told so in %v: %v", outage.name, time.Since(start).Round(time.Millisecond), err)
		if after, ok := cluster.RetryAfter(err); !ok || after <= 0 {
			t.Errorf("%s: retry after %v, %v", outage.name, after, ok)
		}
		_, err = gateway.Find(t.Context(), "s0")
		wants(t, outage.name+": find", err, cluster.ErrUnavailable)
		wants(t, outage.name+": hold", gateway.Hold(t.Context(), claims["s0"]), cluster.ErrUnavailable)
		for _, h := range hearts { // for longer than Dead
			soon(t, "the nodes notice", func(context.Context) error {
				h.mu.Lock()
				defer h.mu.Unlock()
				if h.last == nil {
					return fmt.Errorf("a heartbeat succeeds")
				}
				return nil
			})
		}
		outage.up()
		healed := soon(t, outage.name+": heal", func(ctx context.Context) error {
			for session, want := range claims {
				if c, err := gateway.Find(ctx, session); err != nil || c != want {
					return fmt.Errorf("%s: %+v, %w, want %+v", session, c, err, want)
				}
			}
			c, err := gateway.Place(ctx, cluster.Ask{Session: "new", Cost: 1})
			if err != nil {
				return err
			}
			if c.Fence <= claims["s2"].Fence {
				t.Errorf("fence %d after %d", c.Fence, claims["s2"].Fence)
			}
			return gateway.Release(ctx, "new", c.Fence)
		})
		t.Logf("%s: healed %v after it was back", outage.name, healed.Round(time.Millisecond))
		for id, h := range hearts {
			h.mu.Lock()
			if len(h.stale) > 0 {
				t.Errorf("%s: %s was told to give up %+v", outage.name, id, h.stale)
			}
			h.mu.Unlock()
		}
	}
}

// TestLastSecondLost: Redis comes back as it was a while before.
func TestLastSecondLost(t *testing.T) {
	s := redistest.Start(t)
	o := Options{Addrs: []string{s.Addr}}
	rules := cluster.Rules{Dead: time.Minute} // the start may take long on a busy machine
	atA, atB, gateway := connect(t, o, rules), connect(t, o, rules), connect(t, o, rules)
	a, b := node("z", 4), node("b", 2)
	beat(t, atA, a)
	moved := place(t, gateway, "moved") // at z
	ended := place(t, gateway, "ended")
	hold(t, atA, moved)
	hold(t, atA, ended)
	beat(t, atB, b)
	if err := gateway.rdb.Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}

	now := move(t, gateway, moved) // to b
	hold(t, atB, now)
	if err := gateway.Release(t.Context(), "ended", ended.Fence); err != nil {
		t.Fatal(err)
	}
	late := place(t, gateway, "late")
	a.Holds, b.Holds = 1, 1
	hold(t, atA, late)
	beat(t, atA, a)
	beat(t, atB, b)

	s.Kill()
	s.Start()
	soon(t, "start", func(ctx context.Context) error { _, err := gateway.Find(ctx, "moved"); return err })
	if c := find(t, gateway, "moved"); c.Fence != moved.Fence || c.Node != "z" {
		t.Fatalf("nothing was lost: %+v", c)
	}
	early := place(t, gateway, "early")
	if early.Fence <= late.Fence {
		t.Errorf("fence %d after %d, which Redis has forgotten", early.Fence, late.Fence)
	}
	if err := gateway.Release(t.Context(), "early", early.Fence); err != nil {
		t.Fatal(err)
	}
	beat(t, atB, b)
	hold(t, atB, now)
	beat(t, atA, a)
	wants(t, "the one before", atA.Hold(t.Context(), moved), cluster.ErrStale)
	hold(t, atA, late)
	now.Before = cluster.Holder{} // that was lost too
	for _, want := range []cluster.Claim{now, late} {
		if c := find(t, gateway, want.Session); c != want {
			t.Errorf("%+v, want %+v", c, want)
		}
	}
	// What had ended is back, and nobody has it: its node does not confirm it, and the
	// gateway that looks there for it ends it.
	if err := gateway.Release(t.Context(), "ended", ended.Fence); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]int{"z": 1, "b": 1} {
		if n := status(t, gateway, id); n.Claims != want || n.Used != float64(want) {
			t.Errorf("%+v", n)
		}
	}
	if c := place(t, gateway, "new"); c.Fence <= late.Fence {
		t.Errorf("fence %d after %d", c.Fence, late.Fence)
	}
}

// TestCutOffAlone: a node that alone is cut off from Redis has its claims still when it
// comes back, unless somebody has moved them.
func TestCutOffAlone(t *testing.T) {
	s := redistest.Start(t)
	relay := redistest.NewRelay(t, s.Addr)
	rules := cluster.Rules{Every: 200 * time.Millisecond, Dead: time.Second}
	gateway, away := connect(t, Options{Addrs: []string{s.Addr}}, rules), connect(t, Options{Addrs: []string{relay.Addr()}}, rules)
	other := connect(t, Options{Addrs: []string{s.Addr}}, rules)
	z := node("z", 4)
	beat(t, away, z)
	kept, goes := place(t, gateway, "kept"), place(t, gateway, "goes")
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	cut, there := &heart{mine: []cluster.Claim{kept, goes}}, &heart{}
	wg.Go(func() { cut.run(ctx, away, z) })
	wg.Go(func() { there.run(ctx, other, node("b", 4)) })
	relay.Kill()
	soon(t, "it counts as dead", func(ctx context.Context) error {
		if c, err := gateway.Find(ctx, "goes"); err != nil || !c.Lost || c.Addr != z.Addr {
			return fmt.Errorf("%+v, %w", c, err)
		}
		return nil
	})
	moved := move(t, gateway, goes)
	hold(t, other, moved)
	if was := (cluster.Holder{Node: "z", Boot: "z-1", Addr: z.Addr}); moved.Before != was {
		t.Errorf("moved from %+v", moved.Before)
	}
	relay.Restore()
	soon(t, "it is back", func(ctx context.Context) error {
		if c, err := gateway.Find(ctx, "kept"); err != nil || c != kept {
			return fmt.Errorf("%+v, %w, want %+v", c, err, kept)
		}
		cut.mu.Lock()
		defer cut.mu.Unlock()
		if len(cut.stale) == 0 {
			return fmt.Errorf("it has not heard what it lost")
		}
		return nil
	})
	cut.mu.Lock()
	defer cut.mu.Unlock()
	for _, c := range cut.stale {
		if c.Session != "goes" {
			t.Errorf("it was told to give up %+v", c)
		}
	}
	if c := find(t, gateway, "goes"); c != moved {
		t.Errorf("%+v, want %+v", c, moved)
	}
}
