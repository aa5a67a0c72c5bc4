package testspeaker

import (
	"errors"
	"fmt"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/media/codec"
)

// Rate is the sample rate of a speaker's sound, which is mono, in Hz.
const Rate = 48000

// Config says what a speaker shows and says. Zero fields take the defaults.
type Config struct {
	Width, Height int     // pixels, even; 640 by 360
	FPS           float64 // frames per second; 30
	Seed          uint64  // of the looks and the movements
	Speech        Speech  // none: silence and a mouth at rest
	Loop          bool    // say it again and again; else silence follows
	BarCode       bool    // number the frames: Frame(n) carries n modulo 65536
	Markers       bool    // a sound marker at every whole second, 0 included
}

// Speaker is a speaker whose every frame and sample is known beforehand: by
// number, in any order. It is used by one goroutine.
type Speaker struct {
	c       Config
	drawing *Drawing
	lips    *lips
	sound   []int16 // at Rate
	marker  []int16
}

// New returns a speaker.
func New(c Config) (*Speaker, error) {
	if c.Width == 0 && c.Height == 0 {
		c.Width, c.Height = 640, 360
	}
	if c.FPS == 0 {
		c.FPS = 30
	}
	if !(c.FPS >= 1 && c.FPS <= 120) {
		return nil, fmt.Errorf("speaker: %v frames a second: give 1 to 120", c.FPS)
	}
	t := &Speaker{c: c, lips: &lips{}}
	if err := t.hear(c.Speech); err != nil {
		return nil, err
	}
	if c.Markers {
		m := media.Samples{Rate: Rate, Channels: 1, Data: make([]int16, media.TimeToSamples(markerLength, Rate))}
		Marker(m, 0)
		t.marker = m.Data
	}
	var err error
	t.drawing, err = NewDrawing(c.Width, c.Height, c.Seed)
	return t, err
}

// hear brings the speech to Rate and mono.
func (s *Speaker) hear(said Speech) error {
	if len(said.Sound.Data) == 0 {
		return nil
	}
	if said.Sound.Rate <= 0 || said.Sound.Channels < 1 || said.Sound.Channels > 2 {
		return errors.New("speaker: give speech with its rate and one or two channels")
	}
	r := codec.NewResampler(Rate, 1)
	defer r.Close()
	said.Sound.PTS = 0
	head, err := r.Resample(said.Sound)
	if err != nil {
		return err
	}
	tail, err := r.Flush()
	if err != nil {
		return err
	}
	s.sound = append(append([]int16(nil), head.Data...), tail.Data...)
	said.Sound = media.Samples{Rate: Rate, Channels: 1, Data: s.sound}
	s.lips = newLips(said)
	return nil
}

// Length returns how long the speech lasts, once.
func (s *Speaker) Length() time.Duration { return media.SamplesToTime(len(s.sound), Rate) }

// At returns when frame n is shown.
func (s *Speaker) At(n int) time.Duration {
	return time.Duration(float64(n) / s.c.FPS * float64(time.Second))
}

// Mouth returns the mouth at a time of the speaker's clock.
func (s *Speaker) Mouth(at time.Duration) inference.MouthShape {
	if length := s.Length(); s.c.Loop && length > 0 {
		at %= length
	}
	return s.lips.at(at)
}

// Lids returns how far the eyes are closed, 0..1, at a time of the speaker's clock.
func (s *Speaker) Lids(at time.Duration) float64 { return s.drawing.motion.at(at).lid }

// Frame returns frame n (0, 1, ...), with its time; the caller holds its only reference.
func (s *Speaker) Frame(n int) *media.Frame {
	at := s.At(n)
	// A frame shows the middle of the time it stands for.
	f := s.drawing.Draw(at, s.Mouth(at+time.Duration(float64(time.Second)/(2*s.c.FPS))))
	if s.c.BarCode {
		Burn(f, uint16(n))
	}
	return f
}

// Sound returns n samples from sample number from on, the caller's to keep.
func (s *Speaker) Sound(from, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		k := from + i
		if s.c.Loop && len(s.sound) > 0 {
			k %= len(s.sound)
		}
		if k >= 0 && k < len(s.sound) {
			out[i] = s.sound[k]
		}
		if m := (from + i) % Rate; m >= 0 && m < len(s.marker) {
			out[i] = int16(min(32767, max(-32768, int(out[i])+int(s.marker[m]))))
		}
	}
	return out
}

// Close frees the speaker; frames it made stay valid until released.
func (s *Speaker) Close() { s.drawing.Close() }
