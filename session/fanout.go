package session

import (
	"bytes"
	"fmt"
	"time"

	"livedub/media"
	"livedub/media/codec"
)

// fanout encodes one dub, once for all sinks that take the same codec, and hands
// the packets to its fan, which feeds the sinks.
type fanout struct {
	s         *Session
	receivers receivers
	audio     *codec.AudioEncoder      // opened with the first sound; used by play alone
	heard     *media.Track             // of audio; used by play alone
	videos    map[media.Codec]*encoder // made by the first frame; used by show alone
	skew      skew
}

func newFanout(s *Session) *fanout {
	return &fanout{s: s, receivers: s.delivery.receivers(s), videos: map[media.Codec]*encoder{}}
}

// attach adds a sink. What it asks for by its Subscription is done with the next frame.
func (fo *fanout) subscribe(sink media.Sink, options []SubscribeOption) (*Subscription, error) {
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

// watched tells whether anybody would see or hear what is encoded.
func (fo *fanout) watched() bool { return fo.receivers.sinks() > 0 }

// frame encodes one frame for output time at, once for each codec that is
// wanted, and tells whether all were made.
func (fo *fanout) frame(f *media.Frame, at time.Duration, fps float64) (whole bool, err error) {
	whole = true
	for _, d := range fo.receivers.demands(at, fo.lastKey) {
		enc := fo.videos[d.codec]
		if enc == nil {
			enc = &encoder{codec: d.codec, frame: &fo.s.cfg.Video}
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
	if offset, ok := fo.skew.frame(fo.s.clock.Now() - at); ok && fo.s.cfg.Observe.Offset != nil {
		fo.s.cfg.Observe.Offset(offset)
	}
	return whole, nil
}

// lastKey returns the output time of a codec's last keyframe, if it has had one.
func (fo *fanout) lastKey(c media.Codec) (at time.Duration, ok bool) {
	enc := fo.videos[c]
	if enc == nil {
		return 0, false
	}
	return enc.lastKey, true
}

// sound encodes PCM that stands at its output time.
func (fo *fanout) sound(s media.Samples) error {
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
	fo.skew.sound(fo.s.clock.Now() - s.End())
	return fo.receivers.write("", fo.heard, packets...)
}

// flushSound writes what the encoder still holds.
func (fo *fanout) flushSound() error {
	if fo.audio == nil {
		return nil
	}
	packets, err := fo.audio.Flush()
	if err != nil {
		return fmt.Errorf("encode sound: %w", err)
	}
	return fo.receivers.write("", fo.heard, packets...)
}

// dropSound forgets what the encoder still holds: whoever comes next has not
// heard what was before it.
func (fo *fanout) dropSound() {
	if fo.audio != nil {
		fo.audio.Close()
		fo.audio = nil
	}
}

// close ends all sinks and frees the encoders. Nothing may be written anymore.
func (fo *fanout) close() error {
	err := fo.receivers.close()
	for _, v := range fo.videos {
		v.close()
	}
	fo.dropSound()
	return err
}

// sameTrack tells whether two descriptions are of one stream.
func sameTrack(a, b media.Track) bool {
	return a.Codec == b.Codec && a.Width == b.Width && a.Height == b.Height && bytes.Equal(a.Extradata, b.Extradata)
}
