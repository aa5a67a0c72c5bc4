package member

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"livedub/cluster"
	"livedub/cluster/memory"
	"livedub/signaling/access"
)

// TestOpening: sessions that come at once are opened several at a time, each once.
func TestOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sessions, asking, long = 2 * mostOpening, 3, time.Second
		reg := memory.New(cluster.Rules{}, nil)
		a := newRig(t, reg, reg, access.RandomKey(), "a")
		defer a.Close()
		var all sync.WaitGroup
		var at, most, opened atomic.Int64
		began := time.Now()
		for i := range sessions {
			id := fmt.Sprint("s", i)
			c := cluster.Claim{Session: id, Node: "a", Boot: "1", Fence: cluster.Fence(time.Now().UnixMicro()), Cost: 0.1}
			for range asking {
				all.Go(func() {
					err := a.Take(t.Context(), c, func(context.Context) error {
						opened.Add(1)
						now := at.Add(1)
						for high := most.Load(); now > high && !most.CompareAndSwap(high, now); high = most.Load() {
						}
						time.Sleep(long)
						at.Add(-1)
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
		}
		all.Wait()
		if opened.Load() != sessions || most.Load() != mostOpening || time.Since(began) != sessions/mostOpening*long {
			t.Errorf("%d opened, %d at a time, in %v", opened.Load(), most.Load(), time.Since(began))
		}
	})
}

// TestOpeningGivenUp: who gives up while another opens, or for want of room, leaves nothing behind.
func TestOpeningGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOpening()
		var leave []func()
		for i := range mostOpening {
			l, err := o.enter(t.Context(), fmt.Sprint(i))
			if err != nil {
				t.Fatal(err)
			}
			leave = append(leave, l)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, id := range []string{"0", "new"} {
			if _, err := o.enter(ctx, id); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", id, err)
			}
		}
		for _, l := range leave {
			l()
		}
		if len(o.busy) != 0 || len(o.room) != 0 {
			t.Errorf("%d are busy, %d in the room", len(o.busy), len(o.room))
		}
	})
}
