// Package level brings synthesised speech to one loudness, without silence
// before or after it, and without peaks that clip.
package level

import "math"

const (
	silence  = .004 // of the peak, -48 dB: what is below is no sound
	quietest = .003 // peak of a speech, of 1
	margin   = .003 // s kept around the sound, so that it does not start with a click
	loudness = -20. // dBFS, RMS
	ceiling  = .89  // -1 dBFS, of the peak
	attack   = .005 // s in which the limiter goes down
	release  = .080 // s in which it comes back
)

// Speech returns pcm of -1..1, and beyond, as 16 bits at -20 dBFS RMS with peaks
// below -1 dBFS, and the sample of pcm that is its first; false where nothing sounds.
func Speech(pcm []float32, rate int) (sound []int16, from int, ok bool) {
	var peak, sum float64
	for _, v := range pcm {
		peak = max(peak, math.Abs(float64(v)))
	}
	if !(peak >= quietest) || math.IsInf(peak, 0) {
		return nil, 0, false
	}
	floor := silence * peak
	from, to := 0, len(pcm)
	for math.Abs(float64(pcm[from])) < floor {
		from++
	}
	for math.Abs(float64(pcm[to-1])) < floor {
		to--
	}
	keep := int(margin * float64(rate))
	from, to = max(0, from-keep), min(len(pcm), to+keep)
	pcm = pcm[from:to]
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return limit(pcm, math.Pow(10, loudness/20)/math.Sqrt(sum/float64(len(pcm))), rate), from, true
}

// limit applies gain and keeps peaks below the ceiling: it goes down before them, and comes back slowly.
func limit(pcm []float32, gain float64, rate int) []int16 {
	down, up := 1/(attack*float64(rate)), 1/(release*float64(rate))
	need := make([]float64, len(pcm)) // gain that each sample allows
	for i, v := range pcm {
		need[i] = min(1, ceiling/max(math.Abs(float64(v))*gain, 1e-9))
	}
	g := 1.
	for i := len(need) - 1; i >= 0; i-- {
		g = min(need[i], g+down)
		need[i] = g
	}
	g = 1
	out := make([]int16, len(pcm))
	for i, v := range pcm {
		g = min(need[i], g+(1-g)*up+1e-6)
		out[i] = int16(math.Round(float64(v) * gain * g * 32767))
	}
	return out
}
