package recognize

import (
	"math"
	"slices"
	"time"

	"livedub/inference"
)

const (
	voicedFew = 3 // frames of 20 ms with a pitch that the shortest utterance has
	// steadiest is the median relative change of pitch between frames 20 ms
	// apart below which a sound is an instrument's or a machine's, not a voice's.
	steadiest = 0.001
	// longestWord is what no word lasts on the average of a unit: PocketSphinx
	// stretches one over noise that is like nothing it knows.
	longestWord = 1200 * time.Millisecond
)

// isVoice reports whether words may have been said by somebody: noise, tones
// and hum pass any detector of activity, and the decoder finds a word in
// everything. Whispering, which has no pitch, is refused too. known says that
// the sound goes on where a voice was cut: a last short word may have no pitch, or
// too little of it to tell how it moves.
func isVoice(words []inference.Word, pitch []pitchPoint, known bool) bool {
	if len(words) == 0 || !known && len(pitch) < voicedFew {
		return false
	}
	var spoken time.Duration
	for _, w := range words {
		spoken += w.End - w.Start
	}
	return spoken <= longestWord*time.Duration(len(words)) && (known || wander(pitch) >= steadiest)
}

// wander returns the median relative change of pitch from frame to frame; +Inf where no two frames adjoin.
func wander(pitch []pitchPoint) float64 {
	var steps []float64
	for i := 1; i < len(pitch); i++ {
		if a, b := pitch[i-1], pitch[i]; b.pos-a.pos == frameLen {
			steps = append(steps, math.Abs(b.hz-a.hz)/a.hz)
		}
	}
	if len(steps) == 0 {
		return math.Inf(1)
	}
	slices.Sort(steps)
	return steps[len(steps)/2]
}
