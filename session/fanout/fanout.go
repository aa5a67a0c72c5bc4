// Package fanout encodes one dub, once for each codec that somebody takes, and
// hands the packets to its sinks: those of a file, or viewers that come and go.
package fanout

import (
	"bytes"
	"fmt"
	"time"

	"livedub/media"
	"livedub/media/codec"
	"livedub/session/spec"
	"livedub/session/work"
)

// Fanout encodes one dub, once for all sinks that take the same codec, and hands
// the packets to its fan, which feeds the sinks.
type Fanout struct {
	env       Env
	receivers receivers
	audio     *codec.AudioEncoder      // opened with the first sound; used by play alone
	heard     *media.Track             // of audio; used by play alone
	videos    map[media.Codec]*encoder // made by the first frame; used by show alone
	skew      skew
}

// Env is what a fanout has of its session.
type Env struct {
	*work.Shared
	Video         spec.VideoConfig           // Video.File: sinks that are there from beginning to end
	Offset        func(offset time.Duration) // told of each frame's offset to its audio; nil for nobody
	Viewers       func(n int)                // told when there are more or fewer; nil for nobody
	SinkErrorsEnd bool                       // the first error of a sink is the dub's
}

// New returns a fanout without sinks.
func New(e Env) *Fanout {
	fo := &Fanout{env: e, videos: map[media.Codec]*encoder{}}
	if e.Video.File {
		fo.receivers = &fileReceivers{roster: roster{env: e}}
	} else {
		fo.receivers = &liveReceivers{roster: roster{env: e}}
	}
	return fo
}

// Expect tells which tracks the dub will have.
func (fo *Fanout) Expect(sound, frames bool) { fo.receivers.expect(sound, frames) }

// Viewers returns how many sinks somebody looks at.
func (fo *Fanout) Viewers() int { return int(fo.receivers.viewers()) }

// State returns how the sinks keep up.
func (fo *Fanout) State() work.StageState { return fo.receivers.state() }

// Offsets returns the last frames' offsets to their audio, the newest last.
func (fo *Fanout) Offsets() []time.Duration { return fo.skew.read() }

// Subscribe adds a sink. What it asks for by its Subscription is done with the next frame.
func (fo *Fanout) Subscribe(sink media.Sink, options []Option) (*Subscription, error) {
	a := &Subscription{fanout: fo, sink: sink}
	a.video, a.audio = sink.Codecs()
	for _, set := range options {
		set(a)
	}
	a.Keyframe()
	if c, ok := sink.(media.Controller); ok {
		c.Control(a)
	}
	if err := fo.receivers.add(a); err != nil {
		return nil, err
	}
	return a, nil
}

// Watched tells whether anybody would see or hear what is encoded.
func (fo *Fanout) Watched() bool { return fo.receivers.sinks() > 0 }

// Frame encodes one frame for output time at, once for each codec that is
// wanted, and tells whether all were made.
func (fo *Fanout) Frame(f *media.Frame, at time.Duration, fps float64) (whole bool, err error) {
	whole = true
	for _, d := range fo.receivers.demands(at, fo.lastKey) {
		enc := fo.videos[d.codec]
		if enc == nil {
			enc = &encoder{codec: d.codec, frame: &fo.env.Video}
			fo.videos[d.codec] = enc
		}
		p, err := enc.encode(f, d, at, fps)
		if err != nil {
			if err := fo.receivers.broken(fmt.Errorf("encode frame: %w", err)); err != nil {
				return false, err
			}
			whole = false
			continue
		}
		if err := fo.receivers.write(d.codec, enc.describe(p), p); err != nil {
			return false, err
		}
	}
	if offset, ok := fo.skew.frame(fo.env.Clock.Now() - at); ok && fo.env.Offset != nil {
		fo.env.Offset(offset)
	}
	return whole, nil
}

// lastKey returns the output time of a codec's last keyframe, if it has had one.
func (fo *Fanout) lastKey(c media.Codec) (at time.Duration, ok bool) {
	enc := fo.videos[c]
	if enc == nil {
		return 0, false
	}
	return enc.lastKey, true
}

// Sound encodes PCM that stands at its output time.
func (fo *Fanout) Sound(s media.Samples) error {
	if fo.audio == nil {
		enc, err := codec.NewAudioEncoder(codec.AudioEncoderConfig{
			Codec: fo.receivers.audioCodec(), Channels: s.Channels, Bitrate: 64_000 * s.Channels,
		})
		if err != nil {
			return fmt.Errorf("encode sound: %w", err)
		}
		t := enc.Track()
		fo.audio, fo.heard = enc, &t
	}
	packets, err := fo.audio.Encode(s)
	if err != nil {
		return fmt.Errorf("encode sound: %w", err)
	}
	fo.skew.sound(fo.env.Clock.Now() - s.End())
	return fo.receivers.write("", fo.heard, packets...)
}

// FlushSound writes what the encoder still holds.
func (fo *Fanout) FlushSound() error {
	if fo.audio == nil {
		return nil
	}
	packets, err := fo.audio.Flush()
	if err != nil {
		return fmt.Errorf("encode sound: %w", err)
	}
	return fo.receivers.write("", fo.heard, packets...)
}

// DropSound forgets what the encoder still holds: whoever comes next has not
// heard what was before it.
func (fo *Fanout) DropSound() {
	if fo.audio != nil {
		fo.audio.Close()
		fo.audio = nil
	}
}

// Close ends all sinks and frees the encoders. Nothing may be written anymore.
func (fo *Fanout) Close() error {
	err := fo.receivers.close()
	for _, v := range fo.videos {
		v.close()
	}
	fo.DropSound()
	return err
}

// sameTrack tells whether two descriptions are of one stream.
func sameTrack(a, b media.Track) bool {
	return a.Codec == b.Codec && a.Width == b.Width && a.Height == b.Height && bytes.Equal(a.Extradata, b.Extradata)
}
