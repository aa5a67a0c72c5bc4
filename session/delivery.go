package session

import (
	"time"

	"livedub/session/spec"
)

// delivery is what a session makes of its source: a file from beginning to end,
// or a call that outlives its sources.
type delivery interface {
	// audioBuffer returns the line that is there before any source; nil where the source decides.
	audioBuffer(s *Session) *audioBuffer
	// sourceEnded is told when all of a source has come, which ends at session time t.
	sourceEnded(s *Session, t time.Duration) error
	// listened is told when the last phrase of a source is known.
	listened(s *Session)
	// shown is told when the last frame of a source was given to the dubs.
	shown(s *Session)
	// discard empties a dub's frames when nobody shows them anymore.
	discard(d *Dub)
	// shape fixes the size of frames to that of the first, or not.
	shape(fix func())
	// probe keeps a part of a dub's sound for those who measure it later.
	probe(sound []int16) []int16
}

// deliveryOf returns what the settings ask for.
func deliveryOf(p spec.VideoConfig) delivery {
	if p.File {
		return toFiles{}
	}
	return toCall{}
}

// toFiles is the delivery of one source that has an end.
type toFiles struct{}

func (toFiles) audioBuffer(*Session) *audioBuffer             { return nil }
func (toFiles) sourceEnded(s *Session, t time.Duration) error { return s.end(t) }
func (toFiles) shape(fix func())                              { fix() }
func (toFiles) probe(sound []int16) []int16                   { return probe(sound) }

func (toFiles) listened(s *Session) {
	for _, d := range s.all() {
		d.phrases.End()
	}
}

func (toFiles) shown(s *Session) {
	for _, d := range s.all() {
		close(d.frames)
	}
}

// discard waits for the end, which the source's eyes tell.
func (toFiles) discard(d *Dub) {
	for p := range d.frames {
		p.frame.Release()
	}
}

// toCall is the delivery of a live session.
type toCall struct{}

func (toCall) audioBuffer(s *Session) *audioBuffer {
	return newAudioBuffer(1, s.cfg.Delay+5*time.Second)
}
func (toCall) sourceEnded(*Session, time.Duration) error { return nil }
func (toCall) listened(*Session)                         {}
func (toCall) shown(*Session)                            {}
func (toCall) shape(func())                              {}
func (toCall) probe([]int16) []int16                     { return nil }

// discard gives back what waits; the source's eyes find that nobody looks anymore.
func (toCall) discard(d *Dub) {
	for {
		select {
		case p := <-d.frames:
			p.frame.Release()
		default:
			return
		}
	}
}
