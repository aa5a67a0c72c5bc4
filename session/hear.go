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
	"livedub/session/spec"
	"livedub/session/timeline"
)

// ears hear the source: they decode its sound once, as it arrives, keep it for
// the dubs to play, and hand it to the listener. They also move the clock: time
// has come as far as all of the source has been heard.
type audioPipeline struct {
	s        *Session
	src      media.Source
	in       chan media.Packet // sound, and frames without data as marks of time
	played   *audioBuffer      // the session's; nil without sound
	listener *listener

	decoder     *codec.AudioDecoder // opened with the first sound, as the other two
	toPlay      *codec.Resampler    // to timeline.Rate
	toRecognize *codec.Resampler    // to what recognizers hear
	mono        listen.Mono         // for them
	gain        listen.Gain

	soundTo, frameTo time.Duration // how far each track has come
	paused           bool          // the listener was told that no sound comes
}

// listenRate is what recognizers hear, Hz.
const listenRate = 16000

// trackLag is how far one track may lie behind the other and still be waited for.
const trackLag = 2 * time.Second

// pauseAfter is how long no sound comes before that counts as silence: a muted
// publisher may send none, and its last phrase must not wait for the next one.
const pauseAfter = 500 * time.Millisecond

func newAudioPipeline(s *Session, src media.Source, l *listener) *audioPipeline {
	return &audioPipeline{s: s, src: src, in: make(chan media.Packet, 64), played: s.buffer, listener: l}
}

func (a *audioPipeline) run(ctx context.Context) error {
	defer a.listener.queue.End()
	leave, err := turn(ctx, a.s.hearing)
	if err != nil {
		return err
	}
	defer leave()
	defer a.close()
	quiet := time.NewTimer(pauseAfter)
	defer quiet.Stop()
	for {
		select {
		case p, ok := <-a.in:
			if !ok {
				return a.finish(ctx)
			}
			heard := a.soundTo
			if err := a.packet(ctx, p); err != nil {
				return err
			}
			if a.soundTo > heard {
				quiet.Reset(pauseAfter)
			}
		case <-quiet.C:
			if a.s.pace.Drops() { // else time stands still
				if err := a.pause(ctx, a.s.clock.Now()); err != nil {
					return err
				}
			}
		}
	}
}

// packet takes one packet of the source.
func (a *audioPipeline) packet(ctx context.Context, p media.Packet) error {
	if p.Kind == media.Video {
		a.frameTo = max(a.frameTo, p.PTS+max(p.Duration, 1))
	} else if err := a.hear(ctx, p); err != nil {
		return err
	}
	if to := a.heardTo(); !a.s.pace.Drops() && to-a.soundTo > pauseAfter {
		if err := a.pause(ctx, a.soundTo+pauseAfter); err != nil {
			return err
		}
	}
	a.s.clock.Advance(a.heardTo())
	return nil
}

// pause lets the unit being spoken end: no sound has come up to session time at.
func (a *audioPipeline) pause(ctx context.Context, at time.Duration) error {
	if a.paused || a.soundTo == 0 {
		return nil
	}
	a.paused = true
	return a.listener.hear(ctx, heard{pause: true, at: at})
}

func (a *audioPipeline) open() (err error) {
	t := media.FindTrack(a.src.Tracks(), media.Audio)
	if t == nil {
		return errors.New("sound: the source tells of none")
	}
	if a.decoder, err = codec.NewAudioDecoder(*t); err != nil {
		return fmt.Errorf("sound: %w", err)
	}
	a.toPlay = codec.NewResampler(timeline.Rate, a.played.channels)
	a.toRecognize = codec.NewResampler(listenRate, 1)
	return nil
}

func (a *audioPipeline) close() {
	if a.decoder != nil {
		a.decoder.Close()
		a.toPlay.Close()
		a.toRecognize.Close()
	}
}

// heardTo returns how far the source has come: as far as its slower track, but
// a track that lies far behind, or has ended, is not waited for.
func (a *audioPipeline) heardTo() time.Duration {
	return max(min(a.soundTo, a.frameTo), max(a.soundTo, a.frameTo)-trackLag)
}

func (a *audioPipeline) hear(ctx context.Context, p media.Packet) error {
	if a.decoder == nil {
		if err := a.open(); err != nil {
			return err
		}
	}
	var sound []media.Samples
	err := a.s.meter.Do("decode_audio", func() (err error) {
		sound, err = a.decoder.Decode(p)
		return err
	})
	if err != nil {
		a.s.fail("decode_audio", err)
	}
	return a.take(ctx, sound)
}

// take keeps decoded sound for the dubs and hands it to the listener.
func (a *audioPipeline) take(ctx context.Context, sound []media.Samples) error {
	for _, s := range sound {
		if s.End() <= 0 {
			continue // before the session began
		}
		a.soundTo = max(a.soundTo, s.End())
		a.paused = false
		var loud, low media.Samples
		err := a.s.meter.Do("decode_audio", func() (err error) {
			if loud, err = a.toPlay.Resample(s); err == nil {
				low, err = a.toRecognize.Resample(a.mono.Mix(s))
				low = a.gain.Apply(low)
			}
			return err
		})
		if err != nil {
			a.s.fail("resample", err)
			continue
		}
		if err := a.played.put(ctx, loud); err != nil {
			return err
		}
		if len(low.Data) > 0 {
			if err := a.listener.hear(ctx, heard{sound: low, at: low.End()}); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// finish says what is left and, after a file, lets the clock run to the end of the dubs.
func (a *audioPipeline) finish(ctx context.Context) error {
	if a.decoder != nil {
		rest, err := a.decoder.Flush()
		if err != nil {
			a.s.fail("decode_audio", err)
		}
		if err := a.take(ctx, rest); err != nil {
			return err
		}
		if tail, err := a.toPlay.Flush(); err == nil && len(tail.Data) > 0 {
			if err := a.played.put(ctx, tail); err != nil {
				return err
			}
		}
	}
	if err := a.listener.hear(ctx, heard{pause: true, at: max(a.soundTo, a.heardTo())}); err != nil {
		return err
	}
	return a.s.delivery.sourceEnded(a.s, max(a.soundTo, a.frameTo))
}

// end lets virtual time run to the end of the dubs of a source that has ended at source time t.
func (s *Session) end(t time.Duration) error {
	if t <= 0 {
		return spec.ErrEmpty
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
