package recognize

import (
	"time"

	"livedub/media"
)

// clock tells the session time of every sample of a stream whose chunks carry
// their own times: those need not be exactly as far apart as their samples say.
type clock struct {
	anchors []anchor
}

type anchor struct {
	pos int // sample
	at  time.Duration
}

// set says that sample pos is heard at t. Calls come in order of pos.
func (c *clock) set(pos int, t time.Duration) {
	if n := len(c.anchors); n > 0 {
		last := c.anchors[n-1]
		if last.pos == pos {
			c.anchors = c.anchors[:n-1]
		} else if (last.at + media.SamplesToTime(pos-last.pos, sampleRate) - t).Abs() < time.Microsecond {
			return
		}
	}
	c.anchors = append(c.anchors, anchor{pos, t})
}

// at returns the time of the instant before sample pos.
func (c *clock) at(pos int) time.Duration {
	i := c.find(pos)
	if i < 0 {
		return 0
	}
	a := c.anchors[i]
	return a.at + media.SamplesToTime(pos-a.pos, sampleRate)
}

// forget drops what is not needed for samples from pos on.
func (c *clock) forget(pos int) {
	if i := c.find(pos); i > 0 {
		c.anchors = append(c.anchors[:0], c.anchors[i:]...)
	}
}

// find returns the anchor that rules pos: the last at or before it, else the first.
func (c *clock) find(pos int) int {
	for i := len(c.anchors) - 1; i > 0; i-- {
		if c.anchors[i].pos <= pos {
			return i
		}
	}
	return min(0, len(c.anchors)-1)
}
