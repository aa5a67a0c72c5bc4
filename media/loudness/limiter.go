package loudness

import "math"

const (
	// ceiling is what no peak of four times oversampling is above, dBTP. EBU R128 allows
	// -1: between those points a peak may be .7 dB higher, and meters differ.
	ceiling = -1.6
	// holdFor is how long before a peak the limiter goes down, and recovery how long it
	// takes for two thirds of the way back, s.
	holdFor  = .005
	recovery = .070
)

// unity is a gain of 1 as an integer: sums of gains stay exact.
const unity = 1 << 40

// limiter keeps true peaks below the ceiling. All channels have one gain, which is
// down in time for a peak: the sound leaves it delay sample instants later.
type limiter struct {
	channels int
	delay    int // sample instants from what goes in to what comes out
	look     int // of them, those that the gain is spread over
	release  float64
	most     float64 // ceiling as a factor

	sound []float64 // interleaved: what has not left yet, behind what the filter still needs
	head  int       // sample instants of sound that have left
	low   minimum   // of peaks, over look+1
	held  float64   // gain that recovers
	line  []int64   // the last look+1 held gains, a ring, in parts of unity
	at    int
	sum   int64 // of line
	last  float64

	went, came float64 // energy before and behind the limiter, of what has left since it was asked for
}

func newLimiter(rate, channels int) *limiter {
	l := &limiter{channels: channels, delay: int(holdFor * float64(rate)), most: math.Pow(10, ceiling/20), release: 1 - math.Exp(-1/(recovery*float64(rate)))}
	l.look = l.delay - half
	l.reset()
	return l
}

// reset forgets the sound that has not left, and that nothing was to be limited.
func (l *limiter) reset() {
	l.sound = make([]float64, (half-1)*l.channels)
	l.head = half - 1
	l.low = minimum{span: l.look + 1}
	l.held, l.last, l.at = 1, 1, 0
	l.line = make([]int64, l.look+1)
	for i := range l.line {
		l.line[i] = unity
	}
	l.sum = unity * int64(len(l.line))
}

// put takes interleaved sound, 1 being full scale, and appends to out, limited and as
// 16 bits, the sound of the same length that went in delay sample instants before.
// What was before the first sound is not told.
func (l *limiter) put(in []float64, out []int16) []int16 {
	c := l.channels
	from := len(l.sound)/c - half // of the first interval that is known now
	l.sound = append(l.sound, in...)
	to := len(l.sound)/c - half
	quiet := l.quiet(max(0, from-half+1))
	for i := max(from, half-1); i < to; i++ {
		need := 1.
		if !quiet {
			need = min(1, l.most/max(l.peak(i), 1e-9))
		}
		need, l.last = min(need, l.last), need // the interval before ends here
		l.push(need)
		if j := i - l.look; j >= l.head {
			gain := float64(l.sum) / (unity * float64(len(l.line)))
			for k := range c {
				v := l.sound[j*c+k]
				l.went += v * v
				v *= gain
				l.came += v * v
				out = append(out, pcm(v))
			}
			l.head = j + 1
		}
	}
	// What the filter needs of what has left: half-1 before the next interval.
	if drop := min(l.head, to-half+1) * c; drop > 0 {
		l.sound = append(l.sound[:0], l.sound[drop:]...)
		l.head -= drop / c
	}
	return out
}

// push takes the gain that the next sample instant allows.
func (l *limiter) push(need float64) {
	if low := l.low.push(need); low < l.held {
		l.held = low
	} else if l.held += (low - l.held) * l.release; low-l.held < 1e-5 {
		l.held = low
	}
	g := int64(l.held * unity)
	l.sum += g - l.line[l.at]
	l.line[l.at] = g
	l.at = (l.at + 1) % len(l.line)
}

// quiet tells whether nothing from sample instant i on can have a peak above the ceiling.
func (l *limiter) quiet(i int) bool {
	for _, v := range l.sound[i*l.channels:] {
		if math.Abs(v)*reach > l.most {
			return false
		}
	}
	return true
}

// peak returns the largest value, of any channel, from sample instant i to the next one.
func (l *limiter) peak(i int) float64 {
	most := 0.
	for k := range l.channels {
		most = max(most, math.Abs(l.sound[i*l.channels+k]), math.Abs(l.sound[(i+1)*l.channels+k]))
		for p := range filters {
			v := 0.
			at := (i-half+1)*l.channels + k
			for _, h := range filters[p] {
				v += h * l.sound[at]
				at += l.channels
			}
			most = max(most, math.Abs(v))
		}
	}
	return most
}

// pcm is v as 16 bits.
func pcm(v float64) int16 { return int16(math.Round(min(max(v*32768, -32768), 32767))) }

// minimum is the smallest of the last span values.
type minimum struct {
	span, n int
	kept    []valued // increasing, the first one being the smallest
}

type valued struct {
	at int
	v  float64
}

func (m *minimum) push(v float64) float64 {
	for len(m.kept) > 0 && m.kept[len(m.kept)-1].v >= v {
		m.kept = m.kept[:len(m.kept)-1]
	}
	m.kept = append(m.kept, valued{m.n, v})
	if m.kept[0].at <= m.n-m.span {
		m.kept = m.kept[1:]
	}
	m.n++
	return m.kept[0].v
}

// half is how many sample instants before and behind it the filter looks at.
const half = 8

// filters give the values at one, two and three quarters between two sample instants,
// of the 2*half around them: a sinc under a Kaiser window.
var filters = func() (f [3][2 * half]float64) {
	for p := range f {
		sum := 0.
		for i := range f[p] {
			x := float64(i-half+1) - float64(p+1)/4
			w := x / half
			f[p][i] = math.Sin(math.Pi*x) / (math.Pi * x) * bessel(6*math.Sqrt(max(0, 1-w*w)))
			sum += f[p][i]
		}
		for i := range f[p] {
			f[p][i] /= sum
		}
	}
	return f
}()

// reach is how many times as large as all samples a value between two may be.
var reach = func() (most float64) {
	for p := range filters {
		sum := 0.
		for _, h := range filters[p] {
			sum += math.Abs(h)
		}
		most = max(most, sum)
	}
	return most
}()

// bessel is the modified Bessel function of the first kind of order 0.
func bessel(x float64) float64 {
	sum, term := 1., 1.
	for k := 1.; term > 1e-12*sum; k++ {
		term *= x / 2 / k * (x / 2 / k)
		sum += term
	}
	return sum
}
