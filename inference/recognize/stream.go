package recognize

import (
	"context"
	"fmt"
	"time"

	"livedub/inference"
	"livedub/media"
)

const (
	defaultMaxUnit  = 3 * time.Second
	defaultHangover = 300 * time.Millisecond
	minMaxUnit      = 500 * time.Millisecond

	tolerance   = 10 * time.Millisecond  // a gap or an overlap that is only the clock being slewed
	fillMost    = 500 * time.Millisecond // longest gap filled with silence; a longer one ends the unit
	partialLate = sampleRate / 10        // samples from asking for one to taking it
	pauseAtMost = 100 * time.Millisecond // silence at which a unit grown too long simply ends
	tail        = 60 * time.Millisecond  // kept of the sound after a unit's last speech
	leadIn      = 3 * sampleRate / 100   // samples before a cut heard once more: the sentence start that the decoder insists on eats 30 ms
)

// Decoder turns the sound of one unit of speech after the other to words, for one
// stream. Word times count from the unit's start; confidences may be 0 for unknown.
// After an error it is of no use any more.
type Decoder interface {
	// Start begins a unit.
	Start(ctx context.Context) error
	// Feed gives the unit's next sound.
	Feed(ctx context.Context, pcm []int16) error
	// Ask asks for the words so far, and does not wait for them; nil where it is not the time to.
	Ask(ctx context.Context) (Answer, error)
	// Every is how much sound should lie between two questions: the time that an
	// answer costs bounds it from below.
	Every() time.Duration
	// Abandon ends the unit, whose words nobody wants any more.
	Abandon(ctx context.Context) error
	// End ends the unit and returns its final words.
	End(ctx context.Context) ([]inference.Word, error)
	// Release gives the decoder back, with the error that ended it or nil.
	Release(err error)
}

// Answer is a question's.
type Answer interface {
	// Ready tells whether Wait would return soon enough for sound that goes on.
	Ready() bool
	Wait(ctx context.Context) ([]inference.Word, error)
}

// Speech says how a stream cuts what it hears to units.
type Speech struct {
	Lang     inference.Lang
	Policy   inference.Policy // when words are final; "" once their unit has ended
	MaxUnit  time.Duration    // longest unit of speech; 0 for 3 s
	Hangover time.Duration    // silence that ends a unit; 0 for 300 ms
}

// complete puts in what is left open and refuses what makes no sense.
func (c *Speech) complete() error {
	if c.MaxUnit == 0 {
		c.MaxUnit = defaultMaxUnit
	}
	if c.Hangover == 0 {
		c.Hangover = defaultHangover
	}
	if c.MaxUnit < minMaxUnit {
		return fmt.Errorf("recognize: MaxUnit %v is too short for a word; use %v or more", c.MaxUnit, minMaxUnit)
	}
	if c.Hangover < frameTime || c.Hangover > c.MaxUnit {
		return fmt.Errorf("recognize: Hangover %v must lie between %v and MaxUnit %v", c.Hangover, frameTime, c.MaxUnit)
	}
	return nil
}

// stream hears one speaker: chunks become frames, frames with speech in them go to the decoder.
type stream struct {
	cfg   Speech
	dec   Decoder
	err   error // why the decoder is gone; nil while the stream lives
	vad   *VAD
	cut   cutter
	early policy // nil: words are final with their unit
	clock clock
	pitch pitchMeter

	preroll int              // samples before an onset
	part    []int16          // the frame being filled
	pcm     []int16          // the unit being spoken, else what may become its pre-roll
	base    int              // position of pcm[0]
	lead    int              // samples of pcm that belong to the unit before
	before  []inference.Word // words that were final last, before their unit's end; none after that
	lastID  int              // of final phrases

	speaking  bool
	voice     bool   // what came before the last cut of this unit was a voice
	asked     asked  // for a partial phrase
	partialAt int    // position at which the last one was asked for
	partial   string // its text
	out       []inference.Phrase
}

// asked is a question for the words so far, whose answer is taken when the
// sound has come to due: by then it is there, as a rule, and nobody waits.
type asked struct {
	answer Answer // nil: none was asked
	length int    // of the unit, when it was asked, in samples
	due    int    // position
}

// NewStream returns a stream of units that d decodes. The stream releases d.
func NewStream(c Speech, d Decoder, detector Detector) (inference.RecognizerStream, error) {
	if err := c.complete(); err != nil {
		d.Release(nil)
		return nil, err
	}
	return newStream(c, d, detector), nil
}

func newStream(c Speech, d Decoder, detector Detector) *stream {
	return &stream{
		cfg:     c,
		dec:     d,
		vad:     NewVAD(detector, c.Hangover),
		cut:     cutter{max: c.MaxUnit.Truncate(frameTime)},
		early:   newPolicy(c.Policy),
		preroll: media.TimeToSamples(Preroll, sampleRate),
		part:    make([]int16, 0, frameLen),
	}
}

// pos returns the position after the last whole frame.
func (s *stream) pos() int { return s.base + len(s.pcm) }

// Write implements inference.RecognizerStream. A phrase that was ready when an
// error struck is returned beside it. If ctx ends during Write, or the decoder
// fails, the stream is of no use any more: its process is given up.
func (s *stream) Write(ctx context.Context, in media.Samples) ([]inference.Phrase, error) {
	if in.Rate != sampleRate || in.Channels != 1 {
		return nil, fmt.Errorf("recognize: sound has %d Hz and %d channels; resample to %d Hz mono", in.Rate, in.Channels, sampleRate)
	}
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	data, err := s.align(ctx, in)
	for err == nil && len(data) > 0 {
		if err = ctx.Err(); err != nil {
			break
		}
		n := min(frameLen-len(s.part), len(data))
		s.part, data = append(s.part, data[:n]...), data[n:]
		if len(s.part) == frameLen {
			err = s.frame(ctx, false)
		}
	}
	return s.latest(), s.check(ctx, err)
}

// Flush implements inference.RecognizerStream. Errors mean what Write's do.
func (s *stream) Flush(ctx context.Context) ([]inference.Phrase, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	err := s.stop(ctx)
	return s.latest(), s.check(ctx, err)
}

// ready tells whether there is somebody to hear and somebody to be heard.
func (s *stream) ready(ctx context.Context) error {
	if s.err != nil {
		return s.err
	}
	return ctx.Err()
}

// check gives the decoder up after an error.
func (s *stream) check(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	s.dec.Release(err)
	s.err = explain(ctx, err)
	return s.err
}

// Close implements inference.RecognizerStream. It waits for nothing.
func (s *stream) Close() error {
	if s.err == nil {
		s.dec.Release(nil)
		s.err = errClosed
	}
	return nil
}

// latest returns what was found, without partial phrases that later ones replace.
func (s *stream) latest() []inference.Phrase {
	var out []inference.Phrase
	for i, p := range s.out {
		if p.Final || i == len(s.out)-1 {
			out = append(out, p)
		}
	}
	s.out = nil
	return out
}

// align sets the clock by a chunk's time, fills a gap before it, and returns
// what of it is new.
func (s *stream) align(ctx context.Context, in media.Samples) ([]int16, error) {
	data, at := in.Data, in.PTS
	next := s.pos() + len(s.part)
	if len(s.clock.anchors) == 0 || len(data) == 0 {
		if len(data) > 0 {
			s.clock.set(next, at)
		}
		return data, nil
	}
	gap := at - s.clock.at(next)
	switch {
	case gap > fillMost:
		if err := s.stop(ctx); err != nil {
			return nil, err
		}
		s.restart()
		next = s.pos()
	case gap > tolerance:
		if err := s.fill(ctx, media.TimeToSamples(gap, sampleRate)); err != nil {
			return nil, err
		}
		next = s.pos() + len(s.part)
	case gap < -tolerance:
		n := min(max(0, media.TimeToSamples(-gap, sampleRate)), len(data)) // -gap may overflow
		data, at = data[n:], at+media.SamplesToTime(n, sampleRate)
		if len(data) == 0 {
			return nil, nil
		}
	}
	s.clock.set(next, at)
	return data, nil
}

// fill hears n samples of silence in place of what is missing.
func (s *stream) fill(ctx context.Context, n int) error {
	missing := false // nothing but silence in the frame
	for n > 0 {
		missing = len(s.part) == 0
		k := min(frameLen-len(s.part), n)
		s.part, n = append(s.part, make([]int16, k)...), n-k
		if len(s.part) == frameLen {
			if err := s.frame(ctx, missing); err != nil {
				return err
			}
		}
	}
	return nil
}

// frame hears the frame in s.part; missing says that it stands for a gap.
func (s *stream) frame(ctx context.Context, missing bool) error {
	f := s.part
	s.part = s.part[:0]
	var active bool
	var err error
	if missing {
		active = s.vad.Skip(frameTime)
	} else if active, err = s.vad.Push(f); err != nil {
		return err
	}
	s.pcm = append(s.pcm, f...)
	s.pitch.push(f, s.pos(), s.vad.Silent() == 0)

	if !s.speaking {
		s.drop(max(s.base, s.pos()-s.preroll))
		if !active {
			return nil
		}
		s.lead, s.voice = 0, false
		return s.begin(ctx)
	}
	if err := s.dec.Feed(ctx, f); err != nil {
		return err
	}
	switch {
	case !active:
		return s.finish(ctx)
	case s.cut.full(media.SamplesToTime(len(s.pcm)-s.lead, sampleRate)):
		return s.divide(ctx)
	case s.asked.answer != nil && s.pos() >= s.asked.due && s.asked.answer.Ready():
		return s.hear(ctx)
	case s.asked.answer == nil && media.SamplesToTime(s.pos()-s.partialAt, sampleRate) >= s.dec.Every():
		return s.wonder(ctx)
	}
	return nil
}

// drop forgets the sound before position pos.
func (s *stream) drop(pos int) {
	s.pcm = append(s.pcm[:0], s.pcm[pos-s.base:]...)
	s.base = pos
	s.clock.forget(pos)
	s.pitch.forget(pos)
}

// begin starts a unit, or what is left of one, with the sound in s.pcm.
func (s *stream) begin(ctx context.Context) error {
	s.speaking, s.partial, s.partialAt, s.asked = true, "", s.pos(), asked{}
	if err := s.dec.Start(ctx); err != nil {
		return err
	}
	return s.dec.Feed(ctx, s.pcm)
}

// stop ends the unit being spoken, if any, with all sound heard so far.
func (s *stream) stop(ctx context.Context) error {
	rest := s.part
	s.part = s.part[:0]
	s.pcm = append(s.pcm, rest...)
	s.vad.Reset()
	if !s.speaking {
		s.drop(s.pos())
		return nil
	}
	if err := s.dec.Feed(ctx, rest); err != nil {
		return err
	}
	err := s.finish(ctx)
	s.drop(s.pos())
	return err
}

// restart forgets the clock, after a gap too long to be filled.
func (s *stream) restart() {
	s.clock = clock{}
	s.drop(s.pos())
}
