package audio

import (
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/media/echo"
)

const (
	// comesBack is how long after it has left a dub may still be heard by the
	// speaker's microphone: networks, jitter buffers and the loudspeaker's own.
	comesBack = 2 * time.Second
	// remembered is how much of what was heard is kept: a unit, what its
	// recognition takes, and D, after which the original is heard.
	remembered = 20 * time.Second
	// goesRound is how long after a dub came back the original is suspected too: it
	// carries what came back once more. Else one who repeats themselves, as a
	// recording does, might be left out.
	goesRound = 15 * time.Second
)

// memory keeps what the recognizer has heard last.
type memory struct {
	pcm []int16
	end time.Duration // session time
}

// add keeps the next sound; a gap forgets what was before.
func (m *memory) add(s media.Samples) {
	if gap := s.PTS - m.end; gap.Abs() > 20*time.Millisecond {
		m.pcm = m.pcm[:0]
	}
	m.pcm, m.end = append(m.pcm, s.Data...), s.End()
	if most := media.TimeToSamples(remembered, listenRate); len(m.pcm) > 2*most {
		m.pcm = append(m.pcm[:0], m.pcm[len(m.pcm)-most:]...)
	}
}

// between returns what was heard from one session time to another, as far as it is kept.
func (m *memory) between(from, to time.Duration) (time.Duration, []int16) {
	begin := m.end - media.SamplesToTime(len(m.pcm), listenRate)
	from, to = max(from, begin), min(to, m.end)
	if to <= from {
		return from, nil
	}
	i := media.TimeToSamples(from-begin, listenRate)
	return from, m.pcm[min(i, len(m.pcm)):min(i+media.TimeToSamples(to-from, listenRate), len(m.pcm))]
}

// own tells whether a phrase is a dub of this session that came back by the
// speaker's microphone, or the original that sounds where no dub does.
func (l *listener) own(p inference.Phrase) bool {
	if !l.env.Pacing.Drops() {
		return false // a file hears no loudspeaker
	}
	from, heard := l.memory.between(p.Start, p.End)
	reach := media.TimeToSamples(comesBack, listenRate)
	voices := l.env.Out.Played(from-comesBack, reach+len(heard))
	delay := l.env.Config.Delay
	if l.refused > 0 && p.Start-l.refused < goesRound && delay > 0 { // at 0 it is what is heard itself
		if at, original := l.memory.between(from-delay-comesBack, p.End-delay); at == from-delay-comesBack {
			voices = append(voices, original)
		}
	}
	for _, voice := range voices {
		if echo.Share(heard, voice, reach) > echo.Own {
			return true
		}
	}
	return false
}
