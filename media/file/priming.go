package file

import (
	"time"

	"livedub/media"
)

// mostSkipped bounds what a file may ask to drop at once, in samples.
const mostSkipped = 1 << 24

// priming tells how much of each packet's sound is not to be heard. Containers
// say it in three ways: a number of samples with a packet, packets that an edit
// list leaves out, or (Matroska) one number for the track.
type priming struct {
	rate   int // Hz
	stated int // samples at the track's start, 0 if it does not say
	begun  bool
	left   int // samples of earlier SkipStarts that lie in packets to come
}

// skips returns SkipStart and SkipEnd of a packet that lasts d, in samples.
func (p *priming) skips(d time.Duration, start, end uint32, discard bool) (int, int) {
	n := media.TimeToSamples(min(d, time.Minute), p.rate)
	s := int(min(start, mostSkipped))
	if !p.begun && s == 0 {
		s = min(max(p.stated, 0), mostSkipped)
	}
	p.begun = true
	p.left += s
	if more := n - p.left; discard && more > 0 { // not yet covered by a number
		s, p.left = s+more, p.left+more
	}
	p.left = max(0, p.left-n)
	return s, int(min(end, mostSkipped))
}
