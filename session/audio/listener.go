package audio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"livedub/inference"
	"livedub/internal/guard"
	"livedub/media"
	"livedub/media/pace"
	"livedub/session/spec"
	"livedub/session/work"
)

// listener turns one source's sound to phrases. Sound waits for the recognizer
// in a queue of its own, so that what is on its way to viewers never does.
type listener struct {
	*Input
	queue *work.Queue[heard]
	base  int // ID of the last phrase before this source's, or before the recognizer was opened anew

	old   time.Duration // how long ago the source's first sound was, when it came; -1 before
	begun time.Duration // session time of that

	memory  memory
	refused time.Duration              // end of the last phrase that was a dub's; 0 before the first
	stream  inference.RecognizerStream // nil before the first sound, and after a failure
	to      []inference.Lang           // the targets that it was told of last
	reopen  time.Duration              // when a failed recognizer is tried again
}

// heard is what the recognizer is to hear next.
type heard struct {
	sound media.Samples
	pause bool          // no more sound comes for now: the unit being spoken ends
	at    time.Duration // session time of its end
	hold  pace.Hold
}

// reopenAfter is how long a failed recognizer rests.
const reopenAfter = 500 * time.Millisecond

// leastSlack is what engines are left in any case: a call that ends too early loses
// its phrase for sure.
const leastSlack = 2 * time.Second

// unitSpan is the longest unit of speech: what a phrase's first word has waited for its last.
const unitSpan = 3 * time.Second

// clauseSpan is the same where words are final before their unit ends.
const clauseSpan = 1500 * time.Millisecond

func newListener(in *Input) *listener {
	// What lies in the queue longer would be dubbed too late. Half of it is
	// dropped at once: a unit without its middle says less than a unit less.
	l := &listener{Input: in, old: -1}
	most := min(max(in.slack()/2, time.Second), unitSpan)
	over := func(span time.Duration) func([]heard) bool {
		return func(q []heard) bool { return q[len(q)-1].at-q[0].at > span+l.preRoll() }
	}
	l.queue = work.NewQueue(over(most))
	l.queue.Much = over(most / 2)
	return l
}

// preRoll is how much more sound may wait than else: what a source brought with it that
// comes from another node, all at once. The recognizer is to catch up with it at twice
// the speed of speech.
func (l *listener) preRoll() time.Duration {
	return max(0, l.old-(l.env.Clock.Now()-l.begun)/2)
}

// maxPreRoll bounds it.
const maxPreRoll = 15 * time.Second

// slack is how long a phrase that begins with the longest unit may be under way
// from when it was heard whole to its placement.
func (in *Input) slack() time.Duration {
	c := in.env.Config
	span := unitSpan
	if c.Listening(in.env.Engines, c.To).Policy != inference.UnitPolicy {
		span = clauseSpan
	}
	return max(leastSlack, c.Delay+c.MaxLate()-c.Profile.Freeze()-span)
}

// hear queues h. Where time goes on and the recognizer does not keep up, the
// oldest sound is left out: the original sounds instead.
func (l *listener) hear(ctx context.Context, h heard) error {
	if !l.env.Engines.Hears(l.env.Config.From) {
		return nil
	}
	if l.old < 0 {
		l.begun = l.env.Clock.Now()
		l.old = min(max(0, l.begun-h.at), maxPreRoll)
	}
	h.hold = l.env.Clock.Hold(h.at)
	dropped, err := work.Admit(ctx, l.env.Pacing, l.queue, h)
	if err != nil {
		h.hold.Release()
		return err
	}
	if len(dropped) == 0 {
		return nil
	}
	l.stage.Drop(len(dropped))
	for _, d := range dropped {
		d.hold.Release()
	}
	l.env.Out.Unrecognized(h.at, "recognition is too slow")
	return nil
}

// run hears what is queued until the source has ended.
func (l *listener) run(ctx context.Context) error {
	defer l.env.Out.Listened()
	defer func() {
		for _, h := range l.queue.Rest() {
			h.hold.Release()
		}
	}()
	leave, err := l.listening.Take(ctx)
	if err != nil {
		return err
	}
	defer leave() // last: the session's end waits for the turn, and with it for the stream
	defer l.close()
	l.base = l.LastID()
	for {
		h, err := l.queue.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		l.stage.Begin(h.hold.Now())
		if h.pause {
			l.flush(ctx, h)
		} else {
			l.recognize(ctx, h)
		}
		l.stage.Done()
		h.hold.Release()
	}
}

// close ends the stream, on a goroutine of its own where that may take its time.
func (l *listener) close() {
	if l.stream == nil {
		return
	}
	stream := l.stream
	l.stream = nil
	_, _ = work.Call(context.Background(), l.stage, l.until(), func(context.Context) (struct{}, error) { return struct{}{}, stream.Close() })
}

// maxCall is what one call of the recognizer may take at most: a dead one is to
// be replaced in time for the next phrase.
const maxCall = 1500 * time.Millisecond

func (l *listener) until() func() (time.Duration, <-chan struct{}) {
	most := maxCall
	if l.env.Config.Neural { // slow is not dead
		most += spec.NeuralTime
	}
	return work.Within(l.env.Pacing.Limit(min(l.slack()/2, most)))
}

// recognize lets the recognizer hear h. Its failure is not the session's: the
// original goes on, and the recognizer is opened anew after a rest.
func (l *listener) recognize(ctx context.Context, h heard) {
	to := l.env.Out.Targets()
	if l.stream == nil {
		if h.sound.PTS < l.reopen {
			return
		}
		l.to = to
		stream, err := work.Call(ctx, l.stage, l.until(), func(ctx context.Context) (inference.RecognizerStream, error) {
			stream, err := l.env.Engines.Recognizer.Open(ctx, l.env.Config.Listening(l.env.Engines, to))
			if err == nil && ctx.Err() != nil { // nobody waits for it any more
				return nil, errors.Join(ctx.Err(), stream.Close())
			}
			return stream, err
		})
		if err != nil {
			l.broken(ctx, h.sound.PTS, err)
			return
		}
		l.stream = stream
	}
	l.memory.add(h.sound)
	changed := !slices.Equal(l.to, to)
	l.to = to
	l.ask(ctx, h, func(ctx context.Context, stream inference.RecognizerStream) ([]inference.Phrase, error) {
		if auto, ok := stream.(inference.AutoStream); ok && changed {
			auto.Choose(l.env.Config.Among(l.env.Engines, to))
		}
		return stream.Write(ctx, h.sound)
	})
}

// flush has the recognizer say what is left, in as many calls as it wants.
func (l *listener) flush(ctx context.Context, h heard) {
	for again := true; again && l.stream != nil && ctx.Err() == nil; {
		var behind atomic.Bool // a call that is given up on may still end
		l.ask(ctx, h, func(ctx context.Context, stream inference.RecognizerStream) ([]inference.Phrase, error) {
			phrases, err := stream.Flush(ctx)
			if auto, ok := stream.(inference.AutoStream); ok && err == nil {
				behind.Store(auto.Behind())
			}
			return phrases, err
		})
		again = behind.Load()
	}
}

// ask has the stream do fn. A stream that fails is closed, by its own call if
// that never returned.
func (l *listener) ask(ctx context.Context, h heard, fn func(context.Context, inference.RecognizerStream) ([]inference.Phrase, error)) {
	stream := l.stream
	phrases, err := work.Call(ctx, l.stage, l.until(), func(ctx context.Context) (phrases []inference.Phrase, err error) {
		defer func() {
			if err != nil {
				stream.Close()
			}
		}()
		err = l.env.Meter.Do("recognize", func() error {
			return guard.Do("recognizer", func() (err error) {
				phrases, err = fn(ctx, stream)
				return err
			})
		})
		if err == nil {
			err = ctx.Err() // given up on: nobody will use the stream any more
		}
		return phrases, err
	})
	l.tell(ctx, phrases, h.at)
	if err != nil {
		l.stream = nil
		l.broken(ctx, h.at, err)
	}
}

func (l *listener) broken(ctx context.Context, at time.Duration, err error) {
	if ctx.Err() != nil {
		return // the session ends: no engine failed
	}
	l.reopen = at + reopenAfter
	l.base = l.LastID() // the next one counts from 1 again
	l.env.Fail("recognize", err)
	l.env.Out.Unrecognized(at, "recognition failed")
}

// tell hands phrases on; now is how much of the source was heard.
func (l *listener) tell(ctx context.Context, phrases []inference.Phrase, now time.Duration) {
	for _, p := range phrases {
		if p.Text == "" {
			continue
		}
		if err := plausible(p, now); err != nil {
			l.env.Fail("recognize", err)
			continue
		}
		p.ID += l.base
		p, fresh := l.fresh(p)
		if !fresh {
			continue
		}
		if p.Final && l.own(p) {
			l.refuse(p)
			continue
		}
		if p.Final {
			l.count(p.ID)
		}
		l.env.Out.Phrase(ctx, p, now)
	}
}

// refuse leaves out a phrase that is a dub's own voice: it would be dubbed again and again.
func (l *listener) refuse(p inference.Phrase) {
	l.mu.Lock()
	l.ownVoice++
	l.last = p.ID
	l.mu.Unlock()
	l.refused = p.End
	l.env.Out.OwnVoice(p)
	l.env.Log.Info("phrase left out: the microphone hears a dub of this session; headphones or echo cancellation end that", "phrase", p.ID)
}

// ahead is how far beyond what was heard a recognizer's times may lie.
const ahead = time.Second

// plausible refuses what no recognizer can have heard up to session time now.
func plausible(p inference.Phrase, now time.Duration) error {
	switch {
	case len(p.Text) > spec.MaxText || !utf8.ValidString(p.Text):
		return fmt.Errorf("the recognizer gave %d bytes that are no phrase", len(p.Text))
	case p.Start < 0 || p.End < p.Start || p.End > now+ahead || p.End-p.Start > time.Minute:
		return fmt.Errorf("the recognizer gave a phrase from %v to %v, heard up to %v", p.Start, p.End, now)
	}
	last := p.Start - ahead
	for _, w := range p.Words {
		if w.Start < last || w.End < w.Start || w.End > p.End+ahead {
			return fmt.Errorf("the recognizer gave a word from %v to %v, behind %v in a phrase from %v to %v", w.Start, w.End, last, p.Start, p.End)
		}
		if len(w.Text) > spec.MaxText || !utf8.ValidString(w.Text) || !(w.Confidence >= 0 && w.Confidence <= 1.001) { // NaN too; a mean may be rounded
			return fmt.Errorf("the recognizer gave a word of %d bytes, certain by %v of 1", len(w.Text), w.Confidence)
		}
		last = w.Start
	}
	for _, hz := range []float64{p.Pitch.Low, p.Pitch.Median, p.Pitch.High} {
		if !(hz >= 0 && hz <= 1e6) {
			return fmt.Errorf("the recognizer gave a pitch of %v Hz", hz)
		}
	}
	return nil
}
