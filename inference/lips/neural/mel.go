package neural

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

// Features of sound as Wav2Lip's nets were trained on them (K. R. Prajwal et
// al., 2020): mel bands of the short-time spectrum's magnitude, in decibels,
// mapped to -4..4.
const (
	melRate   = 16000 // Hz
	melWindow = 800   // samples, also of the spectrum
	melHop    = 200   // samples: 80 columns a second
	melBands  = 80
	melLow    = 55.   // Hz
	melHigh   = 7600. // Hz
	emphasis  = .97   // of each sample, taken off the next
	floorDB   = -100. // what counts as silence
	refDB     = 20.
	melRange  = 4.
)

// mel makes features. It is used by one goroutine.
type mel struct {
	fft    *fourier.FFT
	hann   [melWindow]float64
	banks  [melBands]bank
	frame  [melWindow]float64
	coeffs []complex128
	power  []float64
}

// bank is one band: what each line of the spectrum from first on counts.
type bank struct {
	first   int
	weights []float64
}

func newMel() *mel {
	m := &mel{fft: fourier.NewFFT(melWindow), power: make([]float64, melWindow/2+1)}
	for i := range m.hann {
		m.hann[i] = .5 - .5*math.Cos(2*math.Pi*float64(i)/melWindow)
	}
	// Bands lie evenly on Slaney's mel scale; each has the same area.
	low, high := toMel(melLow), toMel(melHigh)
	edge := func(i int) float64 { return fromMel(low + (high-low)*float64(i)/(melBands+1)) }
	for b := range m.banks {
		from, mid, to := edge(b), edge(b+1), edge(b+2)
		for k := range melWindow/2 + 1 {
			f := float64(k) * melRate / melWindow
			w := min((f-from)/(mid-from), (to-f)/(to-mid))
			if w <= 0 {
				continue
			}
			if len(m.banks[b].weights) == 0 {
				m.banks[b].first = k
			}
			m.banks[b].weights = append(m.banks[b].weights, w*2/(to-from))
		}
	}
	return m
}

// Slaney's mel scale: linear to 1 kHz, logarithmic above.
const (
	melStep  = 200. / 3
	melKnee  = 1000 / melStep
	melSlope = .06875177742094912 // ln 6.4 / 27
)

func toMel(hz float64) float64 {
	if hz < 1000 {
		return hz / melStep
	}
	return melKnee + math.Log(hz/1000)/melSlope
}

func fromMel(m float64) float64 {
	if m < melKnee {
		return m * melStep
	}
	return 1000 * math.Exp(melSlope*(m-melKnee))
}

// reach is how many samples before the middle of a column, and after it, it is made of.
const reach = melWindow / 2

// columns makes n columns of features, the first with its middle at sample
// reach + 1 of sound, which holds columnsLen(n) samples. Element b*n+i of the
// result is band b of column i.
func (m *mel) columns(sound []float32, n int) []float32 {
	out := make([]float32, melBands*n)
	for i := range n {
		s := sound[i*melHop:]
		for k := range m.frame {
			m.frame[k] = (float64(s[k+1]) - emphasis*float64(s[k])) * m.hann[k]
		}
		m.coeffs = m.fft.Coefficients(m.coeffs, m.frame[:])
		for k, c := range m.coeffs {
			m.power[k] = math.Hypot(real(c), imag(c))
		}
		for b := range m.banks {
			var sum float64
			for k, w := range m.banks[b].weights {
				sum += w * m.power[m.banks[b].first+k]
			}
			db := 20*math.Log10(max(sum, 1e-5)) - refDB
			out[b*n+i] = float32(min(max(2*melRange*(db-floorDB)/-floorDB-melRange, -melRange), melRange))
		}
	}
	return out
}

// columnsLen is how many samples n columns are made of: one more than their
// windows cover, for the emphasis.
func columnsLen(n int) int { return (n-1)*melHop + melWindow + 1 }

// thirds makes 16 kHz of 48 kHz.
type thirds struct{ taps [2*tapReach + 1]float32 }

const tapReach = 36 // samples at 48 kHz

func newThirds() *thirds {
	var t thirds
	var sum float64
	const cutoff = 7400. / 48000
	for i := range t.taps {
		x := float64(i - tapReach)
		w := .54 + .46*math.Cos(math.Pi*x/(tapReach+1))
		v := 2 * cutoff * w
		if x != 0 {
			v = math.Sin(2*math.Pi*cutoff*x) / (math.Pi * x) * w
		}
		t.taps[i] = float32(v)
		sum += v
	}
	for i := range t.taps {
		t.taps[i] /= float32(sum) * 32768
	}
	return &t
}

// thirdsLen is how many samples at 48 kHz n samples at 16 kHz are made of.
func thirdsLen(n int) int { return 3*(n-1) + 2*tapReach + 1 }

// make returns samples at 16 kHz, -1..1, the first of which stands at sample tapReach of in.
func (t *thirds) make(in []int16, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		s := in[3*i : 3*i+len(t.taps)]
		var sum float32
		for k, v := range s {
			sum += t.taps[k] * float32(v)
		}
		out[i] = sum
	}
	return out
}
