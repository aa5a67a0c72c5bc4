package session_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
	"livedub/session/live"
	"livedub/session/spec"
)

// TestUnusedSessionsEnd: a session that nobody ever published in ends sooner than one between publishers.
func TestUnusedSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		base := r.cfg
		base.To, base.Video.File = nil, false
		m := live.NewManager(live.ManagerConfig{Engines: r.engines, Base: base, Max: 3, Idle: 5 * time.Minute, Unused: 30 * time.Second})
		defer m.Close()
		create := func(id string) *live.Call {
			t.Helper()
			c, err := m.Create(spec.Spec{ID: id, From: "en", To: []inference.Lang{"es"}})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		create("unused")
		used := create("used")
		c := newCaller(speaker(t, seconds(2), nil, true, true), used.Clock)
		if err := used.Publish(c); err != nil {
			t.Fatal(err)
		}
		there := func(id string) bool { _, err := m.Get(id); return !errors.Is(err, spec.ErrNotFound) }
		time.Sleep(29 * time.Second)
		if !there("unused") || !there("used") {
			t.Error("ended within 30 s")
		}
		time.Sleep(6 * time.Second)
		if there("unused") || !there("used") {
			t.Errorf("after 35 s: unused %v, used %v", there("unused"), there("used"))
		}
		time.Sleep(5*time.Minute + 20*time.Second)
		if there("used") {
			t.Error("nobody has used it for more than 5 min")
		}
	})
}

// loud keeps what is logged as a warning or worse.
type loud struct {
	mu   sync.Mutex
	said []string
}

func (*loud) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (l *loud) WithAttrs([]slog.Attr) slog.Handler         { return l }
func (l *loud) WithGroup(string) slog.Handler              { return l }

func (l *loud) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, r.Message)
	return nil
}

// TestDeleteWarnsOfNothing: ending a call while somebody speaks and somebody watches is nothing to warn of.
func TestDeleteWarnsOfNothing(t *testing.T) {
	for _, after := range []float64{.1, 2, 5} {
		synctest.Test(t, func(t *testing.T) {
			r, log := newRig(t), &loud{}
			r.cfg.Log = slog.New(log)
			l := r.live(t)
			l.attach("es")
			l.publish(speaker(t, seconds(9), said, true, true))
			time.Sleep(seconds(after))
			if err := l.m.Delete("a"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if len(log.said) > 0 {
				t.Errorf("after %v s: %q", after, log.said)
			}
		})
	}
}
