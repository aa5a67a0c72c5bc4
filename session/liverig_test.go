package session_test

import (
	"testing"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/session/fanout"
	"livedub/session/live"
	"livedub/session/spec"
)

// newManager returns a manager of sessions by r's settings and engines.
func newManager(r *rig, options ...func(*live.ManagerConfig)) *live.Manager {
	base := r.cfg
	base.To, base.Video.File = nil, false
	c := live.ManagerConfig{Engines: r.engines, Base: base, Max: 3, Idle: time.Minute}
	for _, set := range options {
		set(&c)
	}
	return live.NewManager(c)
}

func es(id string) spec.Spec {
	return spec.Spec{ID: id, From: "en", To: []inference.Lang{"es"}, Consent: true}
}

// liveRig is a call of fakes that ends with its test.
type liveRig struct {
	*live.Call
	t *testing.T
	m *live.Manager
}

// live opens a call to Spanish by r's settings and engines.
func (r *rig) live(t *testing.T) *liveRig { return r.liveAs(t, es("a")) }

func (r *rig) liveAs(t *testing.T, spec spec.Spec) *liveRig {
	t.Helper()
	m := newManager(r)
	t.Cleanup(m.Close)
	l, err := m.Create(spec)
	if err != nil {
		t.Fatal(err)
	}
	return &liveRig{l, t, m}
}

// attach has a new sink take the dub in lang.
func (l *liveRig) attach(lang inference.Lang) *memory {
	l.t.Helper()
	out := &memory{}
	l.add(lang, out)
	return out
}

// add has sink take the dub in lang.
func (l *liveRig) add(lang inference.Lang, sink media.Sink, options ...fanout.Option) *fanout.Subscription {
	l.t.Helper()
	at, err := l.Subscribe(lang, sink, options...)
	if err != nil {
		l.t.Fatal(err)
	}
	return at
}

// publish has src speak from now on.
func (l *liveRig) publish(src *memory) *caller {
	l.t.Helper()
	c := newCaller(src, l.Clock)
	l.speak(c)
	return c
}

// speak lets p be the call's publisher.
func (l *liveRig) speak(p spec.Publisher) {
	l.t.Helper()
	if err := l.Publish(p); err != nil {
		l.t.Fatal(err)
	}
}
