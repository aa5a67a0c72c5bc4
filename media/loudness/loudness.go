// Package loudness brings sound that goes on for ever to a loudness of EBU R128, with
// true peaks below -1 dBTP, and tells how loud it is.
//
// A meter (libavfilter's ebur128) listens to what comes out, a slow gain follows it,
// and a limiter that looks ahead takes the peaks. The limiter delays the sound by a
// constant Leveler.Delay, 5 ms, and what comes out bears its own time: whoever goes by
// the times of samples has sound and picture in step as before.
package loudness

import (
	"fmt"
	"math"
	"sync"
	"time"

	"livedub/media"
	"livedub/media/codec"
)

// MaxTruePeak is what no true peak of leveled sound is above, dBTP.
const MaxTruePeak = -1

// The targets that a Leveler takes, LUFS.
const (
	Quietest = -36
	Loudest  = -10
)

// Config says what a Leveler makes of sound.
type Config struct {
	Target   float64 // LUFS, Quietest to Loudest
	Rate     int     // Hz
	Channels int     // 1 or 2
	Gain     float64 // dB, to begin with where the sound is known; 0 where not
	// Lead has sound begin with silence as long as the delay, so that blocks come
	// out as long as they went in.
	Lead bool
}

// State is how loud a Leveler's sound is, since it began.
type State struct {
	Target     float64 // LUFS
	Integrated float64 // LUFS, codec.Silent where nothing was loud enough to count
	ShortTerm  float64 // LUFS, of the last 3 s
	TruePeak   float64 // dBTP, the largest
	Gain       float64 // dB, now
}

// Leveler brings one stream of sound to its target. State may be called from any
// goroutine, all else by one at a time.
type Leveler struct {
	cfg   Config
	meter *codec.Meter
	limit *limiter

	factor float64       // at the end of the block before
	sound  []float64     // of one block
	begun  bool          // sound is in the limiter
	next   time.Duration // where it goes on
	steps  [4]made       // the last ones: what a momentary loudness was made with

	mu    sync.Mutex
	steer steering
	last  codec.Loudness
}

// made is how sound of 100 ms was made.
type made struct {
	gain       float64 // dB
	went, came float64 // energy before and behind the limiter
}

// New returns a Leveler. It fails where libavfilter has no ebur128.
func New(c Config) (*Leveler, error) {
	if !(c.Target >= Quietest && c.Target <= Loudest) {
		return nil, fmt.Errorf("loudness: %v LUFS: choose %d to %d", c.Target, Quietest, Loudest)
	}
	m, err := codec.NewMeter(c.Rate, c.Channels, true)
	if err != nil {
		return nil, err
	}
	l := &Leveler{cfg: c, meter: m, limit: newLimiter(c.Rate, c.Channels)}
	if c.Gain != 0 {
		l.steer.known = begun
	}
	l.steer.target, l.steer.gain = c.Target, min(max(c.Gain, mostDown), mostUp)
	l.factor = factor(l.steer.gain)
	for i := range l.steps {
		l.steps[i].gain = l.steer.gain
	}
	l.last = codec.Loudness{Momentary: codec.Silent, ShortTerm: codec.Silent, Integrated: codec.Silent, TruePeak: codec.Silent}
	return l, nil
}

// Delay returns by how much later than it goes in sound comes out.
func (l *Leveler) Delay() time.Duration { return media.SamplesToTime(l.limit.delay, l.cfg.Rate) }

// jump is how far two blocks may be apart, or overlap, and count as one stream.
const jump = time.Millisecond

// Put takes a block of sound, which the caller keeps, and returns what of the sound is
// ready: mostly one block that ends Delay before s does. Where s does not go on where
// the sound before ended, the rest of that comes first.
func (l *Leveler) Put(s media.Samples) (out []media.Samples, err error) {
	if s.Rate != l.cfg.Rate || s.Channels != l.cfg.Channels || len(s.Data)%s.Channels != 0 {
		return nil, fmt.Errorf("loudness: %d values of %d channels at %d Hz: give %d at %d", len(s.Data), s.Channels, s.Rate, l.cfg.Channels, l.cfg.Rate)
	}
	if len(s.Data) == 0 {
		return nil, nil
	}
	if l.begun && (s.PTS-l.next).Abs() > jump {
		out, err = l.Flush()
	}
	if !l.begun {
		l.begun = true
		if l.cfg.Lead {
			l.limit.put(make([]float64, l.limit.delay*s.Channels), nil)
		}
	}
	l.next = s.End()
	done, err2 := l.emit(l.limit.put(l.raise(s.Data), make([]int16, 0, len(s.Data))))
	if err == nil {
		err = err2
	}
	return append(out, done...), err
}

// raise returns pcm, 1 being full scale, by the gain.
func (l *Leveler) raise(pcm []int16) []float64 {
	l.mu.Lock()
	to := factor(l.steer.gain)
	l.mu.Unlock()
	n, c := len(pcm)/l.cfg.Channels, l.cfg.Channels
	l.sound = l.sound[:0]
	for i := range n {
		g := (l.factor + (to-l.factor)*float64(i)/float64(n)) / 32768
		for k := range c {
			l.sound = append(l.sound, float64(pcm[i*c+k])*g)
		}
	}
	l.factor = to
	return l.sound
}

// emit measures what comes out, which ends Delay before what went in last.
func (l *Leveler) emit(pcm []int16) ([]media.Samples, error) {
	if len(pcm) == 0 {
		return nil, nil
	}
	s := media.Samples{Rate: l.cfg.Rate, Channels: l.cfg.Channels, Data: pcm}
	s.PTS = l.next - l.Delay() - s.Duration()
	steps, err := l.meter.Put(pcm)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range steps {
		copy(l.steps[:], l.steps[1:])
		l.steps[3] = made{l.steer.gain, l.limit.went, l.limit.came}
		l.limit.went, l.limit.came = 0, 0
		if m.Momentary > codec.Silent {
			l.steer.update(m.Momentary - l.raised())
		} else {
			l.steer.pause()
		}
		l.last = m
	}
	return []media.Samples{s}, err
}

// madeGood is how much of what the limiter takes the gain makes good, dB. More is sound
// that its peaks keep from its target, or that has just become loud.
const madeGood = 1.5

// raised returns by how much the sound of the last 400 ms was raised, dB.
func (l *Leveler) raised() float64 {
	var sum made
	for _, s := range l.steps {
		sum.gain, sum.went, sum.came = sum.gain+s.gain/4, sum.went+s.went, sum.came+s.came
	}
	if sum.came == 0 {
		return sum.gain
	}
	taken := level(sum.went) - level(sum.came)
	return sum.gain - max(0, taken-madeGood)
}

// Flush returns the rest of the sound. What is put next begins anew, at the gain that
// was found.
func (l *Leveler) Flush() ([]media.Samples, error) {
	if !l.begun {
		return nil, nil
	}
	rest := l.limit.put(make([]float64, l.limit.delay*l.cfg.Channels), nil)
	l.next += l.Delay()
	out, err := l.emit(rest)
	l.Reset()
	return out, err
}

// Reset forgets the sound that has not come out.
func (l *Leveler) Reset() {
	l.begun = false
	l.limit.reset()
}

// State returns how loud the sound is.
func (l *Leveler) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return State{Target: l.cfg.Target, Integrated: l.last.Integrated, ShortTerm: l.last.ShortTerm, TruePeak: l.last.TruePeak, Gain: l.steer.gain}
}

// Close frees the meter.
func (l *Leveler) Close() { l.meter.Close() }

func factor(dB float64) float64 { return math.Pow(10, dB/20) }
