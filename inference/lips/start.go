package lips

import (
	"time"

	"livedub/inference"
)

// start measures how much of a face's speech it takes to know its mouths.
type start struct {
	face  int
	last  time.Duration
	told  inference.MouthsKnown
	begun bool
}

const (
	speaks  = 20.                    // dB above what is silence from which somebody speaks
	longest = 200 * time.Millisecond // between two frames that are counted as one stretch
)

// see takes in that the session's face was seen at a time, and tells what is known of it.
func (s *start) see(m *mouths, at time.Duration) {
	if !s.begun || s.face != m.face {
		*s = start{face: m.face, last: at, begun: true}
	}
	loud, heard := m.ear.loud(at)
	if !heard { // of a session without sound
		loud = 0
		if m.seen[m.face].moves(at) {
			loud = speaks
		}
	}
	if loud >= speaks {
		spoke := min(max(at-s.last, 0), longest)
		s.told.Speech += spoke
		m.atlas.spoke += spoke
	}
	s.last = at
	s.told.Mouths, s.told.Enough, s.told.Warm = len(m.atlas.entries), enough, m.atlas.taken
	if !s.told.Reached && s.told.Mouths >= enough {
		s.told.Reached, s.told.Ready = true, s.told.Speech
	}
	told := s.told
	m.known.Store(&told)
}

// Known implements inference.LipsKnows.
func (m *mouths) Known() inference.MouthsKnown {
	if k := m.known.Load(); k != nil {
		return *k
	}
	return inference.MouthsKnown{Enough: enough}
}
