package recognize

import (
	"math"
	"slices"
	"time"

	"livedub/media"
)

const (
	loudStep = sampleRate / 100 // samples of one measurement of loudness
	// farBelow is how much of a unit's loud parts silence has at most: -24 dB.
	farBelow = .063
)

// loudness is the RMS of a unit's sound, one value each 10 ms.
type loudness []float64

func measure(pcm []int16) loudness {
	out := make(loudness, len(pcm)/loudStep)
	for i := range out {
		sum := 0.0
		for _, v := range pcm[i*loudStep : (i+1)*loudStep] {
			sum += float64(v) * float64(v)
		}
		out[i] = math.Sqrt(sum / loudStep)
	}
	return out
}

// floor returns the level below which there is silence between words.
func (l loudness) floor() float64 {
	if len(l) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(l))
	return sorted[len(sorted)*3/4] * farBelow
}

// gap returns the longest silence between two times, and its middle; where there
// is none, 0 and the quietest place.
func (l loudness) gap(from, to time.Duration, floor float64) (long, middle time.Duration) {
	i := min(max(0, media.TimeToSamples(from, sampleRate)/loudStep), len(l))
	end := min(max(i, media.TimeToSamples(to, sampleRate)/loudStep), len(l))
	if i == end {
		return 0, to
	}
	quietest, best, bestAt, run := i, 0, 0, 0
	for ; i < end; i++ {
		if l[i] <= l[quietest] {
			quietest = i
		}
		if run++; l[i] > floor {
			run = 0
		}
		if run > best {
			best, bestAt = run, i+1
		}
	}
	at := func(steps float64) time.Duration {
		return time.Duration(steps * loudStep * float64(time.Second) / sampleRate)
	}
	if best == 0 {
		return 0, at(float64(quietest) + .5)
	}
	return at(float64(best)), at(float64(bestAt) - float64(best)/2)
}
