package video

import (
	"context"
	"errors"
	"sync"

	"livedub/inference"
	"livedub/internal/guard"
	"livedub/session/spec"
	"livedub/session/work"
)

// kept is what a session has of a speaker's mouths of other sessions, and leaves to further
// ones. The zero kept has nothing to do.
type kept struct {
	at    spec.Mouths // nil for none
	keeps bool

	mu     sync.Mutex
	state  spec.KeptState // "" before open
	why    string
	misses bool // what is kept could not be reached
}

func (k *kept) set(state spec.KeptState, why string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state, k.why = state, why
}

// open begins to read what is kept, which nobody waits for, and gives it to the engine. It
// breaks off with ctx, that of the session.
func (k *kept) open(ctx context.Context, s *work.Shared, lips inference.LipsSession) {
	l, ok := lips.(inference.LipsKeep)
	if k.at == nil || !ok {
		return
	}
	k.set(spec.KeptLoading, "")
	s.Loose.Run(func() {
		err := guard.Do("mouths", func() error {
			data, err := k.at.Load(ctx)
			switch {
			case err != nil:
				return err
			case data == nil:
				k.set(spec.KeptNone, "")
				return nil
			}
			if err := l.Take(data); err != nil {
				return err
			}
			k.set(spec.KeptWaiting, "")
			return nil
		})
		if err != nil {
			k.set(spec.KeptUnreadable, err.Error())
			k.mu.Lock()
			k.misses = !errors.Is(err, inference.ErrNotMouths)
			k.mu.Unlock()
			s.Fail("mouths", err)
		}
	})
}

// read tells what has become of it; warm says that the engine has found the face.
func (k *kept) read(warm bool) *spec.Kept {
	if k.at == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	out := &spec.Kept{State: k.state, Why: k.why, Keeps: k.keeps}
	switch {
	case k.at.Gone():
		out.State, out.Why, out.Keeps = spec.KeptErased, "", false
	case k.state == "":
		out.State, out.Keeps = spec.KeptNot, false
	case warm:
		out.State = spec.KeptWarm
	}
	return out
}

// leave keeps what the engine, nil for none, knows of the speaker. What is kept already and
// could not be reached is not replaced: the engine had no chance to compare.
func (k *kept) leave(s *work.Shared, lips inference.LipsSession) {
	if k.at == nil {
		return
	}
	var data []byte
	l, ok := lips.(inference.LipsKeep)
	k.mu.Lock()
	unread := k.state == spec.KeptLoading || k.misses
	k.mu.Unlock()
	if ok && k.keeps && !unread && !k.at.Gone() {
		err := guard.Do("mouths", func() (err error) {
			data, err = l.Keep()
			return err
		})
		if err != nil {
			data = nil
			s.Fail("mouths", err)
		}
	}
	k.at.Leave(data)
}
