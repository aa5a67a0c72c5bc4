package session

import (
	"bytes"
	"fmt"
	"time"

	"livedub/media"
	"livedub/media/codec"
)

// outlet encodes one dub, once for all sinks that take the same codec, and hands
// the packets to its fan, which feeds the sinks.
type outlet struct {
	s      *Session
	fan    fan
	audio  *codec.AudioEncoder      // opened with the first sound; used by play alone
	heard  *media.Track             // of audio; used by play alone
	videos map[media.Codec]*encoder // made by the first picture; used by show alone
	skew   skew
}

func newOutlet(s *Session) *outlet {
	return &outlet{s: s, fan: s.delivery.fan(s), videos: map[media.Codec]*encoder{}}
}

// attach adds a sink. What it asks for by its Attachment is done with the next picture.
func (o *outlet) attach(sink media.Sink, options []AttachOption) (*Attachment, error) {
	a := &Attachment{outlet: o, sink: sink}
	a.video, a.audio = sink.Codecs()
	for _, set := range options {
		set(a)
	}
	a.Keyframe()
	if err := o.fan.attach(a); err != nil {
		return nil, err
	}
	return a, nil
}

// watched tells whether anybody would see or hear what is encoded.
func (o *outlet) watched() bool { return o.fan.sinks() > 0 }

// picture encodes one picture for output time at, once for each codec that is
// wanted, and tells whether all were made.
func (o *outlet) picture(f *media.Frame, at time.Duration, fps float64) (whole bool, err error) {
	whole = true
	for _, d := range o.fan.demands(at, o.lastKey) {
		enc := o.videos[d.codec]
		if enc == nil {
			enc = &encoder{codec: d.codec, picture: &o.s.cfg.Picture}
			o.videos[d.codec] = enc
		}
		p, err := enc.encode(f, d, at, fps)
		if err != nil {
			if err := o.fan.broken(fmt.Errorf("encode picture: %w", err)); err != nil {
				return false, err
			}
			whole = false
			continue
		}
		if err := o.fan.write(d.codec, enc.describe(p), p); err != nil {
			return false, err
		}
	}
	o.skew.picture(o.s.clock.Now() - at)
	return whole, nil
}

// lastKey returns the output time of a codec's last keyframe, if it has had one.
func (o *outlet) lastKey(c media.Codec) (at time.Duration, ok bool) {
	enc := o.videos[c]
	if enc == nil {
		return 0, false
	}
	return enc.lastKey, true
}

// sound encodes PCM that stands at its output time.
func (o *outlet) sound(s media.Samples) error {
	if o.audio == nil {
		enc, err := codec.NewAudioEncoder(codec.AudioEncoderConfig{
			Codec: o.fan.audioCodec(), Channels: s.Channels, Bitrate: 64_000 * s.Channels,
		})
		if err != nil {
			return fmt.Errorf("encode sound: %w", err)
		}
		t := enc.Track()
		o.audio, o.heard = enc, &t
	}
	packets, err := o.audio.Encode(s)
	if err != nil {
		return fmt.Errorf("encode sound: %w", err)
	}
	o.skew.sound(o.s.clock.Now() - s.End())
	return o.fan.write("", o.heard, packets...)
}

// flushSound writes what the encoder still holds.
func (o *outlet) flushSound() error {
	if o.audio == nil {
		return nil
	}
	packets, err := o.audio.Flush()
	if err != nil {
		return fmt.Errorf("encode sound: %w", err)
	}
	return o.fan.write("", o.heard, packets...)
}

// dropSound forgets what the encoder still holds: whoever comes next has not
// heard what was before it.
func (o *outlet) dropSound() {
	if o.audio != nil {
		o.audio.Close()
		o.audio = nil
	}
}

// close ends all sinks and frees the encoders. Nothing may be written anymore.
func (o *outlet) close() error {
	err := o.fan.close()
	for _, v := range o.videos {
		v.close()
	}
	o.dropSound()
	return err
}

// sameTrack tells whether two descriptions are of one stream.
func sameTrack(a, b media.Track) bool {
	return a.Codec == b.Codec && a.Width == b.Width && a.Height == b.Height && bytes.Equal(a.Extradata, b.Extradata)
}
