package lips

import (
	"fmt"
	"slices"
	"time"

	"livedub/inference"
)

// Keep implements inference.LipsKeep.
func (m *mouths) Keep() ([]byte, error) {
	m.receive()
	a := m.speaker()
	if a == nil {
		return nil, nil
	}
	for n := len(a.entries); n >= enough; n = n * 7 / 8 {
		b, err := a.encode(n)
		if err != nil {
			return nil, fmt.Errorf("lips: keep mouths: %w", err)
		}
		if len(b) <= inference.MostKept {
			return b, nil
		}
	}
	return nil, nil
}

// speaker returns what is known of the face whose mouths may be kept: of those taken
// before, where there were any, else of the one that has spoken most. It is nil where that
// is not enough.
func (m *mouths) speaker() (best *atlas) {
	for _, a := range append(slices.Clone(m.parked), m.atlas) {
		if a == nil || len(a.entries) < enough || m.took && !a.taken {
			continue
		}
		if best == nil || a.spoke > best.spoke {
			best = a
		}
	}
	return best
}

// Take implements inference.LipsKeep.
func (m *mouths) Take(kept []byte) error {
	a, err := decode(kept)
	if err != nil {
		return fmt.Errorf("lips: %w: %w", inference.ErrNotMouths, err)
	}
	m.given.Store(a)
	return nil
}

// before is how long before the session begins its taken mouths are said to have been seen:
// they are older than all that it sees.
const before = 24 * time.Hour

// receive takes over what was given.
func (m *mouths) receive() {
	a := m.given.Swap(nil)
	if a == nil {
		return
	}
	last := a.entries[0].at
	for _, e := range a.entries {
		last = max(last, e.at)
	}
	m.whose = nil
	for _, e := range a.entries {
		e.at -= last + before
		m.whose = append(m.whose, faceOf(&e.like, e.nose))
	}
	a.taken, m.took, m.kept = true, true, a
}

const (
	// sameKept is how many frames in a row a face must look like the one that mouths were
	// kept of: who is in the picture of another day is to be told more surely than who has
	// come back to it.
	sameKept = 3
	// recheck is how often a face is compared that has enough mouths of its own by now.
	recheck = 10
)

// recall takes the mouths that were kept of the face that looks like this, instead of the
// present ones.
func (m *mouths) recall(l *likeness, nose *grid) {
	if m.receive(); m.kept == nil {
		return
	}
	if m.frames++; len(m.atlas.entries) >= enough && m.like == 0 && m.frames%recheck != 0 {
		return
	}
	if !faceOf(l, nose).among(m.whose) {
		m.like = 0
		return
	}
	if m.like++; m.like >= sameKept {
		m.kept.spoke += m.atlas.spoke
		m.kept.who = m.atlas.who // who is seen goes on as the same person
		m.atlas, m.kept, m.whose = m.kept, nil, nil
	}
}
