package audio

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"livedub/media"
	"livedub/media/codec"
	"livedub/media/listen"
	"livedub/session/ingest"
	"livedub/session/timeline"
)

// pipeline hears one source: it decodes the sound once, as it arrives, keeps it
// for the dubs to play, and hands it to the listener. It also moves the clock:
// time has come as far as all of the source has been heard.
type pipeline struct {
	*Input
	src      media.Source
	sound    <-chan media.Packet // and frames without data, by which time passes
	played   *ingest.AudioBuffer // the session's; nil without sound
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

// leastGap is how much sound must be missing to be told of.
const leastGap = 100 * time.Millisecond

// pauseAfter is how long no sound comes before that counts as silence: a muted
// publisher may send none, and its last phrase must not wait for the next one.
const pauseAfter = 500 * time.Millisecond

func newPipeline(in *Input, src media.Source, sound <-chan media.Packet, played *ingest.AudioBuffer, l *listener) *pipeline {
	return &pipeline{Input: in, src: src, sound: sound, played: played, listener: l}
}

func (a *pipeline) run(ctx context.Context) error {
	defer a.listener.queue.End()
	leave, err := a.hearing.Take(ctx)
	if err != nil {
		return err
	}
	defer leave()
	defer a.close()
	quiet := time.NewTimer(pauseAfter)
	defer quiet.Stop()
	for {
		select {
		case p, ok := <-a.sound:
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
			if a.env.Pacing.Drops() { // else time stands still
				if err := a.pause(ctx, a.env.Clock.Now()); err != nil {
					return err
				}
			}
		}
	}
}

// packet takes one packet of the source.
func (a *pipeline) packet(ctx context.Context, p media.Packet) error {
	if p.Kind == media.Video {
		a.frameTo = max(a.frameTo, p.PTS+max(p.Duration, 1))
	} else if err := a.hear(ctx, p); err != nil {
		return err
	}
	if to := a.heardTo(); !a.env.Pacing.Drops() && to-a.soundTo > pauseAfter {
		if err := a.pause(ctx, a.soundTo+pauseAfter); err != nil {
			return err
		}
	}
	a.env.Clock.Advance(a.heardTo())
	return nil
}

// pause lets the unit being spoken end: no sound has come up to session time at.
func (a *pipeline) pause(ctx context.Context, at time.Duration) error {
	if a.paused || a.soundTo == 0 {
		return nil
	}
	a.paused = true
	return a.listener.hear(ctx, heard{pause: true, at: at})
}

func (a *pipeline) open() (err error) {
	t := media.FindTrack(a.src.Tracks(), media.Audio)
	if t == nil {
		return errors.New("sound: the source tells of none")
	}
	if a.decoder, err = codec.NewAudioDecoder(*t); err != nil {
		return fmt.Errorf("sound: %w", err)
	}
	a.toPlay = codec.NewResampler(timeline.Rate, a.played.Channels())
	a.toRecognize = codec.NewResampler(listenRate, 1)
	return nil
}

func (a *pipeline) close() {
	if a.decoder != nil {
		a.decoder.Close()
		a.toPlay.Close()
		a.toRecognize.Close()
	}
}

// heardTo returns how far the source has come: as far as its slower track, but
// a track that lies far behind, or has ended, is not waited for.
func (a *pipeline) heardTo() time.Duration {
	return max(min(a.soundTo, a.frameTo), max(a.soundTo, a.frameTo)-trackLag)
}

func (a *pipeline) hear(ctx context.Context, p media.Packet) error {
	if a.decoder == nil {
		if err := a.open(); err != nil {
			return err
		}
	}
	var sound []media.Samples
	err := a.env.Meter.Do("decode_audio", func() (err error) {
		sound, err = a.decoder.Decode(p)
		return err
	})
	if err != nil {
		a.env.Fail("decode_audio", err)
	}
	return a.take(ctx, sound)
}

// take keeps decoded sound for the dubs and hands it to the listener.
func (a *pipeline) take(ctx context.Context, sound []media.Samples) error {
	for _, s := range sound {
		if s.End() <= 0 {
			continue // before the session began
		}
		if a.soundTo > 0 && s.PTS-a.soundTo > leastGap {
			a.env.Out.Gap(a.soundTo, s.PTS)
		}
		a.soundTo = max(a.soundTo, s.End())
		a.paused = false
		var loud, low media.Samples
		err := a.env.Meter.Do("decode_audio", func() (err error) {
			if loud, err = a.toPlay.Resample(s); err == nil {
				low, err = a.toRecognize.Resample(a.mono.Mix(s))
				low = a.gain.Apply(low)
			}
			return err
		})
		if err != nil {
			a.env.Fail("resample", err)
			continue
		}
		if err := a.played.Put(ctx, loud); err != nil {
			return err
		}
		if len(low.Data) > 0 {
			a.env.Out.Level((low.PTS+low.End())/2, level(low.Data))
			if err := a.listener.hear(ctx, heard{sound: low, at: low.End()}); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// level returns how loud pcm is, dB of full scale; silence is -100.
func level(pcm []int16) float64 {
	var sum float64
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return max(-100, 10*math.Log10(sum/float64(len(pcm))/(1<<30)+1e-12))
}

// finish says what is left and, after a file, lets the clock run to the end of the dubs.
func (a *pipeline) finish(ctx context.Context) error {
	if a.decoder != nil {
		rest, err := a.decoder.Flush()
		if err != nil {
			a.env.Fail("decode_audio", err)
		}
		if err := a.take(ctx, rest); err != nil {
			return err
		}
		if tail, err := a.toPlay.Flush(); err == nil && len(tail.Data) > 0 {
			if err := a.played.Put(ctx, tail); err != nil {
				return err
			}
		}
	}
	if err := a.listener.hear(ctx, heard{pause: true, at: max(a.soundTo, a.heardTo())}); err != nil {
		return err
	}
	return a.env.Out.Heard(max(a.soundTo, a.frameTo))
}
