package testspeaker

import (
	"math"
	"time"

	"livedub/media"
	"livedub/media/codec"
)

// A marker is a short rising tone (a linear chirp). It lies above the
// strongest parts of speech and below 8 kHz, where every codec and the 16 kHz of
// recognition still carry it, and a matched filter finds it below the level of
// speech: its time-bandwidth product is 216.
const (
	markerLow    = 3800.0 // Hz
	markerHigh   = 7400.0
	markerLength = 60 * time.Millisecond
	markerPeak   = 0.35 // of full scale

	markerRate = 16000 // Hz, at which markers are looked for
	markerFit  = 0.32  // least correlation, 0..1; speech stays below 0.25
)

// Marker adds a marker, to every channel of pcm, that begins at the given time
// on pcm's clock. What does not fit in is cut off.
func Marker(pcm media.Samples, at time.Duration) {
	if pcm.Rate <= 0 || pcm.Channels <= 0 {
		return
	}
	offset := (at - pcm.PTS).Seconds() * float64(pcm.Rate) // may stand between samples
	n := pcm.Frames()
	first := max(0, int(math.Ceil(offset)))
	for i := first; i < n; i++ {
		t := (float64(i) - offset) / float64(pcm.Rate)
		if t >= markerLength.Seconds() {
			break
		}
		v := math.Round(markerPeak * 32767 * chirp(t))
		for c := range pcm.Channels {
			s := &pcm.Data[i*pcm.Channels+c]
			*s = int16(min(32767, max(-32768, float64(*s)+v)))
		}
	}
}

// chirp is the marker's wave, -1..1, t seconds after its start.
func chirp(t float64) float64 {
	length := markerLength.Seconds()
	if t < 0 || t >= length {
		return 0
	}
	edge := min(1, min(t, length-t)/.006)
	phase := 2 * math.Pi * (markerLow*t + (markerHigh-markerLow)*t*t/(2*length))
	return math.Sin(phase) * math.Sin(edge*math.Pi/2)
}

// FindMarkers returns when the markers in sound of any rate begin, on its own
// clock, in order. It does not take speech for a marker, and finds markers that
// were coded, turned down, or spoken over.
func FindMarkers(pcm media.Samples) ([]time.Duration, error) {
	r := codec.NewResampler(markerRate, 1)
	defer r.Close()
	head, err := r.Resample(pcm)
	if err != nil {
		return nil, err
	}
	tail, err := r.Flush()
	if err != nil {
		return nil, err
	}
	samples := highBand(append(append([]int16(nil), head.Data...), tail.Data...))
	template := make([]float64, media.TimeToSamples(markerLength, markerRate))
	for i := range template {
		template[i] = chirp(float64(i) / markerRate)
	}
	template = highBandFloat(template)
	fit := correlate(samples, template)

	var found []time.Duration
	apart := len(template) // two markers never overlap
	for i := 1; i+1 < len(fit); i++ {
		if fit[i] < markerFit {
			continue
		}
		best := i
		for j := i; j < min(i+apart, len(fit)-1); j++ {
			if fit[j] > fit[best] {
				best = j
			}
		}
		at := (float64(best) + vertex(fit[best-1], fit[best], fit[best+1])) / markerRate
		found = append(found, head.PTS+time.Duration(at*float64(time.Second)))
		i = best + apart
	}
	return found, nil
}

// vertex returns where, -.5...5, a parabola through three values has its top.
func vertex(a, b, c float64) float64 {
	d := a - 2*b + c
	if d >= 0 {
		return 0
	}
	return min(.5, max(-.5, (a-c)/(2*d)))
}

// correlate returns the normalised correlation of template with s at every lag.
func correlate(s, template []float64) []float64 {
	n := len(template)
	if len(s) < n {
		return nil
	}
	energy := 0.0
	for _, v := range template {
		energy += v * v
	}
	out := make([]float64, len(s)-n+1)
	power := 0.0
	for _, v := range s[:n] {
		power += v * v
	}
	for i := range out {
		if i > 0 {
			power += s[i+n-1]*s[i+n-1] - s[i-1]*s[i-1]
		}
		// One unit of power a sample is the noise of 16 bits: silence fits nothing.
		out[i] = dot(s[i:i+n], template) / math.Sqrt(energy*(max(0, power)+float64(n)))
	}
	return out
}

func dot(a, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}

func highBand(s []int16) []float64 {
	f := make([]float64, len(s))
	for i, v := range s {
		f[i] = float64(v)
	}
	return highBandFloat(f)
}

// highBandTaps is half the length of the filter that takes speech's strong low part away.
const highBandTaps = 24

// highBandFloat removes what lies below the marker, without delay: a windowed-sinc
// high pass at markerRate, symmetric around each sample.
func highBandFloat(s []float64) []float64 {
	var h [2*highBandTaps + 1]float64
	cut := (markerLow - 300) / markerRate
	for i := range h {
		k := float64(i - highBandTaps)
		v := 2 * cut
		if k != 0 {
			v = math.Sin(2*math.Pi*cut*k) / (math.Pi * k)
		}
		h[i] = -v * (.5 + .5*math.Cos(math.Pi*k/(highBandTaps+1)))
	}
	h[highBandTaps]++
	out := make([]float64, len(s))
	for i := range s {
		from, to := max(0, i-highBandTaps), min(len(s), i+highBandTaps+1)
		out[i] = dot(s[from:to], h[from-i+highBandTaps:to-i+highBandTaps])
	}
	return out
}
