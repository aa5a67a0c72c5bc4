package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"livedub/cluster"
)

type checkpoint struct {
	parts  [][]byte
	size   int
	fence  cluster.Fence
	erased bool
	forget time.Time
}

// Append adds a part.
func (r *Registry) Append(_ context.Context, session string, f cluster.Fence, part []byte) error {
	return r.save(session, f, part, false)
}

// Replace puts part in place of all parts.
func (r *Registry) Replace(_ context.Context, session string, f cluster.Fence, part []byte) error {
	return r.save(session, f, part, true)
}

func (r *Registry) save(session string, f cluster.Fence, part []byte, replace bool) error {
	if err := cluster.CheckID(session); err != nil {
		return fmt.Errorf("%w: %w", cluster.ErrAsk, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.kept(session)
	if s == nil {
		s = &checkpoint{}
	}
	size := s.size + len(part)
	if replace {
		size = len(part)
	}
	switch {
	case s.erased || f < s.fence || f <= 0 || f > r.newest():
		return fmt.Errorf("%w: checkpoint of session %s, fence %d", cluster.ErrStale, session, f)
	case size > cluster.MaxCheckpoint:
		return fmt.Errorf("%w: session %s: %d bytes, %d at most", cluster.ErrTooBig, session, size, cluster.MaxCheckpoint)
	case replace:
		s.parts = nil
	}
	s.parts, s.size, s.fence = append(s.parts, slices.Clone(part)), size, f
	s.forget = r.now().Add(r.rules.Keep)
	r.saved[session] = s
	return nil
}

// Load returns all parts.
func (r *Registry) Load(_ context.Context, session string) ([][]byte, cluster.Fence, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.kept(session)
	if s == nil || s.erased {
		return nil, 0, fmt.Errorf("%w: no checkpoint of %.80q", cluster.ErrUnknown, session)
	}
	return slices.Clone(s.parts), s.fence, nil
}

// Erase forgets a checkpoint.
func (r *Registry) Erase(_ context.Context, session string) error {
	if err := cluster.CheckID(session); err != nil {
		return fmt.Errorf("%w: %w", cluster.ErrAsk, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.saved[session] = &checkpoint{erased: true, forget: r.now().Add(r.rules.Keep)}
	return nil
}

// kept returns a session's checkpoint unless its time is over.
func (r *Registry) kept(session string) *checkpoint {
	if s := r.saved[session]; s != nil && r.now().Before(s.forget) {
		return s
	}
	return nil
}
