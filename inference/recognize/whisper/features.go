package whisper

import (
	"math"
	"sync"

	"gonum.org/v1/gonum/dsp/fourier"
)

const (
	rate   = 16000 // Hz
	window = 400   // samples of a spectrum, 25 ms
	hop    = 160   // samples from one to the next, 10 ms
)

// Features returns the logarithmic mel spectrum of 16 kHz mono sound as Whisper
// wants it: [bands, frames], row-major, one frame for each 10 ms. The sound is
// cut, or filled with silence, to frames x 160 samples first.
func Features(pcm []float32, bands, frames int) []float32 {
	m := melOf(bands)
	length := frames * hop
	at := func(i int) float64 {
		if i < 0 {
			i = -i // mirrored at both ends
		}
		if i >= length {
			i = 2*(length-1) - i
		}
		if i < 0 || i >= len(pcm) {
			return 0
		}
		return float64(pcm[i])
	}
	fft := fourier.NewFFT(window)
	in := make([]float64, window)
	spectrum := make([]complex128, window/2+1)
	power := make([]float64, window/2+1)
	out := make([]float32, bands*frames)
	most := math.Inf(-1)
	for f := range frames {
		for i := range in {
			in[i] = at(f*hop+i-window/2) * m.hann[i]
		}
		fft.Coefficients(spectrum, in)
		for i, c := range spectrum {
			power[i] = real(c)*real(c) + imag(c)*imag(c)
		}
		for b, filter := range m.filters {
			sum := 0.0
			for i, w := range filter.weights {
				sum += w * power[filter.from+i]
			}
			level := math.Log10(max(sum, 1e-10))
			most = max(most, level)
			out[b*frames+f] = float32(level)
		}
	}
	// What is 80 dB below the loudest is as good as silence.
	for i, v := range out {
		out[i] = float32((max(float64(v), most-8) + 4) / 4)
	}
	return out
}

// mel is what the features of a number of bands are computed with.
type mel struct {
	hann    []float64
	filters []filter
}

// filter weighs the lines of a spectrum for one band.
type filter struct {
	from    int
	weights []float64
}

var mels sync.Map // by the number of bands

func melOf(bands int) *mel {
	if m, ok := mels.Load(bands); ok {
		return m.(*mel)
	}
	m := &mel{hann: make([]float64, window)}
	for i := range m.hann {
		m.hann[i] = (1 - math.Cos(2*math.Pi*float64(i)/window)) / 2
	}
	// Edges are evenly spaced on Slaney's scale from 0 to 8 kHz; a band is a
	// triangle over two of the gaps, of area 2 / its width.
	top := toSlaney(rate / 2)
	edge := func(i int) float64 { return fromSlaney(top * float64(i) / float64(bands+1)) }
	for b := range bands {
		low, mid, high := edge(b), edge(b+1), edge(b+2)
		var f filter
		for i := range window/2 + 1 {
			hz := float64(i) * rate / window
			w := min((hz-low)/(mid-low), (high-hz)/(high-mid)) * 2 / (high - low)
			if w <= 0 {
				continue
			}
			if len(f.weights) == 0 {
				f.from = i
			}
			f.weights = append(f.weights, w)
		}
		m.filters = append(m.filters, f)
	}
	stored, _ := mels.LoadOrStore(bands, m)
	return stored.(*mel)
}

// Slaney's mel scale is linear up to 1 kHz and logarithmic above.
const (
	slaneyHz   = 200. / 3 // of one mel below 1 kHz
	slaneyKnee = 1000 / slaneyHz
)

var slaneyStep = math.Log(6.4) / 27

func toSlaney(hz float64) float64 {
	if hz < 1000 {
		return hz / slaneyHz
	}
	return slaneyKnee + math.Log(hz/1000)/slaneyStep
}

func fromSlaney(mel float64) float64 {
	if mel < slaneyKnee {
		return mel * slaneyHz
	}
	return 1000 * math.Exp((mel-slaneyKnee)*slaneyStep)
}
