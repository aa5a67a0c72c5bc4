// Package align finds the phonemes of speech whose voice tells no times: it is
// laid beside another voice's rendering of the same words, whose times are known
// (dynamic time warping of mel spectra; H. Sakoe, S. Chiba, 1978).
package align

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"livedub/inference"
	"livedub/inference/viseme"
	"livedub/media"
)

// ErrUnlike is returned for sounds that cannot be of the same words.
var ErrUnlike = errors.New("the sounds are too unlike to be of the same words")

const (
	longest = 60 * time.Second // of either sound
	mostOff = 3.               // times that one may be as long as the other
)

// Align returns the phonemes and words of sound, mono speech of what ref says too:
// contiguous from the first sample to the last, as ref's.
func Align(ref inference.Speech, sound media.Samples) ([]inference.Mark, []inference.Word, error) {
	a, b := ref.Sound.Duration(), sound.Duration()
	if sound.Channels != 1 || a <= 0 || b <= 0 || a > longest || b > longest || a.Seconds() > mostOff*b.Seconds() || b.Seconds() > mostOff*a.Seconds() {
		return nil, nil, ErrUnlike
	}
	path := warp(features(ref.Sound), features(sound))
	at := func(t time.Duration) time.Duration { // the place in sound of one in ref
		x := t.Seconds() / hop.Seconds()
		i := min(int(x), len(path)-1)
		y := path[i]
		if i+1 < len(path) {
			y += (path[i+1] - y) * (x - float64(i))
		}
		return min(max(time.Duration(y*float64(hop)), 0), b)
	}
	var marks []inference.Mark
	for i, m := range ref.Marks {
		from, to := at(m.At), at(m.At+m.Dur)
		if i == 0 {
			from = 0
		}
		if i == len(ref.Marks)-1 {
			to = b
		}
		if n := len(marks); n > 0 {
			from = marks[n-1].At + marks[n-1].Dur
		}
		if to > from {
			marks = append(marks, inference.Mark{IPA: m.IPA, Viseme: viseme.Of(m.IPA), At: from, Dur: to - from})
		}
	}
	var words []inference.Word
	last := time.Duration(0)
	for _, w := range ref.Words {
		w.Start, w.End = max(at(w.Start), last), max(at(w.End), last)
		last = w.End
		words = append(words, w)
	}
	return marks, words, nil
}

// By aligns sound, in which a request's words are spoken, by ref's rendering of
// them at the same length.
func By(ctx context.Context, ref inference.Synthesizer, r inference.SpeechRequest, sound media.Samples) ([]inference.Mark, []inference.Word, error) {
	r.Fit = sound.Duration()
	s, err := ref.Speak(ctx, r)
	if err != nil {
		return nil, nil, fmt.Errorf("the voice that tells the times: %w", err)
	}
	marks, words, err := Align(s, sound)
	if err != nil {
		return nil, nil, fmt.Errorf("%v of sound for what takes %v: %w", sound.Duration(), s.Sound.Duration(), err)
	}
	return marks, words, nil
}

// warp returns, for each frame of a, the frame of b that it goes with, never falling.
func warp(a, b [][]float64) []float64 {
	n, m := len(a), len(b)
	cost := make([][]float64, n)
	step := make([][]uint8, n) // how a cell was come to: both on, a on, b on
	for i := range cost {
		cost[i], step[i] = make([]float64, m), make([]uint8, m)
		for j := range cost[i] {
			d := distance(a[i], b[j])
			best, how := math.Inf(1), both
			if i == 0 && j == 0 {
				best = 0
			}
			if i > 0 && j > 0 {
				best, how = cost[i-1][j-1]+d, both // a step of both counts twice
			}
			if i > 0 && cost[i-1][j]+stay*d < best {
				best, how = cost[i-1][j]+stay*d, onA
			}
			if j > 0 && cost[i][j-1]+stay*d < best {
				best, how = cost[i][j-1]+stay*d, onB
			}
			cost[i][j], step[i][j] = best+d, how
		}
	}
	first, last := make([]int, n), make([]int, n)
	for i := range first {
		first[i] = -1
	}
	for i, j := n-1, m-1; ; {
		if first[i] < 0 {
			last[i] = j
		}
		first[i] = j
		if i == 0 && j == 0 {
			break
		}
		switch step[i][j] {
		case both:
			i, j = i-1, j-1
		case onA:
			i--
		default:
			j--
		}
	}
	path := make([]float64, n)
	for i := range path {
		path[i] = float64(first[i]+last[i]) / 2
	}
	return path
}

const (
	both uint8 = iota
	onA
	onB

	// stay is how much more a frame costs that goes with one which another goes
	// with already: voices differ in tempo, but not from frame to frame.
	stay = .3
)

func distance(a, b []float64) float64 {
	var sum float64
	for i, v := range a {
		d := v - b[i]
		sum += d * d
	}
	return math.Sqrt(sum)
}
