// Package audio hears a session's sources: it decodes their sound once, as it
// arrives, keeps it for the dubs to play, and has it recognized to phrases.
package audio

import (
	"context"
	"sync"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/session/ingest"
	"livedub/session/spec"
	"livedub/session/work"
)

// Env is what the audio of a session has of it.
type Env struct {
	*work.Shared
	Config  *spec.Config
	Engines spec.Engines
	Out     Out
}

// Out is what hears of a source's audio. Times are session times.
type Out interface {
	// Phrase takes what was said, known when the source had been heard up to now.
	Phrase(ctx context.Context, p inference.Phrase, now time.Duration)
	// Targets returns the languages that are dubbed to now.
	Targets() []inference.Lang
	// Played returns the n samples, mono at 16 kHz, of each dub that sounded from an
	// output time on; silent ones may be missing.
	Played(from time.Duration, n int) [][]int16
	// OwnVoice is told of a phrase that is left out because it is a dub that came back.
	OwnVoice(p inference.Phrase)
	// Level is told how loud the source is around a time, dB of full scale.
	Level(at time.Duration, level float64)
	// Gap is told of source time without sound that should have had some.
	Gap(from, to time.Duration)
	// Unrecognized is told that sound up to at is not recognized, and why.
	Unrecognized(at time.Duration, why string)
	// Heard is told that all of a source has come, up to t.
	Heard(t time.Duration) error
	// Listened is told that all phrases of a source are known.
	Listened()
}

// Input is what the sources of one session have in common, that are heard one
// after the other.
type Input struct {
	env                Env
	stage              *work.Stage // the recognizer
	hearing, listening ingest.Turn

	mu       sync.Mutex
	heard    int           // final phrases
	ownVoice int           // phrases that were a dub's voice
	last     int           // ID of the last of them
	seam     time.Duration // what was said before it was committed elsewhere
}

// NewInput returns the input of a session without sources.
func NewInput(e Env) *Input {
	return &Input{env: e, stage: e.Stage("recognizer"), hearing: ingest.NewTurn(), listening: ingest.NewTurn()}
}

// Start adds to g what hears src, whose packets come by sound, until its end.
// Decoded sound goes to played, nil for a source without.
func (in *Input) Start(g *work.Group, src media.Source, sound <-chan media.Packet, played *ingest.AudioBuffer) {
	l := newListener(in)
	g.Run("hear", newPipeline(in, src, sound, played, l).run)
	g.Run("listen", l.run)
}

// End waits until no source is heard. None will be anymore.
func (in *Input) End() {
	in.hearing.End()
	in.listening.End()
}

// Stage returns the stage of the recognizer.
func (in *Input) Stage() *work.Stage { return in.stage }

// Phrases returns how many phrases were recognized.
func (in *Input) Phrases() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.heard
}

// OwnVoice returns how many phrases were not dubbed because they were a dub that came back by the microphone.
func (in *Input) OwnVoice() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.ownVoice
}

// LastID returns the ID of the last final phrase, 0 before the first.
func (in *Input) LastID() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.last
}

func (in *Input) count(id int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.heard++
	in.last = id
}
