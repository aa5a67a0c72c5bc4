package recognize

import (
	"context"
	"errors"
	"fmt"
	"time"

	"livedub/inference"
	"livedub/media"
)

const (
	// tellAfter is how much speech a language is told by: less is often mistaken.
	tellAfter = 6 * time.Second
	// leastTold is how much of it there must be where no more comes for now.
	leastTold = 1500 * time.Millisecond
	// sureAtFirst is how probable a language must be, of those in question, to be
	// taken; sure is the same for less speech, and for another in the first one's place.
	sureAtFirst, sure = .5, .8
	// keepSound is how much sound waits for its language; what is older is not heard.
	keepSound = 30 * time.Second
	// catchUp is how much of what has waited is heard with each Write, catchUpAtEnd
	// with each Flush: one call must not take long.
	catchUp, catchUpAtEnd = 400 * time.Millisecond, 3 * time.Second
)

// autoStream hears one speaker whose language is told by ear: sound waits until
// enough speech has come, and is then heard by a stream of that language. When
// the language changes, another stream takes over.
type autoStream struct {
	vad   *VAD
	among []inference.Lang // in question; nil: all that there are
	// tell returns how probable each language in question is, in sum 1.
	tell func(ctx context.Context, speech []int16, among []inference.Lang) (map[inference.Lang]float64, error)
	open func(lang inference.Lang) (inference.RecognizerStream, error)

	part   []int16         // of the next frame for the detector
	speech []int16         // not told yet
	kept   []media.Samples // not heard yet, in order
	span   time.Duration   // of kept

	lang   inference.Lang // "" before it was told
	other  inference.Lang // told instead of lang the last time
	heard  inference.RecognizerStream
	base   int // ID of the last phrase before heard's
	last   int // ID of the last final phrase
	closed bool
}

// Write implements inference.RecognizerStream.
func (a *autoStream) Write(ctx context.Context, in media.Samples) ([]inference.Phrase, error) {
	switch {
	case a.closed:
		return nil, errClosed
	case in.Rate != sampleRate || in.Channels != 1:
		return nil, fmt.Errorf("recognize: sound has %d Hz and %d channels; resample to %d Hz mono", in.Rate, in.Channels, sampleRate)
	}
	in.Data = append([]int16(nil), in.Data...) // the caller's from when we return
	a.kept, a.span = append(a.kept, in), a.span+in.Duration()
	for a.heard == nil && a.span > keepSound {
		a.span -= a.kept[0].Duration()
		a.kept = a.kept[1:]
	}
	if err := a.listen(in.Data); err != nil {
		return nil, err
	}
	var out []inference.Phrase
	if media.SamplesToTime(len(a.speech), sampleRate) >= tellAfter {
		least := sureAtFirst
		if a.heard != nil {
			least = sure
		}
		var err error
		if out, err = a.settle(ctx, least); err != nil {
			return out, err
		}
	}
	more, err := a.replay(ctx, in.Duration()+catchUp)
	return append(out, more...), err
}

// listen keeps what is speech.
func (a *autoStream) listen(pcm []int16) error {
	for len(pcm) > 0 {
		n := min(frameLen-len(a.part), len(pcm))
		a.part, pcm = append(a.part, pcm[:n]...), pcm[n:]
		if len(a.part) < frameLen {
			break
		}
		active, err := a.vad.Push(a.part)
		if err != nil {
			return err
		}
		if active {
			a.speech = append(a.speech, a.part...)
		}
		a.part = a.part[:0]
	}
	return nil
}

// settle tells the language of the speech that has come, and opens a stream of
// it where it is another one: at once at first, else once it is told a second time.
func (a *autoStream) settle(ctx context.Context, least float64) ([]inference.Phrase, error) {
	probs, err := a.tell(ctx, a.speech, a.among)
	a.speech = a.speech[:0]
	if err != nil {
		return nil, err
	}
	var best inference.Lang
	for l, p := range probs {
		if p > probs[best] || p == probs[best] && l < best {
			best = l
		}
	}
	if best == "" || probs[best] < least || best == a.lang {
		a.other = ""
		return nil, nil
	}
	if a.heard != nil && a.other != best {
		a.other = best
		return nil, nil
	}
	var out []inference.Phrase
	if a.heard != nil {
		out, err = a.heard.Flush(ctx)
		out = a.number(out)
		err = errors.Join(err, a.heard.Close())
		a.heard = nil
	}
	if err == nil {
		a.heard, err = a.open(best)
		a.lang, a.other, a.base = best, "", a.last
	}
	return out, err
}

// replay has the stream hear what waits, at most so much of it.
func (a *autoStream) replay(ctx context.Context, most time.Duration) (out []inference.Phrase, err error) {
	for a.heard != nil && len(a.kept) > 0 && most > 0 && err == nil {
		s := a.kept[0]
		a.kept, a.span = a.kept[1:], a.span-s.Duration()
		most -= s.Duration()
		var more []inference.Phrase
		more, err = a.heard.Write(ctx, s)
		out = append(out, a.number(more)...)
	}
	return out, err
}

// number counts phrases on over all streams.
func (a *autoStream) number(phrases []inference.Phrase) []inference.Phrase {
	for i := range phrases {
		phrases[i].ID += a.base
		if phrases[i].Final {
			a.last = phrases[i].ID
		}
	}
	return phrases
}

// Choose implements inference.AutoStream. What is heard now goes on until another
// language is told.
func (a *autoStream) Choose(among []inference.Lang) { a.among = among }

// Behind implements inference.AutoStream.
func (a *autoStream) Behind() bool { return a.heard != nil && len(a.kept) > 0 }

// Flush implements inference.RecognizerStream. Where little was heard, what there is must do.
func (a *autoStream) Flush(ctx context.Context) ([]inference.Phrase, error) {
	if a.closed {
		return nil, errClosed
	}
	if a.heard == nil && media.SamplesToTime(len(a.speech), sampleRate) >= leastTold {
		if _, err := a.settle(ctx, sure); err != nil {
			return nil, err
		}
	}
	if a.heard == nil {
		return nil, ctx.Err()
	}
	out, err := a.replay(ctx, catchUpAtEnd)
	if err != nil || a.Behind() {
		return out, err
	}
	rest, err := a.heard.Flush(ctx)
	return append(out, a.number(rest)...), err
}

// Close implements inference.RecognizerStream.
func (a *autoStream) Close() error {
	a.closed = true
	if a.heard == nil {
		return nil
	}
	err := a.heard.Close()
	a.heard = nil
	return err
}
