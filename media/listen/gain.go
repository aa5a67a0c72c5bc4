package listen

import (
	"math"
	"time"

	"livedub/media"
)

// All levels are of blocks of 20 ms, in dBFS of their root mean square.
const (
	target   = -24.0 // to which the loudest of speech is raised; what is louder stays as it is
	most     = 42.0  // dB that sound is raised at most
	loudest  = -45.0 // to which the background is raised at most
	standOut = 10.0  // dB above the background from which a block counts as speech
	faintest = -78.0 // nothing below counts, however silent the background
	climb    = 10.0  // dB a second by which the gain rises, and falls for the background's sake; for loud speech it falls at once

	peaks    = 6                      // windows of speech whose loudest block counts
	peakLen  = 500 * time.Millisecond // of speech in one
	lows     = 8                      // windows whose quietest block is the background
	lowLen   = 250 * time.Millisecond // of sound in one
	rampTime = 5 * time.Millisecond   // in which the gain goes up from one block's to the next one's
)

// Gain raises quiet speech for a recognizer: slowly, within bounds, and by the
// level of what stands out of the background, so that noise alone stays what it
// is. The zero value is ready; one is for one stream of one channel.
type Gain struct {
	heard  bool    // any speech
	gain   float64 // dB
	last   float64 // factor at the end of the block before; 0 at first
	acc    meter   // of the block that is measured
	peak   window
	ground window
}

// Apply returns s raised; s itself, whose samples it never changes, where nothing is to be raised.
func (g *Gain) Apply(s media.Samples) media.Samples {
	if s.Channels != 1 || s.Rate <= 0 || len(s.Data) == 0 {
		return s
	}
	n := (len(s.Data) + s.Rate/50 - 1) / max(1, s.Rate/50)
	var out []int16 // made with the first block that is raised
	for i := range n {
		from, to := i*len(s.Data)/n, (i+1)*len(s.Data)/n
		if from == to {
			continue
		}
		in := s.Data[from:to]
		if g.acc.add(in); 4*g.acc.n >= 3*s.Rate/50 { // short chunks are measured together
			g.learn(g.acc.decibels(), media.SamplesToTime(g.acc.n, s.Rate))
			g.acc = meter{}
		}
		want := math.Pow(10, g.gain/20)
		if g.last == 0 {
			g.last = want
		}
		if out == nil && want == 1 && g.last == 1 {
			continue
		}
		if out == nil {
			out = append(make([]int16, 0, len(s.Data)), s.Data[:from]...)
		}
		ramp := media.TimeToSamples(rampTime, s.Rate)
		for j, v := range in {
			f := want
			if j < ramp && want > g.last { // what is too loud already must not wait
				f = g.last + (want-g.last)*float64(j)/float64(ramp)
			}
			out = append(out, int16(max(-32768, min(32767, math.Round(float64(v)*f)))))
		}
		g.last = want
	}
	if out != nil {
		s.Data = out
	}
	return s
}

// learn takes in the level of a block that lasts d and sets the gain.
func (g *Gain) learn(db float64, d time.Duration) {
	g.ground.push(-db, d, lowLen, lows)
	floor := -g.ground.most()
	if db > max(floor+standOut, faintest) {
		g.peak.push(db, d, peakLen, peaks)
	}
	if len(g.peak.past) == 0 && g.peak.filled == 0 {
		return
	}
	safe := max(0, min(target-g.peak.most(), most))
	want := min(safe, max(0, loudest-floor))
	if g.heard { // a step of the background's is heard as a sound of its own
		step := climb * d.Seconds()
		want = min(safe, max(g.gain-step, min(want, g.gain+step)))
	}
	g.heard = g.heard || want > 0
	g.gain = want
}

// window remembers the most of what was pushed lately.
type window struct {
	past   []float64 // the most of each window before this one, oldest first
	now    float64   // of this one
	filled time.Duration
}

func (w *window) push(v float64, d, length time.Duration, n int) {
	if w.filled == 0 || v > w.now {
		w.now = v
	}
	if w.filled += d; w.filled >= length {
		if w.past = append(w.past, w.now); len(w.past) > n {
			w.past = w.past[1:]
		}
		w.filled = 0
	}
}

func (w *window) most() float64 {
	v := math.Inf(-1)
	if w.filled > 0 {
		v = w.now
	}
	for _, p := range w.past {
		v = max(v, p)
	}
	return v
}

// meter measures a block.
type meter struct {
	n       int
	sum, sq float64 // 1 being full scale
}

func (m *meter) add(b []int16) {
	m.n += len(b)
	for _, v := range b {
		x := float64(v) / 32768
		m.sum, m.sq = m.sum+x, m.sq+x*x
	}
}

// decibels returns the level around the mean.
func (m *meter) decibels() float64 {
	n := float64(m.n)
	mean := m.sum / n
	return max(-90, 10*math.Log10(max(0, m.sq/n-mean*mean)+1e-12))
}
