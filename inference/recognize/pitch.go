package recognize

import (
	"slices"

	"livedub/inference"
	"livedub/inference/pitch"
)

// fewer voiced frames than pitchFew tell nothing of a voice.
const pitchFew = 5

// pitchMeter measures the fundamental frequency of a voice, frame by frame.
type pitchMeter struct {
	hist  [pitch.Span]float32 // the newest samples
	found []pitchPoint
}

type pitchPoint struct {
	pos int // sample
	hz  float64
}

// push hears the frame that ends at sample pos; voiced tells whether to measure it.
func (m *pitchMeter) push(frame []int16, pos int, voiced bool) {
	n := min(len(frame)/2, pitch.Span)
	copy(m.hist[:], m.hist[n:])
	frame = frame[len(frame)-2*n:]
	for i := range n {
		m.hist[pitch.Span-n+i] = float32(frame[2*i]) + float32(frame[2*i+1])
	}
	if !voiced {
		return
	}
	if hz, ok := pitch.Of(&m.hist); ok {
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
