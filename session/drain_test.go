package session_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"livedub/session/spec"
)

// TestDrain drains a manager with a live call: no more sessions are taken, the
// call goes on whole, and the drain ends by how the call does, or its bound.
func TestDrain(t *testing.T) {
	src := speaker(t, seconds(9), said, true, true)
	const from, most = 3 * time.Second, 10 * time.Minute
	const drainIdle, drainTick = 5 * time.Second, 200 * time.Millisecond // as the manager has them
	left := seconds(9) + spec.Sync.DefaultDelay() + seconds(1)           // the viewer leaves when all was shown
	for _, tt := range []struct {
		how    string
		most   time.Duration
		cancel time.Duration // when the context ends; 0 for never
		ends   time.Duration // when the drain ends, at the earliest
		slack  time.Duration
		shown  int // frames until then
	}{
		{"all leave", most, 0, left + drainIdle - time.Second, drainTick + time.Second, 225},
		{"deleted", most, 0, left, drainTick, 225},
		{"its bound passes", 5 * time.Second, 0, from + 5*time.Second, 0, 100},
		{"cancelled", most, 6 * time.Second, 6 * time.Second, 0, 50},
	} {
		t.Run(tt.how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				l := r.live(t)
				out := &memory{}
				at := l.add("es", out)
				began := time.Now()
				l.publish(src)
				time.Sleep(from)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel-from, cancel)
				}
				if !l.m.Drained().IsZero() {
					t.Error("drains before it is told to")
				}
				over := make(chan time.Duration, 1)
				go func() {
					l.m.Drain(ctx, tt.most)
					over <- time.Since(began)
				}()
				synctest.Wait()
				until := began.Add(from + tt.most)
				if got := l.m.Drained(); !got.Equal(until) {
					t.Errorf("ends by %v, want %v", got, until)
				}
				if _, err := l.m.Create(es("b")); !errors.Is(err, spec.ErrFull) || !strings.Contains(err.Error(), "shutting down: ask another, or again later") {
					t.Errorf("a new session: %v", err)
				}
				if _, err := l.m.Get("a"); err != nil || l.Phase() != "live" {
					t.Errorf("the call: %v, %s", err, l.Phase())
				}
				told := 0
				for e := range l.Records().All(t.Context()) {
					if e.Drain != nil && e.Drain.Until.Equal(until) {
						told++
					}
				}
				if told != 1 {
					t.Errorf("those who listen were told %d times", told)
				}
				if tt.shown == 225 {
					time.Sleep(left - from)
					if len(over) > 0 {
						t.Errorf("the drain ended after %v with a call that is watched", <-over)
					}
				}
				switch tt.how {
				case "all leave":
					at.Close()
				case "deleted":
					if err := l.m.Delete("a"); err != nil {
						t.Error(err)
					}
				}
				if took := <-over; took < tt.ends || took > tt.ends+tt.slack {
					t.Errorf("it took %v, want %v to %v", took, tt.ends, tt.ends+tt.slack)
				}
				if n := len(seen(out)); n < tt.shown-3 || n > tt.shown+1 {
					t.Errorf("%d frames were shown, want %d", n, tt.shown)
				}
			})
		})
	}
}
