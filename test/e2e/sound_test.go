package e2e

import (
	"encoding/binary"
	"math"
	"testing"
)

const soundRate = 48000

// soundOf decodes a file's sound with ffmpeg: mono, at soundRate, from its time zero.
func soundOf(t *testing.T, path string) []float64 {
	t.Helper()
	raw := tool(t, "ffmpeg", "-v", "error", "-i", path, "-af", "aresample=async=1:first_pts=0", "-ac", "1", "-ar", "48000", "-f", "s16le", "-")
	out := make([]float64, len(raw)/2)
	for i := range out {
		out[i] = float64(int16(binary.LittleEndian.Uint16([]byte(raw[2*i : 2*i+2]))))
	}
	return out
}

// tone returns the amplitude of a frequency in the 20 ms around t seconds.
func tone(pcm []float64, hz, t float64) float64 {
	from := int(t*soundRate) - 480
	if from < 0 || from+960 > len(pcm) {
		return 0
	}
	var re, im float64
	for i, v := range pcm[from : from+960] {
		a := 2 * math.Pi * hz * float64(i) / soundRate
		re += v * math.Cos(a)
		im += v * math.Sin(a)
	}
	return 2 * math.Hypot(re, im) / 960
}

// onset returns the first time after from at which the frequency reaches half of its level, in seconds, -1 for never.
func onset(pcm []float64, hz, from, level float64) float64 {
	for t := from; t < float64(len(pcm))/soundRate; t += .001 {
		if tone(pcm, hz, t) > level/2 {
			return t
		}
	}
	return -1
}
