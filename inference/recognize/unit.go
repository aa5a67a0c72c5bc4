package recognize

import (
	"context"
	"time"

	"livedub/inference"
	"livedub/media"
)

const (
	decay    = 20 * time.Millisecond  // how long a last sound goes on below the energy gate
	nearby   = 100 * time.Millisecond // how far from a word's time its real end is looked for
	shortest = 50 * time.Millisecond  // no word is trimmed to less
)

// finish ends the unit and makes all of it final.
func (s *stream) finish(ctx context.Context) error {
	s.speaking, s.asked = false, asked{}
	s.reset()
	heard, err := s.dec.End(ctx)
	if err != nil {
		return err
	}
	words := s.words(heard, len(s.pcm))
	s.before = nil
	if n := len(words); n > 0 {
		words[n-1].End = s.trim(words[n-1])
	}
	s.emit(words, true)
	// The hangover's silence may hold the onset of what comes next.
	free := s.pos() - media.TimeToSamples(s.vad.Silent()-tail, sampleRate)
	if n := len(words); n > 0 {
		free = max(free, s.base+media.TimeToSamples(words[n-1].End, sampleRate))
	}
	s.drop(min(max(free, s.pos()-s.preroll, s.base), s.pos()))
	return nil
}

// trim returns where the last word of a unit that ended in a pause was over:
// the decoder stretches it into the quiet behind.
func (s *stream) trim(w inference.Word) time.Duration {
	quiet := media.SamplesToTime(len(s.pcm), sampleRate) - s.vad.Silent() + decay
	return min(w.End, max(quiet, w.Start+shortest))
}

// divide cuts a unit that has grown too long: the words before the cut are
// final, the sound after it starts the next unit.
func (s *stream) divide(ctx context.Context) error {
	s.reset()
	heard, err := s.dec.End(ctx)
	if err != nil {
		return err
	}
	words := s.words(heard, len(s.pcm))
	s.before = nil
	n, at := len(words), s.pos()
	if s.vad.Silent() < pauseAtMost {
		k, t := s.cut.cut(words, media.SamplesToTime(s.lead, sampleRate), media.SamplesToTime(len(s.pcm), sampleRate))
		n, at = k, s.base+media.TimeToSamples(t, sampleRate)
	}
	s.emit(words[:n], true)
	return s.rest(ctx, at)
}

// rest begins the unit anew with the sound from position at on.
func (s *stream) rest(ctx context.Context, at int) error {
	at = min(max(at, s.base+s.lead+frameLen), s.pos())
	from := max(s.base, at-leadIn)
	s.drop(from)
	s.lead = at - from
	return s.begin(ctx)
}

// reset tells the policy that the unit has ended.
func (s *stream) reset() {
	if s.early != nil {
		s.early.reset()
	}
}

// wonder asks for the words so far.
func (s *stream) wonder(ctx context.Context) error {
	a, err := s.dec.Ask(ctx)
	if err != nil {
		return err
	}
	s.partialAt = s.pos()
	s.asked = asked{answer: a, length: len(s.pcm), due: s.pos() + partialLate}
	return nil
}

// hear takes the answer to what was asked: words that are final by the policy
// become a phrase, the others a partial one, if it differs from the one before.
func (s *stream) hear(ctx context.Context) error {
	heard, err := s.asked.answer.Wait(ctx)
	if err != nil {
		return err
	}
	words := s.words(heard, s.asked.length)
	s.asked = asked{}
	if s.early != nil && len(words) > 0 {
		g, gaps := s.gaps(words)
		if n := s.early.commit(g); n > 0 {
			s.emit(words[:n], true)
			s.before = words[:n:n]
			if err := s.dec.Abandon(ctx); err != nil {
				return err
			}
			return s.rest(ctx, s.base+media.TimeToSamples(gaps[n-1], sampleRate))
		}
	}
	for i := range words {
		words[i].Confidence = 0 // known at the end only
	}
	s.emit(words, false)
	return nil
}

// gaps returns the words with the silence after each of them, and where a cut
// there had best be. Both are found in the sound: a decoder's times are only
// about right.
func (s *stream) gaps(words []inference.Word) (guess, []time.Duration) {
	g := guess{words: words, pause: make([]time.Duration, len(words))}
	cuts := make([]time.Duration, len(words))
	loud := measure(s.pcm)
	floor := loud.floor()
	for i, w := range words[:len(words)-1] {
		next := words[i+1]
		from := max((w.Start+w.End)/2, w.End-nearby)
		to := min((next.Start+next.End)/2, next.Start+nearby)
		g.pause[i], cuts[i] = loud.gap(from, to, floor)
	}
	cuts[len(words)-1] = words[len(words)-1].End
	return g, cuts
}

// words returns a unit's words in order, with times since the unit's start. Its
// sound had length samples when they were heard.
func (s *stream) words(heard []inference.Word, length int) []inference.Word {
	var out []inference.Word
	end := media.SamplesToTime(length, sampleRate)
	lead := media.SamplesToTime(s.lead, sampleRate)
	last := lead
	for _, w := range heard {
		if w.End <= lead {
			continue
		}
		w.Start = min(max(w.Start, last), end)
		w.End = min(max(w.End, w.Start), end)
		last = w.End
		out = append(out, w)
	}
	return out[s.again(out, lead):]
}

// mostAgain is how many words are looked for that were final before.
const mostAgain = 4

// again returns how many of a unit's first words were final already, where the
// unit before was cut too early: the same two words or more, or one that is only
// the end of the same word.
func (s *stream) again(words []inference.Word, lead time.Duration) int {
	for n := min(len(words), len(s.before), mostAgain); n > 0; n-- {
		said := s.before[len(s.before)-n:]
		same := true
		for i, w := range said {
			same = same && plain(w.Text) == plain(words[i].Text)
		}
		if same && (n > 1 || words[0].End-lead < (said[0].End-said[0].Start)*3/5) {
			return n
		}
	}
	return 0
}

// emit makes a phrase of words, whose times count from the unit's start. Without words, or without a voice, it makes none.
func (s *stream) emit(words []inference.Word, final bool) {
	if len(words) == 0 {
		return
	}
	from := s.base + media.TimeToSamples(words[0].Start, sampleRate)
	to := s.base + media.TimeToSamples(words[len(words)-1].End, sampleRate)
	pitch := s.pitch.between(from, to)
	if !isVoice(words, pitch, s.voice) {
		return
	}
	text := sentence(words)
	if !final && text == s.partial {
		return
	}
	s.partial = text
	if final {
		s.lastID++
		s.voice = true
	}
	p := inference.Phrase{
		ID:    s.lastID,
		Lang:  s.cfg.Lang,
		Text:  text,
		Words: s.onClock(words),
		Final: final,
		Pitch: pitchRange(pitch),
	}
	if !final {
		p.ID++
	}
	p.Start, p.End = p.Words[0].Start, p.Words[len(words)-1].End
	s.out = append(s.out, p)
}

// onClock returns words with their times on the session clock, in order and
// within the longest unit even where the clock was slewed.
func (s *stream) onClock(words []inference.Word) []inference.Word {
	at := func(t time.Duration) time.Duration {
		return s.clock.at(s.base + media.TimeToSamples(t, sampleRate))
	}
	out := make([]inference.Word, len(words))
	last := at(words[0].Start)
	limit := last + s.cfg.MaxUnit
	for i, w := range words {
		w.Start = min(max(at(w.Start), last), limit)
		w.End = min(max(at(w.End), w.Start), limit)
		last = w.End
		out[i] = w
	}
	return out
}
