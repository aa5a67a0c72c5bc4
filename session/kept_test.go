package session_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/session/spec"
)

// keeper is a fake engine whose mouths can be kept.
type keeper struct {
	fake.Lips
	mu    sync.Mutex
	taken []byte
	warm  bool
	panic bool
}

func (k *keeper) Open(ctx context.Context) (inference.LipsSession, error) { return k, ctx.Err() }

func (k *keeper) Keep() ([]byte, error) {
	if k.panic {
		panic("keep")
	}
	return []byte("learned"), nil
}

func (k *keeper) Take(b []byte) error {
	if string(b) == "bad" {
		return inference.ErrNotMouths
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.taken = b
	return nil
}

func (k *keeper) Known() inference.MouthsKnown {
	k.mu.Lock()
	defer k.mu.Unlock()
	return inference.MouthsKnown{Warm: k.warm}
}

// drawer is a fake place of mouths.
type drawer struct {
	has   []byte
	err   error
	stuck bool
	gone  bool
	left  [][]byte
}

func (s *drawer) Load(ctx context.Context) ([]byte, error) {
	if s.stuck {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.has, s.err
}
func (s *drawer) Leave(data []byte) { s.left = append(s.left, data) }
func (s *drawer) Gone() bool        { return s.gone }

// TestKeptMouths: mouths that are kept go to the engine, and the session tells what became
// of them; its own are kept once, at its end, if the speaker agreed and what is kept was
// compared with them.
func TestKeptMouths(t *testing.T) {
	for name, c := range map[string]struct {
		at     drawer
		engine inference.Lips
		keep   bool
		warm   bool
		state  spec.KeptState
		left   string
	}{
		"first":         {keep: true, state: spec.KeptNone, left: "learned"},
		"not agreed":    {state: spec.KeptNone},
		"there":         {at: drawer{has: []byte("kept")}, keep: true, state: spec.KeptWaiting, left: "learned"},
		"warm":          {at: drawer{has: []byte("kept")}, keep: true, warm: true, state: spec.KeptWarm, left: "learned"},
		"of old":        {at: drawer{has: []byte("bad")}, keep: true, state: spec.KeptUnreadable, left: "learned"},
		"away":          {at: drawer{err: errors.New("away")}, keep: true, state: spec.KeptUnreadable},
		"stuck":         {at: drawer{stuck: true}, keep: true, state: spec.KeptLoading},
		"erased":        {at: drawer{gone: true}, keep: true, state: spec.KeptErased},
		"another lips":  {engine: &fake.Lips{}, keep: true, state: spec.KeptNot},
		"no lips":       {engine: nil, keep: true, state: spec.KeptNot},
		"engine panics": {engine: &keeper{panic: true}, keep: true, state: spec.KeptNone},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				engine := &keeper{warm: c.warm}
				r.engines.Faces, r.engines.Lips = fake.Faces{}, engine
				if c.engine != nil || name == "no lips" {
					r.engines.Lips = c.engine
				}
				m := newManager(r)
				defer m.Close()
				asked := es("a")
				asked.Mouths, asked.KeepMouths = &c.at, c.keep
				call, err := m.Create(asked)
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if k := call.State().Kept; k == nil || k.State != c.state || k.Keeps != (c.keep && c.state != spec.KeptNot && c.state != spec.KeptErased) {
					t.Errorf("%+v, want %s", k, c.state)
				}
				if string(engine.taken) != string(c.at.has) && c.state != spec.KeptUnreadable {
					t.Errorf("the engine was given %q", engine.taken)
				}
				told := false
				records := call.Records().From(1)
				defer records.Close()
				if err := m.Delete("a"); err != nil {
					t.Fatal(err)
				}
				for rec := range call.Records().All(t.Context()) {
					told = told || rec.KeepMouths != nil && !rec.KeepMouths.At.IsZero()
				}
				if told != c.keep {
					t.Errorf("that the speaker agreed is recorded: %v", told)
				}
				if len(c.at.left) != 1 || string(c.at.left[0]) != c.left {
					t.Errorf("left %q, want %q", c.at.left, c.left)
				}
			})
		})
	}
}
