package file

import "time"

// unknown marks a time that the file does not give.
const unknown = time.Duration(-1 << 63)

// maxJump is the widest step of a stream's decoding time that still counts as
// part of the programme; the ffmpeg command's -dts_delta_threshold is the same.
const maxJump = 10 * time.Second

// timeline gives every packet a time: what the file says, less the session's
// zero, made whole where the file is silent, runs backwards or jumps.
type timeline struct {
	zero    time.Duration
	discont bool // the container may restart its clock (broadcast captures, joined files)
	trackOf [2]trackTime
}

type trackTime struct {
	started bool
	offset  time.Duration // added to the file's times since the last jump
	dts     time.Duration // of the packet before
	next    time.Duration // its end: where the following one is expected
	step    time.Duration // length of a packet of unknown duration
}

// place returns the session times of a packet of track i and whether a jump of
// the clock lies before it. Decoding times never run backwards.
func (l *timeline) place(i int, pts, dts, duration time.Duration) (time.Duration, time.Duration, bool) {
	t, other := &l.trackOf[i], &l.trackOf[1-i]
	if pts == unknown {
		pts = dts
	}
	if dts == unknown {
		dts = pts
		if t.started && pts != unknown { // decoded in turn, however late it is shown
			dts = min(pts, t.next-t.offset+l.zero)
		}
	}
	if pts == unknown { // both: count on
		pts, dts = t.advance(t.next, t.next, duration)
		return pts, dts, false
	}
	pts, dts = pts-l.zero, dts-l.zero
	gap := false
	if l.discont && t.started && far(dts+t.offset, t.next) {
		gap = true
		switch {
		case other.started && !far(dts+t.offset, other.dts):
			// The other track got here without a jump: this one was silent, the clock is whole.
		case other.started && !far(dts+other.offset, t.next):
			t.offset = other.offset // the jump the other track made: audio and video stay together
		default:
			t.offset = t.next - dts
		}
	}
	if !t.started && other.started {
		t.offset = other.offset
	}
	pts, dts = t.advance(pts+t.offset, dts+t.offset, duration)
	return pts, dts, gap
}

func (t *trackTime) advance(pts, dts, duration time.Duration) (time.Duration, time.Duration) {
	if t.started {
		dts = max(dts, t.dts)
	}
	if duration == unknown {
		duration = t.step
	}
	t.started, t.dts, t.next = true, dts, dts+duration
	return pts, dts
}

func far(a, b time.Duration) bool { return a-b > maxJump || b-a > maxJump }
