package dub

import (
	"fmt"
	"math"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/media/codec"
	"livedub/session/timeline"
)

// Played returns n samples of the dub's voice alone from an output time on, mono at
// 16 kHz; nil for silence.
func (d *Dub) Played(from time.Duration, n int) []int16 {
	const less = timeline.Rate / 16000
	loud := make([]int16, n*less)
	d.timeline.Voice(math.MaxInt64, from, loud, inference.Anyone, nil)
	out, sounds := make([]int16, n), false
	for i := range out {
		sum := 0
		for _, v := range loud[i*less : (i+1)*less] {
			sum += int(v)
		}
		out[i] = int16(sum / less)
		sounds = sounds || out[i] != 0
	}
	if !sounds {
		return nil
	}
	return out
}

// maxSpeech is the longest dub of one phrase that is taken for speech.
const maxSpeech = time.Minute

// maxText is how many characters a phrase may have to be spoken: nobody says
// more than 20 a second.
const maxText = 20 * int(maxSpeech/time.Second)

// playable tells why a speech cannot be played; nil where it can.
func playable(s inference.Speech) error {
	switch {
	case s.Sound.Rate < 4000 || s.Sound.Rate > 384000 || s.Sound.Channels != 1 || len(s.Sound.Data) == 0:
		return fmt.Errorf("the voice gave %d samples of %d channels at %d Hz: mono speech is needed", len(s.Sound.Data), s.Sound.Channels, s.Sound.Rate)
	case s.Sound.Duration() > maxSpeech:
		return fmt.Errorf("the voice spoke for %v: at most %v is played", s.Sound.Duration(), maxSpeech)
	case !(s.Rate >= 0 && s.Rate <= 10): // NaN too
		return fmt.Errorf("the voice spoke %v times as fast as it does", s.Rate)
	}
	last, end := time.Duration(0), s.Sound.Duration()+time.Second // it may round its times
	for _, m := range s.Marks {
		if m.At < last || m.Dur < 0 || m.Dur > end || m.At > end-m.Dur {
			return fmt.Errorf("the voice gave a phoneme %q at %v for %v in speech of %v", m.IPA, m.At, m.Dur, s.Sound.Duration())
		}
		last = m.At
	}
	last = 0
	for _, w := range s.Words {
		if w.Start < last || w.End < w.Start || w.End > end {
			return fmt.Errorf("the voice gave a word from %v to %v in speech of %v", w.Start, w.End, s.Sound.Duration())
		}
		last = w.Start
	}
	return nil
}

// resample brings a whole speech to the timeline's rate.
func resample(s media.Samples) ([]int16, error) {
	r := codec.NewResampler(timeline.Rate, 1)
	defer r.Close()
	out, err := r.Resample(s)
	if err != nil {
		return nil, fmt.Errorf("resample: %w", err)
	}
	tail, err := r.Flush()
	if err != nil {
		return nil, fmt.Errorf("resample: %w", err)
	}
	sound := append(out.Data, tail.Data...)
	want := media.TimeToSamples(s.Duration(), timeline.Rate)
	return sound[:min(want, len(sound))], nil
}

// probe keeps the first second of a dub, by every third sample of a short mean:
// enough to find it again in what was written.
func probe(sound []int16) []int16 {
	n := min(len(sound), timeline.Rate) / 3
	out := make([]int16, n)
	for i := range out {
		out[i] = int16((int(sound[3*i]) + int(sound[3*i+1]) + int(sound[3*i+2])) / 3)
	}
	return out
}
