package session

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"livedub/inference"
	"livedub/internal/proc"
	"livedub/media"
	"livedub/media/codec"
	"livedub/media/listen"
	"livedub/session/timeline"
)

// ears hear the source: they decode its sound once, as it arrives, keep it for
// the dubs to play, and turn it to phrases. They also move the clock: time has
// come as far as all of the source has been heard.
type ears struct {
	s    *Session
	src  media.Source
	in   chan media.Packet // sound, and pictures without data as marks of time
	line *soundLine        // the session's; nil without sound
	base int               // ID of the last phrase before this source's, or before the recogniser was opened anew

	decoder *codec.AudioDecoder // opened with the first sound, as the other two
	play    *codec.Resampler    // to timeline.Rate
	listen  *codec.Resampler    // to what recognisers hear
	mono    listen.Mono         // for them
	gain    listen.Gain
	stream  inference.RecognizerStream
	reopen  time.Duration // when a failed recogniser is tried again

	soundTo, pictureTo time.Duration // how far each track has come
}

// listenRate is what recognisers hear, Hz.
const listenRate = 16000

// reopenAfter is how long a failed recogniser rests.
const reopenAfter = 2 * time.Second

// ErrEmpty is what Dub returns for a source without a single sample that can be heard or shown.
var ErrEmpty = errors.New("session: nothing in the source can be heard or shown")

// trackLag is how far one track may lie behind the other and still be waited for.
const trackLag = 2 * time.Second

func newEars(s *Session, src media.Source) *ears {
	return &ears{s: s, src: src, in: make(chan media.Packet, 64), line: s.sound}
}

func (e *ears) run(ctx context.Context) error {
	defer func() {
		if e.s.cfg.Picture.File { // the only source: no more phrases will come
			for _, d := range e.s.dubs {
				close(d.phrases)
			}
		}
	}()
	leave, err := turn(ctx, e.s.hearing)
	if err != nil {
		return err
	}
	defer leave()
	e.base = e.s.last()
	if e.s.clock.Live() {
		// Recognition comes in bursts of 100 ms and has seconds of slack;
		// sound and pictures that must leave now have none.
		proc.Background()
	}
	defer e.close()
	for p := range e.in {
		if p.Kind == media.Video {
			e.pictureTo = max(e.pictureTo, p.PTS+max(p.Duration, 1))
		} else if err := e.hear(ctx, p); err != nil {
			return err
		}
		e.s.clock.Advance(e.heardTo())
	}
	return e.finish(ctx)
}

func (e *ears) open() (err error) {
	t := track(e.src.Tracks(), media.Audio)
	if t == nil {
		return errors.New("sound: the source tells of none")
	}
	if e.decoder, err = codec.NewAudioDecoder(*t); err != nil {
		return fmt.Errorf("sound: %w", err)
	}
	e.play = codec.NewResampler(timeline.Rate, e.line.channels)
	e.listen = codec.NewResampler(listenRate, 1)
	return nil
}

func (e *ears) close() {
	if e.decoder != nil {
		e.decoder.Close()
		e.play.Close()
		e.listen.Close()
	}
	if e.stream != nil {
		e.stream.Close()
	}
}

// heardTo returns how far the source has come: as far as its slower track, but
// a track that lies far behind, or has ended, is not waited for.
func (e *ears) heardTo() time.Duration {
	return max(min(e.soundTo, e.pictureTo), max(e.soundTo, e.pictureTo)-trackLag)
}

func (e *ears) hear(ctx context.Context, p media.Packet) error {
	if e.decoder == nil {
		if err := e.open(); err != nil {
			return err
		}
	}
	var sound []media.Samples
	err := e.s.meter.do("decode_audio", func() (err error) {
		sound, err = e.decoder.Decode(p)
		return err
	})
	if err != nil {
		e.s.fail("decode_audio", err)
	}
	return e.take(ctx, sound)
}

// take keeps decoded sound for the dubs and listens to it.
func (e *ears) take(ctx context.Context, sound []media.Samples) error {
	for _, s := range sound {
		if s.End() <= 0 {
			continue // before the session began
		}
		e.soundTo = max(e.soundTo, s.End())
		var loud, low media.Samples
		err := e.s.meter.do("decode_audio", func() (err error) {
			if loud, err = e.play.Resample(s); err == nil {
				low, err = e.listen.Resample(e.mono.Mix(s))
				low = e.gain.Apply(low)
			}
			return err
		})
		if err != nil {
			e.s.fail("resample", err)
			continue
		}
		if err := e.line.put(ctx, loud); err != nil {
			return err
		}
		e.recognize(ctx, low)
	}
	return ctx.Err()
}

// recognize lets the recogniser hear s. Its failure is not the session's: the
// original goes on, and the recogniser is opened anew after a rest.
func (e *ears) recognize(ctx context.Context, s media.Samples) {
	if !e.s.engines.hears(e.s.cfg.From) || len(s.Data) == 0 {
		return
	}
	if e.stream == nil {
		if s.PTS < e.reopen {
			return
		}
		stream, err := e.s.engines.Recognizer.Open(ctx, e.s.cfg.From)
		if err != nil {
			if ctx.Err() == nil {
				e.broken(s.PTS, err)
			}
			return
		}
		e.stream = stream
	}
	var phrases []inference.Phrase
	err := e.s.meter.do("recognize", func() error {
		return guard("recognizer", func() (err error) {
			phrases, err = e.stream.Write(ctx, s)
			return err
		})
	})
	e.tell(ctx, phrases, s.End())
	if err != nil && ctx.Err() == nil {
		e.stream.Close()
		e.stream = nil
		e.broken(s.PTS, err)
	}
}

func (e *ears) broken(at time.Duration, err error) {
	e.reopen = at + reopenAfter
	e.base = e.s.last() // the next one counts from 1 again
	e.s.fail("recognize", err)
	for _, d := range e.s.dubs {
		d.ladder.set(at, Passthrough, "recognition failed")
	}
}

// tell hands phrases to the dubs; now is how much of the source was heard.
func (e *ears) tell(ctx context.Context, phrases []inference.Phrase, now time.Duration) {
	for _, p := range phrases {
		if p.Text == "" {
			continue
		}
		p.ID += e.base
		e.s.watch.send(Event{Caption: &Caption{
			Lang: p.Lang, ID: p.ID, Text: p.Text, Final: p.Final, Start: p.Start, End: p.End,
		}})
		if p.Final {
			e.s.count(p.ID)
		}
		for _, d := range e.s.dubs {
			if !d.speaks() {
				continue
			}
			d.timeline.Expect(now, p)
			if p.Final {
				d.take(ctx, p, e.s.clock.Hold(now))
			}
		}
	}
}

// finish says what is left and, after a file, lets the clock run to the end of the dubs.
func (e *ears) finish(ctx context.Context) error {
	if e.decoder != nil {
		rest, err := e.decoder.Flush()
		if err != nil {
			e.s.fail("decode_audio", err)
		}
		if err := e.take(ctx, rest); err != nil {
			return err
		}
		if tail, err := e.play.Flush(); err == nil && len(tail.Data) > 0 {
			if err := e.line.put(ctx, tail); err != nil {
				return err
			}
		}
	}
	if e.stream != nil {
		var phrases []inference.Phrase
		err := e.s.meter.do("recognize", func() error {
			return guard("recognizer", func() (err error) {
				phrases, err = e.stream.Flush(ctx)
				return err
			})
		})
		if err != nil {
			e.s.fail("recognize", err)
		}
		e.tell(ctx, phrases, e.heardTo())
	}
	if !e.s.cfg.Picture.File {
		return nil
	}
	end := max(e.soundTo, e.pictureTo)
	if end <= 0 {
		return ErrEmpty
	}
	e.s.ended.Store(int64(end))
	for _, d := range e.s.dubs {
		d.goodbye = e.s.clock.Hold(end)
	}
	e.s.clock.Advance(math.MaxInt64)
	return nil
}
