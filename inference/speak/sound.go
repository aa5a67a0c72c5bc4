package speak

import (
	"math"
	"strings"
	"time"

	"livedub/inference"
	"livedub/inference/speak/wire"
	"livedub/inference/viseme"
	"livedub/media"
)

// sound is one synthesis: what lies between its first and its last sounding sample.
type sound struct {
	pcm    []int16
	rate   int
	events []wire.Event // samples count from pcm's start; before and after it they are cut to its ends
}

const (
	silence  = .004                  // of the peak, -48 dB: what is below is no sound
	margin   = 3 * time.Millisecond  // kept around the sound, so that it does not start with a click
	loudness = -20.                  // dBFS, RMS
	ceiling  = .89                   // -1 dBFS, of the peak
	gap      = 40 * time.Millisecond // shorter pauses are part of the sound before
)

// newSound trims and levels a reply; nil if it is silent.
func newSound(p wire.Reply, rate int) *sound {
	var peak int
	for _, v := range p.PCM {
		peak = max(peak, abs(v))
	}
	if peak < 100 {
		return nil
	}
	floor := max(1, int(silence*float64(peak)))
	from, to := 0, len(p.PCM)
	for abs(p.PCM[from]) < floor {
		from++
	}
	for abs(p.PCM[to-1]) < floor {
		to--
	}
	keep := media.TimeToSamples(margin, rate)
	from, to = max(0, from-keep), min(len(p.PCM), to+keep)
	s := &sound{pcm: p.PCM[from:to], rate: rate}
	for _, e := range p.Events {
		e.Sample = min(max(0, e.Sample-from), len(s.pcm))
		s.events = append(s.events, e)
	}
	s.level(peak)
	return s
}

// level brings the sound to the common loudness.
func (s *sound) level(peak int) {
	var sum float64
	for _, v := range s.pcm {
		sum += float64(v) * float64(v)
	}
	rms := math.Sqrt(sum/float64(len(s.pcm))) / 32768
	gain := min(math.Pow(10, loudness/20)/rms, ceiling*32768/float64(peak))
	for i, v := range s.pcm {
		s.pcm[i] = int16(math.Round(float64(v) * gain))
	}
}

func abs(v int16) int {
	if v < 0 {
		return -int(v)
	}
	return int(v)
}

func (s *sound) duration() time.Duration { return media.SamplesToTime(len(s.pcm), s.rate) }

func (s *sound) samples() media.Samples {
	return media.Samples{Rate: s.rate, Channels: 1, Data: s.pcm}
}

// phonemes returns the phonemes that last, each with its end in Pos, without
// pauses at either end; the first starts at 0, the last ends with the sound.
func (s *sound) phonemes() []wire.Event {
	var ps []wire.Event
	for _, e := range s.events {
		if e.Kind != wire.Phoneme || strings.HasPrefix(e.IPA, "(") { // "(en)": another language's rules from here
			continue
		}
		if n := len(ps); n > 0 && ps[n-1].Sample == e.Sample {
			ps = ps[:n-1] // lasts no time
		}
		if n := len(ps); n > 0 && ps[n-1].IPA == e.IPA {
			continue // one longer pause, or a long consonant (Italian mamma)
		}
		ps = append(ps, e)
	}
	for len(ps) > 0 && ps[0].IPA == "" {
		ps = ps[1:]
	}
	for n := len(ps); n > 0 && (ps[n-1].IPA == "" || ps[n-1].Sample >= len(s.pcm)); n-- {
		ps = ps[:n-1]
	}
	for i := range ps {
		ps[i].Pos = len(s.pcm)
		if i+1 < len(ps) {
			ps[i].Pos = ps[i+1].Sample
		}
	}
	if len(ps) > 0 {
		ps[0].Sample = 0
	}
	return s.joinGaps(ps)
}

// joinGaps gives pauses too short to be seen or heard to the phoneme before.
func (s *sound) joinGaps(ps []wire.Event) []wire.Event {
	short := media.TimeToSamples(gap, s.rate)
	out := ps[:0]
	for _, p := range ps {
		if p.IPA == "" && p.Pos-p.Sample < short && len(out) > 0 {
			out[len(out)-1].Pos = p.Pos
			continue
		}
		out = append(out, p)
	}
	return out
}

func (s *sound) time(sample int) time.Duration { return media.SamplesToTime(sample, s.rate) }

// marks returns the phonemes as marks.
func (s *sound) marks() []inference.Mark {
	var marks []inference.Mark
	for _, p := range s.phonemes() {
		at := s.time(p.Sample)
		marks = append(marks, inference.Mark{IPA: p.IPA, Viseme: viseme.Of(p.IPA), At: at, Dur: s.time(p.Pos) - at})
	}
	return marks
}
