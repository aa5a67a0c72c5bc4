package testspeaker

import (
	"errors"
	"fmt"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/media/codec"
)

// Rate is the sample rate of a talker's sound, which is mono, in Hz.
const Rate = 48000

// Config says what a talker shows and says. Zero fields take the defaults.
type Config struct {
	Width, Height int     // pixels, even; 640 by 360
	FPS           float64 // frames per second; 30
	Seed          uint64  // of the looks and the movements
	Speech        Speech  // none: silence and a mouth at rest
	Loop          bool    // say it again and again; else silence follows
	BarCode       bool    // number the frames: Frame(n) carries n modulo 65536
	Markers       bool    // a sound marker at every whole second, 0 included
}

// Talker is a speaker whose every frame and sample is known beforehand: by
// number, in any order. It is used by one goroutine.
type Talker struct {
	c       Config
	drawing *Drawing
	lips    *lips
	sound   []int16 // at Rate
	marker  []int16
}

// New returns a talker.
func New(c Config) (*Talker, error) {
	if c.Width == 0 && c.Height == 0 {
		c.Width, c.Height = 640, 360
	}
	if c.FPS == 0 {
		c.FPS = 30
	}
	if !(c.FPS >= 1 && c.FPS <= 120) {
		return nil, fmt.Errorf("talker: %v frames a second: give 1 to 120", c.FPS)
	}
	t := &Talker{c: c, lips: &lips{}}
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
func (t *Talker) hear(s Speech) error {
	if len(s.Sound.Data) == 0 {
		return nil
	}
	if s.Sound.Rate <= 0 || s.Sound.Channels < 1 || s.Sound.Channels > 2 {
		return errors.New("talker: give speech with its rate and one or two channels")
	}
	r := codec.NewResampler(Rate, 1)
	defer r.Close()
	s.Sound.PTS = 0
	head, err := r.Resample(s.Sound)
	if err != nil {
		return err
	}
	tail, err := r.Flush()
	if err != nil {
		return err
	}
	t.sound = append(append([]int16(nil), head.Data...), tail.Data...)
	s.Sound = media.Samples{Rate: Rate, Channels: 1, Data: t.sound}
	t.lips = newLips(s)
	return nil
}

// Length returns how long the speech lasts, once.
func (t *Talker) Length() time.Duration { return media.SamplesToTime(len(t.sound), Rate) }

// At returns when frame n is shown.
func (t *Talker) At(n int) time.Duration {
	return time.Duration(float64(n) / t.c.FPS * float64(time.Second))
}

// Mouth returns the mouth at a time of the talker's clock.
func (t *Talker) Mouth(at time.Duration) inference.MouthShape {
	if length := t.Length(); t.c.Loop && length > 0 {
		at %= length
	}
	return t.lips.at(at)
}

// Lids returns how far the eyes are closed, 0..1, at a time of the talker's clock.
func (t *Talker) Lids(at time.Duration) float64 { return t.drawing.motion.at(at).lid }

// Frame returns frame n (0, 1, ...), with its time; the caller holds its only reference.
func (t *Talker) Frame(n int) *media.Frame {
	at := t.At(n)
	// A frame shows the middle of the time it stands for.
	f := t.drawing.Draw(at, t.Mouth(at+time.Duration(float64(time.Second)/(2*t.c.FPS))))
	if t.c.BarCode {
		Burn(f, uint16(n))
	}
	return f
}

// Sound returns n samples from sample number from on, the caller's to keep.
func (t *Talker) Sound(from, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		k := from + i
		if t.c.Loop && len(t.sound) > 0 {
			k %= len(t.sound)
		}
		if k >= 0 && k < len(t.sound) {
			out[i] = t.sound[k]
		}
		if m := (from + i) % Rate; m >= 0 && m < len(t.marker) {
			out[i] = int16(min(32767, max(-32768, int(out[i])+int(t.marker[m]))))
		}
	}
	return out
}

// Close frees the talker; frames it made stay valid until released.
func (t *Talker) Close() { t.drawing.Close() }
