package align

import (
	"math"
	"time"

	"gonum.org/v1/gonum/dsp/fourier"

	"livedub/media"
)

const (
	hop    = 10 * time.Millisecond // from frame to frame
	window = 25 * time.Millisecond
	bands  = 26
	low    = 80.   // Hz
	high   = 6000. // Hz: what every voice has
	cepstr = 13    // coefficients, the level left out, and their change
	floor  = 1e-7  // of a band's power: silence
)

// features returns one frame of cepstral coefficients for each hop: the shape of
// the spectrum and its change, whatever the voice's level and colour.
func features(s media.Samples) [][]float64 {
	size := media.TimeToSamples(window, s.Rate)
	fft := fourier.NewFFT(size)
	banks := filters(size, s.Rate)
	frames := max(int((s.Duration()+hop-1)/hop), 1)
	in, spectrum := make([]float64, size), []complex128(nil)
	out := make([][]float64, frames)
	for n := range out {
		middle := media.TimeToSamples(time.Duration(n)*hop, s.Rate)
		for k := range in {
			in[k] = 0
			if i := middle - size/2 + k; i > 0 && i < len(s.Data) {
				v := float64(s.Data[i]) - .97*float64(s.Data[i-1])
				in[k] = v / 32768 * (.54 - .46*math.Cos(2*math.Pi*float64(k)/float64(size-1)))
			}
		}
		spectrum = fft.Coefficients(spectrum, in)
		log := make([]float64, bands)
		for b, bank := range banks {
			var power float64
			for k, w := range bank {
				if w > 0 {
					power += w * (real(spectrum[k])*real(spectrum[k]) + imag(spectrum[k])*imag(spectrum[k]))
				}
			}
			log[b] = math.Log(power/float64(size) + floor)
		}
		out[n] = cosines(log)
	}
	normalise(out)
	return changes(out)
}

// filters are triangles that lie evenly on the mel scale.
func filters(size, rate int) [][]float64 {
	mel := func(hz float64) float64 { return 1127 * math.Log1p(hz/700) }
	edge := func(i int) float64 {
		return 700 * math.Expm1((mel(low)+(mel(high)-mel(low))*float64(i)/(bands+1))/1127)
	}
	out := make([][]float64, bands)
	for b := range out {
		from, mid, to := edge(b), edge(b+1), edge(b+2)
		out[b] = make([]float64, size/2+1)
		for k := range out[b] {
			f := float64(k) * float64(rate) / float64(size)
			out[b][k] = max(0, min((f-from)/(mid-from), (to-f)/(to-mid)))
		}
	}
	return out
}

// cosines returns the coefficients of a cosine transform, the first of which is the level.
func cosines(log []float64) []float64 {
	out := make([]float64, cepstr)
	for i := range out {
		for b, v := range log {
			out[i] += v * math.Cos(math.Pi*float64(i)*(float64(b)+.5)/bands)
		}
	}
	return out
}

// normalise gives every coefficient the same mean and spread over the whole.
func normalise(frames [][]float64) {
	for k := range frames[0] {
		var mean, spread float64
		for _, f := range frames {
			mean += f[k] / float64(len(frames))
		}
		for _, f := range frames {
			spread += (f[k] - mean) * (f[k] - mean) / float64(len(frames))
		}
		for _, f := range frames {
			f[k] = (f[k] - mean) / (math.Sqrt(spread) + 1e-9)
		}
	}
}

// changes adds to every frame how it changes around it.
func changes(frames [][]float64) [][]float64 {
	out := make([][]float64, len(frames))
	at := func(i int) []float64 { return frames[min(max(i, 0), len(frames)-1)] }
	for i, f := range frames {
		out[i] = append([]float64(nil), f...)
		for k := range f {
			out[i] = append(out[i], (at(i + 2)[k]-at(i - 2)[k])/2+(at(i + 1)[k]-at(i - 1)[k])/4)
		}
	}
	return out
}
