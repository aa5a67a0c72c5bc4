package recognize

import (
	"time"

	"livedub/inference"
)

const (
	// cutMargin is how far before the end of a unit its last cut may lie if
	// another will do: a word that was broken off is often heard as two short ones.
	cutMargin = 150 * time.Millisecond
	// cutGap is the narrowest gap that is a breath and not a stop consonant's closure.
	cutGap = 60 * time.Millisecond
)

// cutter chooses where a unit of speech that has grown too long is cut.
type cutter struct {
	max time.Duration // longest unit
}

// full reports whether a unit that has lasted for d must be cut.
func (c cutter) full(d time.Duration) bool { return d >= c.max }

// cut divides the words of a unit that lasts from start to end at the widest
// gap between two of them, the latest of equals: words[:n] are final, and sound
// from at on starts the next unit. Gaps in the first half count only where there
// is no other: what follows a cut is recognized again, which costs time. Neither
// side is ever without a word; a unit of fewer than two words is cut at its end.
func (c cutter) cut(words []inference.Word, start, end time.Duration) (n int, at time.Duration) {
	if len(words) < 2 {
		return len(words), end
	}
	half := start + (end-start)/2
	best, bestRank, bestGap := 0, -1, time.Duration(0)
	for i := 1; i < len(words); i++ {
		from, to := words[i-1].End, words[i].Start
		rank := 2
		if from > end-cutMargin {
			rank = 0
		} else if to < half {
			rank = 1
		}
		gap := to - from
		if gap < cutGap {
			gap = 0
		}
		if rank > bestRank || rank == bestRank && gap >= bestGap {
			best, bestRank, bestGap = i, rank, gap
		}
	}
	from := min(max(words[best-1].End, start), end)
	to := min(max(words[best].Start, from), end)
	return best, from + (to-from)/2
}
