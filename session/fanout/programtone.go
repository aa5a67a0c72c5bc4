package fanout

import (
	"fmt"
	"time"

	"livedub/media"
	"livedub/media/codec"
)

const (
	soundRate  = 48000       // Hz
	soundFrame = 1024        // sample instants of one frame of AAC
	longHole   = time.Second // in the sound; a shorter one is filled with silence
)

// tone is the sound of a program: AAC whose frames lie on the grid of soundFrame
// samples from output time 0, so that the sound of two nodes joins.
type tone struct {
	write   func(*media.Track, ...media.Packet)
	level   *leveled            // before the encoder
	encoder *codec.AudioEncoder // nil while nothing sounds
	track   media.Track
	end     time.Duration // of what was put in
	gap     bool          // the next packet comes after a pause
}

// put encodes a block of sound, brought to its loudness.
func (a *tone) put(s media.Samples) error {
	for _, s := range a.level.put(s) {
		if err := a.encode(s); err != nil {
			return err
		}
	}
	return nil
}

func (a *tone) encode(s media.Samples) error {
	if a.encoder != nil && (s.Channels != a.track.Channels || (s.PTS-a.end).Abs() > longHole) {
		a.gap = true
		if err := a.finish(); err != nil {
			return err
		}
	}
	if a.encoder == nil {
		if s = onGrid(s); s.Frames() == 0 {
			return nil
		}
		enc, err := codec.NewAudioEncoder(codec.AudioEncoderConfig{Codec: media.AAC, Channels: s.Channels})
		if err != nil {
			return fmt.Errorf("encode sound: %w", err)
		}
		a.encoder, a.track = enc, enc.Track()
	}
	a.end = s.End()
	return a.pass(a.encoder.Encode(s))
}

// pass hands on what was encoded.
func (a *tone) pass(packets []media.Packet, err error) error {
	if len(packets) > 0 {
		packets[0].Gap, a.gap = a.gap, false
		t := a.track
		a.write(&t, packets...)
	}
	if err != nil {
		return fmt.Errorf("encode sound: %w", err)
	}
	return nil
}

// onGrid cuts the beginning of s off, up to where a frame of the grid begins.
func onGrid(s media.Samples) media.Samples {
	n := media.TimeToSamples(s.PTS, soundRate)
	skip := min((soundFrame-n%soundFrame)%soundFrame, s.Frames())
	s.PTS, s.Data = media.SamplesToTime(n+skip, soundRate), s.Data[skip*s.Channels:]
	return s
}

// flush writes what the encoder, and what is before it, hold and closes it.
func (a *tone) flush() error {
	for _, s := range a.level.flush() {
		if err := a.encode(s); err != nil {
			return err
		}
	}
	return a.finish()
}

// finish writes what the encoder holds and closes it.
func (a *tone) finish() error {
	if a.encoder == nil {
		return nil
	}
	defer a.close()
	gap := a.gap
	a.gap = false
	err := a.pass(a.encoder.Flush())
	a.gap = gap
	return err
}

func (a *tone) close() {
	if a.encoder != nil {
		a.encoder.Close()
		a.encoder = nil
	}
}
