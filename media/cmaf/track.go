package cmaf

import (
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"livedub/media"
)

// sample is a packet that waits for its segment to end.
type sample struct {
	media.Packet
	sets *codecs.H264 // a frame's
	gap  bool         // something is missing before it
}

// track is what has come of one track and is in no segment yet.
type track struct {
	scale   int           // of its times, 1/s; 0: there is no such track
	length  time.Duration // of a sample that none follows
	still   time.Duration // between two samples; longer is a gap
	samples []sample
	bytes   int
	last    time.Duration // DTS of the last that came
	any     bool
}

// longFrame is how long a frame may stand; longer is a gap.
const longFrame = 10 * time.Second

func newTrack(t media.Track) track {
	if t.Kind == media.Audio {
		d := media.SamplesToTime(aacFrame, t.SampleRate)
		return track{scale: scaleOf(t), length: d, still: d + d/2}
	}
	out := track{scale: scaleOf(t), length: time.Second / 30, still: longFrame}
	if t.FrameRate > 0 {
		out.length = time.Duration(float64(time.Second) / t.FrameRate)
	}
	return out
}

// put appends s; false where it is out of order.
func (t *track) put(s sample) bool {
	if t.any && s.DTS <= t.last {
		return false
	}
	s.gap = s.Gap || t.any && s.DTS-t.last > t.still
	t.samples = append(t.samples, s)
	t.bytes += len(s.Data)
	t.last, t.any = s.DTS, true
	return true
}

// newest returns the time of the last sample that waits; -1 where none does.
func (t *track) newest() time.Duration {
	if len(t.samples) == 0 {
		return -1
	}
	return t.samples[len(t.samples)-1].PTS
}

// ends returns where a segment of frames ends that would end at end: with its first
// keyframe from there on, or with one of other parameter sets.
func (t *track) ends(end time.Duration) (ending, bool) {
	for i, s := range t.samples {
		switch {
		case !s.Key:
		case i > 0 && s.sets != t.samples[0].sets && s.PTS < end:
			return ending{s.PTS, i, !s.gap}, true
		case s.PTS >= end && (s.gap || i == 0):
			return ending{at: end, frames: i}, true
		case s.PTS >= end:
			return ending{s.PTS, i, true}, true
		}
	}
	return ending{}, false
}

// before returns an end without a keyframe.
func (t *track) before(end time.Duration) ending {
	n := 0
	for n < len(t.samples) && t.samples[n].PTS < end {
		n++
	}
	return ending{end, n, false}
}

// take removes the first n samples and returns them, with their lengths. Each lasts
// until the next, also of the next segment, unless there is a gap.
func (t *track) take(n int) []sample {
	out := t.samples[:n:n]
	for i := range out {
		s := &out[i]
		s.Duration = t.length
		if i+1 < len(t.samples) && !t.samples[i+1].gap {
			s.Duration = t.samples[i+1].DTS - s.DTS
		}
		t.bytes -= len(s.Data)
	}
	t.samples = append([]sample(nil), t.samples[n:]...)
	return out
}

// until returns how many samples are presented before at.
func (t *track) until(at time.Duration) int {
	n := 0
	for n < len(t.samples) && t.samples[n].PTS < at {
		n++
	}
	return n
}

// runs returns samples in pieces without gaps.
func runs(s []sample) (out [][]sample) {
	for len(s) > 0 {
		n := 1
		for n < len(s) && !s[n].gap {
			n++
		}
		out = append(out, s[:n])
		s = s[n:]
	}
	return out
}
