// Package listen makes sound ready for recognizers: one channel of it, in which
// nothing that was said is cancelled, and loud enough to be heard.
package listen

import (
	"math"
	"time"

	"livedub/media"
)

// What a stereo recording's halves may do to each other. Their sum has as much
// power as the two on average where they are alike, half of it where they have
// nothing in common, and none where one is the other upside down: a microphone wired wrongly.
const (
	lost    = 0.06 // share of the channels' power in the sum (-12 dB) at which the difference is taken instead
	regain  = 0.25 // share (-6 dB) at which the sum is taken again
	memory  = 300 * time.Millisecond
	fade    = 10 * time.Millisecond
	silence = 1e-8 // power of full scale (-80 dBFS) below which nothing is learned
	block   = 20 * time.Millisecond
)

// Mono makes one channel of two. The zero value is ready; one is for one stream.
type Mono struct {
	sum, both float64 // smoothed power of the sum, and of the two channels on average
	differ    bool    // the difference is taken
	share     float64 // of the difference in what comes out, 0..1: fading
}

// Mix returns s as one channel, at the same rate and times; s itself where it has one.
func (m *Mono) Mix(s media.Samples) media.Samples {
	if s.Channels != 2 {
		return s
	}
	out := media.Samples{PTS: s.PTS, Rate: s.Rate, Channels: 1, Data: make([]int16, s.Frames())}
	size := max(1, media.TimeToSamples(block, s.Rate))
	for at := 0; at < len(out.Data); at += size {
		end := min(at+size, len(out.Data))
		m.block(out.Data[at:end], s.Data[2*at:2*end], s.Rate)
	}
	return out
}

func (m *Mono) block(out, in []int16, rate int) {
	m.learn(in, rate)
	want, step := 0.0, 1/max(1, float64(media.TimeToSamples(fade, rate)))
	if m.differ {
		want = 1
	}
	for i := range out {
		l, r := float64(in[2*i]), float64(in[2*i+1])
		m.share += max(-step, min(step, want-m.share))
		out[i] = int16(math.Round((l + r*(1-2*m.share)) / 2))
	}
}

// learn takes in the power of a block and decides by it.
func (m *Mono) learn(in []int16, rate int) {
	var sum, both float64
	for i := 0; i+1 < len(in); i += 2 {
		l, r := float64(in[i])/32768, float64(in[i+1])/32768
		sum += (l + r) * (l + r) / 4
		both += (l*l + r*r) / 2
	}
	n := float64(len(in) / 2)
	if sum, both = sum/n, both/n; both < silence {
		return
	}
	w := 1.0 // at first, and where it becomes louder at once, a block speaks for itself
	if m.both > 0 && both < 100*m.both {
		w = 1 - math.Exp(-n/float64(rate)/memory.Seconds())
	}
	m.sum += w * (sum - m.sum)
	m.both += w * (both - m.both)
	switch share := m.sum / m.both; {
	case share < lost:
		m.differ = true
	case share > regain:
		m.differ = false
	}
}
