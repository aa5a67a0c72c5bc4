package pace

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"livedub/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWallWaitsAndGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewWall()
		if err := c.Wait(t.Context(), time.Second); err != nil || c.Now() != time.Second {
			t.Fatalf("Wait: %v, now %v", err, c.Now())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Wait(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Wait past its context: %v", err)
		}
		if c.Now() != 2*time.Second {
			t.Fatalf("gave up at %v", c.Now())
		}
	})
}

func TestVirtualNeverPassesAHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewVirtual()
		c.Advance(time.Second)
		h := c.Hold(time.Second)
		late := c.Hold(3 * time.Second)
		var reached atomic.Int32
		for _, at := range []time.Duration{2 * time.Second, 4 * time.Second} {
			go func() {
				if c.Wait(t.Context(), at) == nil {
					reached.Add(1)
				}
			}()
		}
		c.Advance(5 * time.Second)
		synctest.Wait()
		if reached.Load() != 0 || c.Now() != time.Second {
			t.Fatalf("passed a hold: now %v, %d waiters woke", c.Now(), reached.Load())
		}
		h.Release()
		synctest.Wait()
		if reached.Load() != 1 || c.Now() != 3*time.Second || late.Now() != 3*time.Second {
			t.Fatalf("after the first release: now %v, %d waiters woke", c.Now(), reached.Load())
		}
		late.Release()
		synctest.Wait()
		if reached.Load() != 2 || c.Now() != 5*time.Second {
			t.Fatalf("after the last release: now %v, %d waiters woke", c.Now(), reached.Load())
		}
	})
}

func TestVirtualWaitGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := NewVirtual().Wait(ctx, time.Second); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

type list []media.Packet

func (l *list) Tracks() []media.Track { return nil }
func (l *list) Close() error          { return nil }
func (l *list) Read(context.Context) (media.Packet, error) {
	if len(*l) == 0 {
		return media.Packet{}, io.EOF
	}
	p := (*l)[0]
	*l = (*l)[1:]
	return p, nil
}

func TestRealtimeGivesPacketsWhenDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewWall()
		src := Realtime(&list{
			{Kind: media.Video, PTS: 80 * time.Millisecond, DTS: 0},
			{Kind: media.Audio, PTS: 20 * time.Millisecond, Duration: 20 * time.Millisecond},
			{Kind: media.Video, PTS: 40 * time.Millisecond, DTS: 90 * time.Millisecond},
		}, c)
		for i, want := range []time.Duration{0, 40 * time.Millisecond, 40 * time.Millisecond} {
			if _, err := src.Read(t.Context()); err != nil || c.Now() != want {
				t.Errorf("packet %d: %v at %v, want %v", i, err, c.Now(), want)
			}
		}
		if _, err := src.Read(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("end: %v", err)
		}
	})
}
