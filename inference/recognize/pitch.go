package recognize

import (
	"slices"

	"livedub/inference"
)

const (
	pitchRate   = sampleRate / 2
	pitchMin    = 60  // Hz
	pitchMax    = 450 // Hz
	pitchWindow = 256 // samples compared: 32 ms
	pitchMaxLag = pitchRate / pitchMin
	pitchMinLag = pitchRate / pitchMax
	pitchSpan   = pitchWindow + pitchMaxLag + 1
	// pitchClear is YIN's threshold: the aperiodic part of a frame's power above which it has no pitch.
	pitchClear = 0.15
	pitchFew   = 5 // fewer voiced frames tell nothing of a voice
)

// pitchMeter measures the fundamental frequency of a voice, frame by frame, by
// YIN (de Cheveigné and Kawahara 2002) at 8 kHz.
type pitchMeter struct {
	hist  [pitchSpan]float32 // the newest samples
	found []pitchPoint
}

type pitchPoint struct {
	pos int // sample
	hz  float64
}

// push hears the frame that ends at sample pos; voiced tells whether to measure it.
func (m *pitchMeter) push(frame []int16, pos int, voiced bool) {
	n := min(len(frame)/2, pitchSpan)
	copy(m.hist[:], m.hist[n:])
	frame = frame[len(frame)-2*n:]
	for i := range n {
		m.hist[pitchSpan-n+i] = float32(frame[2*i]) + float32(frame[2*i+1])
	}
	if !voiced {
		return
	}
	if hz, ok := yin(&m.hist); ok {
		m.found = append(m.found, pitchPoint{pos, hz})
	}
}

// between returns what was found in the samples from..to.
func (m *pitchMeter) between(from, to int) []pitchPoint {
	lo, hi := 0, len(m.found)
	for lo < hi && m.found[lo].pos <= from {
		lo++
	}
	for hi > lo && m.found[hi-1].pos > to {
		hi--
	}
	return m.found[lo:hi]
}

// pitchRange returns the range of a voice; zero where too little is known.
func pitchRange(found []pitchPoint) inference.Pitch {
	if len(found) < pitchFew {
		return inference.Pitch{}
	}
	hz := make([]float64, len(found))
	for i, p := range found {
		hz[i] = p.hz
	}
	slices.Sort(hz)
	at := func(percent int) float64 { return hz[(len(hz)-1)*percent/100] }
	return inference.Pitch{Low: at(10), Median: at(50), High: at(90)}
}

// forget drops what was found before sample pos.
func (m *pitchMeter) forget(pos int) {
	i := 0
	for i < len(m.found) && m.found[i].pos <= pos {
		i++
	}
	m.found = append(m.found[:0], m.found[i:]...)
}

// yin returns the fundamental of x in Hz, or false where x has none.
func yin(x *[pitchSpan]float32) (float64, bool) {
	var d [pitchMaxLag + 2]float64 // cumulative mean normalised difference
	d[0] = 1
	sum := 0.0
	for lag := 1; lag <= pitchMaxLag; lag++ {
		var s float32
		a, b := x[:pitchWindow], x[lag:lag+pitchWindow]
		for j, v := range a {
			e := v - b[j]
			s += e * e
		}
		sum += float64(s)
		if sum == 0 {
			return 0, false
		}
		d[lag] = float64(s) * float64(lag) / sum
	}
	for lag := pitchMinLag; lag < pitchMaxLag; lag++ {
		if d[lag] >= pitchClear {
			continue
		}
		for lag+1 < pitchMaxLag && d[lag+1] < d[lag] {
			lag++
		}
		l, c, r := d[lag-1], d[lag], d[lag+1]
		shift := 0.0
		if den := l - 2*c + r; den > 0 {
			shift = (l - r) / (2 * den)
		}
		return pitchRate / (float64(lag) + min(max(shift, -1), 1)), true
	}
	return 0, false
}
