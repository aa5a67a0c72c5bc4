package dub

import (
	"cmp"
	"context"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/session/record"
	"livedub/session/spec"
)

// room is what a whole phrase has: how long its dub should last, and whether its
// pauses are to be shortened too.
type room struct {
	fit   time.Duration
	tight bool
}

// speakPart has a part of a phrase spoken, and puts it on the plan: the first one
// for good, the others behind it. Their room is what the phrase had before anything
// of it stood on the plan: there, the parts before them are no delay to catch up.
func (d *Dub) speakPart(ctx context.Context, j *job, text string, first bool, whole room) error {
	p, r := j.phrase, &j.record
	request := inference.SpeechRequest{Lang: d.Lang, Text: text, Pitch: p.Pitch, Gender: d.Controls().Voice.Gender()}
	share := float64(len(text)) / float64(max(1, len(r.Text)))
	last := d.lastOf(j, first)
	var by inference.Work
	speech, err := twice(inference.WithWork(ctx, &by), d, d.speaking, "speak", func(try int) func() (time.Duration, <-chan struct{}) {
		return d.until(j, d.voices, last, d.needs(request), try)
	}, func(ctx context.Context) (inference.Speech, error) {
		request := request // a try that was given up on may still be at work
		has := whole
		if first { // at the second try there may be less
			has.fit, has.tight = d.timeline.Room(j.hold.Now(), p)
		}
		request.Fit = time.Duration(float64(has.fit) * share)
		speech, err := d.env.Engines.Synthesizer.Speak(ctx, request)
		if err == nil {
			err = playable(speech)
		}
		if err == nil && has.tight {
			speech = tighten(speech)
		}
		return speech, err
	})
	r.Engines.Voice = cmp.Or(by.Longest(), r.Engines.Voice)
	if err != nil {
		return err
	}
	if speech.Unread > 0 {
		d.env.Log.Info("letters left out that the voice does not read", "lang", d.Lang, "phrase", p.ID, "letters", speech.Unread)
	}
	return d.place(j, speech, first)
}

// lastOf is the latest session time at which a part of j could still be placed: one
// that is not the first goes on from what sounds already.
func (d *Dub) lastOf(j *job, first bool) time.Duration {
	if first {
		return d.last(j)
	}
	return max(d.last(j), d.timeline.End()-d.env.Config.Profile.Freeze())
}

// place puts a speech on the plan, and notes what became of its phrase.
func (d *Dub) place(j *job, speech inference.Speech, first bool) error {
	p, r, delay := j.phrase, &j.record, d.env.Config.Delay
	sound, err := resample(speech.Sound)
	if err != nil {
		return err
	}
	if first {
		told := record.Of(d.Lang, p)
		told.Voiced = &record.Voiced{Voice: speech.Voice, Rate: speech.Rate, Long: speech.Sound.Duration()}
		d.env.Tell(told)
	}
	if !first {
		placed, err := d.timeline.Grow(j.hold.Now(), p, sound, speech.Marks)
		if err != nil {
			return err
		}
		at := placed.Start - delay - r.DubStart
		if gap := placed.Start - delay - r.DubEnd; gap > 0 {
			r.Marks = append(r.Marks, inference.Mark{At: at - gap, Dur: gap})
		}
		r.Marks, r.Words, r.DubEnd = append(r.Marks, shiftMarks(speech.Marks, at)...), append(r.Words, shiftWords(speech.Words, at)...), placed.End-delay
		return nil
	}
	placed, err := d.timeline.Place(j.hold.Now(), p, sound, speech.Marks)
	if err != nil {
		return err
	}
	r.Phrase, r.Outcome, r.ReadyAt = p, spec.Played, j.hold.Now()
	r.Rate, r.Voice, r.Marks, r.Words = speech.Rate, speech.Voice, speech.Marks, speech.Words
	r.DubStart, r.DubEnd, r.Late = placed.Start-delay, placed.End-delay, placed.Late
	if d.env.Config.Video.File { // for those who measure it later
		r.Probe = probe(sound)
	}
	d.tellPlaced(*r)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = append(d.waiting, toSound{p, placed.Start})
	return nil
}

func (d *Dub) tellPlaced(r spec.Record) {
	told := record.Of(d.Lang, r.Phrase)
	told.Placed = &r
	d.env.Tell(told)
}

func shiftMarks(marks []inference.Mark, by time.Duration) []inference.Mark {
	out := make([]inference.Mark, len(marks))
	for i, m := range marks {
		m.At += by
		out[i] = m
	}
	return out
}

func shiftWords(words []inference.Word, by time.Duration) []inference.Word {
	out := make([]inference.Word, len(words))
	for i, w := range words {
		w.Start, w.End = w.Start+by, w.End+by
		out[i] = w
	}
	return out
}

const (
	// longPause is the shortest silence within a speech that is shortened to catch up.
	longPause = 140 * time.Millisecond
	// keptPause is what is left of it.
	keptPause = 60 * time.Millisecond
	// seam is over how much sound the two sides of a cut pass into each other.
	seam = 5 * time.Millisecond
)

// tighten returns a speech with its inner pauses shortened.
func tighten(s inference.Speech) inference.Speech {
	out := s
	out.Sound.Data, out.Marks, out.Words = nil, nil, nil
	at := func(t time.Duration) int { return min(max(0, media.TimeToSamples(t, s.Sound.Rate)), len(s.Sound.Data)) }
	var cut, from time.Duration // taken away so far; up to where the sound was copied
	words := s.Words
	for i, m := range s.Marks {
		for len(words) > 0 && words[0].Start < m.At+m.Dur {
			w := words[0]
			w.Start, w.End = w.Start-cut, w.End-cut
			out.Words, words = append(out.Words, w), words[1:]
		}
		m.At -= cut
		if inner := i > 0 && i < len(s.Marks)-1; inner && m.Viseme == inference.VisemeRest && m.Dur > longPause {
			less := m.Dur - keptPause
			middle := m.At + cut + keptPause/2
			out.Sound.Data = join(out.Sound.Data, s.Sound.Data[at(from):at(middle)], at(seam))
			from, m.Dur, cut = middle+less, keptPause, cut+less
		}
		out.Marks = append(out.Marks, m)
	}
	for _, w := range words {
		w.Start, w.End = w.Start-cut, w.End-cut
		out.Words = append(out.Words, w)
	}
	out.Sound.Data = join(out.Sound.Data, s.Sound.Data[at(from):], at(seam))
	return out
}

// join appends sound; the ends on both sides fade over n samples, so that nothing clicks.
func join(to, pcm []int16, n int) []int16 {
	if len(to) == 0 {
		return append(to, pcm...)
	}
	n = min(n, len(to), len(pcm))
	end := len(to)
	to = append(to, pcm...)
	for i := range n {
		to[end-1-i] = int16(int(to[end-1-i]) * i / n)
		to[end+i] = int16(int(to[end+i]) * i / n)
	}
	return to
}
