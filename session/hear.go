package session

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"livedub/media"
	"livedub/media/codec"
	"livedub/media/listen"
	"livedub/session/timeline"
)

// ears hear the source: they decode its sound once, as it arrives, keep it for
// the dubs to play, and hand it to the listener. They also move the clock: time
// has come as far as all of the source has been heard.
type ears struct {
	s        *Session
	src      media.Source
	in       chan media.Packet // sound, and pictures without data as marks of time
	line     *soundLine        // the session's; nil without sound
	listener *listener

	decoder *codec.AudioDecoder // opened with the first sound, as the other two
	play    *codec.Resampler    // to timeline.Rate
	listen  *codec.Resampler    // to what recognisers hear
	mono    listen.Mono         // for them
	gain    listen.Gain

	soundTo, pictureTo time.Duration // how far each track has come
	paused             bool          // the listener was told that no sound comes
}

// listenRate is what recognisers hear, Hz.
const listenRate = 16000

// trackLag is how far one track may lie behind the other and still be waited for.
const trackLag = 2 * time.Second

// pauseAfter is how long no sound comes before that counts as silence: a muted
// publisher may send none, and its last phrase must not wait for the next one.
const pauseAfter = 500 * time.Millisecond

func newEars(s *Session, src media.Source, l *listener) *ears {
	return &ears{s: s, src: src, in: make(chan media.Packet, 64), line: s.sound, listener: l}
}

func (e *ears) run(ctx context.Context) error {
	defer e.listener.queue.end()
	leave, err := turn(ctx, e.s.hearing)
	if err != nil {
		return err
	}
	defer leave()
	defer e.close()
	quiet := time.NewTimer(pauseAfter)
	defer quiet.Stop()
	for {
		select {
		case p, ok := <-e.in:
			if !ok {
				return e.finish(ctx)
			}
			heard := e.soundTo
			if err := e.packet(ctx, p); err != nil {
				return err
			}
			if e.soundTo > heard {
				quiet.Reset(pauseAfter)
			}
		case <-quiet.C:
			if e.s.pace.drops() { // else time stands still
				if err := e.pause(ctx, e.s.clock.Now()); err != nil {
					return err
				}
			}
		}
	}
}

// packet takes one packet of the source.
func (e *ears) packet(ctx context.Context, p media.Packet) error {
	if p.Kind == media.Video {
		e.pictureTo = max(e.pictureTo, p.PTS+max(p.Duration, 1))
	} else if err := e.hear(ctx, p); err != nil {
		return err
	}
	if to := e.heardTo(); !e.s.pace.drops() && to-e.soundTo > pauseAfter {
		if err := e.pause(ctx, e.soundTo+pauseAfter); err != nil {
			return err
		}
	}
	e.s.clock.Advance(e.heardTo())
	return nil
}

// pause lets the unit being spoken end: no sound has come up to session time at.
func (e *ears) pause(ctx context.Context, at time.Duration) error {
	if e.paused || e.soundTo == 0 {
		return nil
	}
	e.paused = true
	return e.listener.hear(ctx, heard{pause: true, at: at})
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

// take keeps decoded sound for the dubs and hands it to the listener.
func (e *ears) take(ctx context.Context, sound []media.Samples) error {
	for _, s := range sound {
		if s.End() <= 0 {
			continue // before the session began
		}
		e.soundTo = max(e.soundTo, s.End())
		e.paused = false
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
		if len(low.Data) > 0 {
			if err := e.listener.hear(ctx, heard{sound: low, at: low.End()}); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
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
	if err := e.listener.hear(ctx, heard{pause: true, at: max(e.soundTo, e.heardTo())}); err != nil {
		return err
	}
	return e.s.delivery.sourceEnded(e.s, max(e.soundTo, e.pictureTo))
}

// end lets virtual time run to the end of the dubs of a source that has ended at source time t.
func (s *Session) end(t time.Duration) error {
	if t <= 0 {
		return ErrEmpty
	}
	s.ended.Store(int64(t))
	for _, d := range s.all() {
		if d.speaks() {
			d.mu.Lock() // a dub that fails now reads it
			d.goodbye = s.clock.Hold(t)
			d.mu.Unlock()
		}
	}
	s.clock.Advance(math.MaxInt64)
	return nil
}
