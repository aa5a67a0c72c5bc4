package file

import (
	"time"

	"livedub/media"
)

// aheadLen bounds how many packets of frames are looked at for a time that
// the head of the queue lacks; no codec reorders more. aheadAll bounds the sound between them.
const (
	aheadLen = 16
	aheadAll = 512
)

// raw is a packet with the times that the file gives it, unknown where it does not.
type raw struct {
	p        media.Packet // Kind, Key, Gap, Data and skips are final
	pts, dts time.Duration
	duration time.Duration
}

// ahead fills in times of frames that the file leaves out but its later
// packets tell: AVI, MPEG-PS and -TS may give a reference frame only a
// decoding time, Matroska its first frames only a time of presentation.
type ahead struct {
	queue   []raw
	byOrder bool          // reference frames are shown when the next one is decoded (MPEG-1, -2, -4)
	step    time.Duration // nominal distance of frames
	begun   bool          // a decoding time was seen or given up on
}

// pop returns the oldest packet once its times are known or cannot be; at the end it gives out the rest.
func (a *ahead) pop(end bool) (raw, bool) {
	if len(a.queue) == 0 {
		return raw{}, false
	}
	head := &a.queue[0]
	if head.p.Kind == media.Video {
		ready := true
		switch {
		case head.pts == unknown && head.dts != unknown && a.byOrder:
			ready = a.presented(head, end)
		case head.pts != unknown && head.dts == unknown && !a.begun:
			ready = a.decoded(head)
		}
		if !ready && !end {
			return raw{}, false
		}
		a.begun = true
	}
	r := *head
	*head = raw{}
	a.queue = a.queue[1:]
	return r, true
}

// presented gives the head the decoding time of the next reference frame; it
// reports false while that has not come. A frame that no other waits for shows its own decoding time.
func (a *ahead) presented(head *raw, end bool) bool {
	n, after, lost := 0, head.dts, false
	for _, r := range a.queue[1:] {
		if r.p.Kind != media.Video {
			continue
		}
		if r.dts == unknown || r.dts < head.dts || far(r.dts, head.dts) {
			lost = true // no times, or another clock
			break
		}
		if r.pts != r.dts { // not a B frame
			head.pts = r.dts
			return true
		}
		after = r.dts
		if n++; n >= aheadLen {
			break
		}
	}
	if !end && !lost && n < aheadLen && len(a.queue) < aheadAll {
		return false
	}
	head.pts = after + a.length(head)
	return true
}

// decoded counts the leading decoding times back from the first that is given.
func (a *ahead) decoded(head *raw) bool {
	n := 0
	for _, r := range a.queue {
		if r.p.Kind != media.Video {
			continue
		}
		if r.dts != unknown {
			first := r.dts - time.Duration(n)*a.length(head)
			for i := range a.queue {
				q := &a.queue[i]
				if q.p.Kind != media.Video {
					continue
				}
				if q.dts != unknown {
					return true
				}
				q.dts = min(first, q.pts)
				first += a.length(head)
			}
		}
		if n++; n > aheadLen {
			break
		}
	}
	return n > aheadLen || len(a.queue) >= aheadAll
}

func (a *ahead) length(r *raw) time.Duration {
	if r.duration != unknown {
		return r.duration
	}
	return a.step
}
