package clock

import (
	"slices"
	"sync"
	"time"
)

// MaxDeviate is how far a timestamp may be off its arrival before the sender's clock has jumped.
const MaxDeviate = 500 * time.Millisecond

const (
	maxSlew = 5 * time.Millisecond  // correction per second of session time
	settle  = time.Second           // after an anchor, while the least delay is still being found
	near    = 20 * time.Millisecond // of its target an offset counts as there
)

// Timebase maps the RTP timestamps of one sender's tracks to the session clock.
//
// Each track is anchored by its earliest arrival: the packet that met the least
// delay within 10 s. Once both tracks have had a sender report, the one with
// the greater delay is moved back, so that what was captured together stands
// together. Corrections are slewed by at most 5 ms/s, except in the first
// second after an anchor, when the least delay is still being found. A
// timestamp that is 500 ms off its arrival, the move for the other track's sake
// left aside, or jumps back as far, is a jump of the sender's clock and anchors
// the track anew.
//
// It is safe for concurrent use.
type Timebase struct {
	mu     sync.Mutex
	tracks []*TrackTime
}

// NewTimebase returns a mapping without tracks.
func NewTimebase() *Timebase { return &Timebase{} }

// Track adds a track whose timestamps count at rate Hz.
func (b *Timebase) Track(rate int) *TrackTime {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := &TrackTime{base: b, rate: int64(rate)}
	b.tracks = append(b.tracks, t)
	return t
}

// Drop takes a track out: the others are aligned without it.
func (b *Timebase) Drop(t *TrackTime) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tracks = slices.DeleteFunc(b.tracks, func(o *TrackTime) bool { return o == t })
}

// Aligned tells whether the tracks stand to each other by sender reports.
func (b *Timebase) Aligned() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.align()
}

// TrackTime is the mapping of one track.
type TrackTime struct {
	base *Timebase
	rate int64

	started  bool
	top      int64         // highest timestamp, unwrapped
	at       time.Duration // its arrival
	anchor   time.Duration // when the track was anchored
	offset   time.Duration // session time - media time, as applied
	lag      time.Duration // <= 0: how much earlier than its earliest arrival the track is to stand, for the other's sake
	leastLag time.Duration // lags change at once and offset slowly: it holds one
	mostLag  time.Duration // of leastLag..mostLag
	window   []bucket      // newest last, one a second, at most windowSize

	pending  *senderReport   // came before the first packet
	biases   []time.Duration // NTP - media time of the last reports that hold
	reported time.Duration   // arrival of the packet before the last report

	jumps  int
	jumped bool // not told yet
}

// Map returns the session time of timestamp ts, whose packet arrived at at.
// newest tells that no later packet of the track arrived before: only such
// packets teach the mapping. jumped is true once after each jump of the sender's clock.
func (t *TrackTime) Map(ts uint32, at time.Duration, newest bool) (pts time.Duration, jumped bool) {
	t.base.mu.Lock()
	defer t.base.mu.Unlock()
	if !t.started {
		t.started, t.top = true, int64(ts)
		t.reanchor(t.media(t.top), at, 0)
		if r := t.pending; r != nil {
			t.pending = nil
			t.report(r.ntp, r.ts)
		}
	}
	ext := t.unwrap(ts)
	if newest {
		t.learn(ext, at)
	}
	jumped, t.jumped = t.jumped, false
	return t.media(ext) + t.offset, jumped
}

// Report takes a sender report: timestamp ts was captured at ntp (64-bit NTP format) by the sender's clock.
func (t *TrackTime) Report(ntp uint64, ts uint32) {
	t.base.mu.Lock()
	defer t.base.mu.Unlock()
	if !t.started {
		t.pending = &senderReport{ntp, ts}
		return
	}
	t.report(ntp, ts)
}

func (t *TrackTime) unwrap(ts uint32) int64 { return t.top + int64(int32(ts-uint32(t.top))) }

// media is the time an unwrapped timestamp counts.
func (t *TrackTime) media(ext int64) time.Duration {
	return time.Duration(ext/t.rate)*time.Second + time.Duration(ext%t.rate)*time.Second/time.Duration(t.rate)
}

func (t *TrackTime) learn(ext int64, at time.Duration) {
	m, expected := t.media(ext), t.expected()
	raw := at - m
	switch {
	case raw < expected-MaxDeviate, m-t.media(t.top) < -MaxDeviate:
		t.jump(ext, at, t.offset-expected)
		return
	case t.setBack():
		t.jump(ext, at, t.lag)
		return
	}
	t.note(raw, at)
	t.base.align()
	t.slew(m, at)
	t.top, t.at = max(t.top, ext), max(t.at, at)
}

func (t *TrackTime) slew(m, at time.Duration) {
	missing := t.earliest() + t.lag - t.offset
	if max(missing, -missing) < near {
		t.leastLag, t.mostLag = t.lag, t.lag
	}
	passed := min(max(at-t.at, 0), time.Second)
	limit := time.Duration(int64(maxSlew) * int64(passed) / int64(time.Second))
	step := time.Duration(float64(missing) * passed.Seconds())
	step = min(max(step, -limit), limit)
	if early := t.expected() - t.earliest(); early > 0 && at-t.anchor < settle {
		// Half of what the media itself advanced: times still rise. Not for the
		// sake of reports, which are less sure than arrivals.
		step = min(step, -min(early, max(m-t.media(t.top), 0)/2))
	}
	t.offset += step
}

// Figures returns the applied offset's distance to its target, the lag, and how often the clock jumped.
func (t *TrackTime) Figures() (missing, lag time.Duration, jumps int) {
	t.base.mu.Lock()
	defer t.base.mu.Unlock()
	if !t.started {
		return 0, 0, 0
	}
	return t.earliest() + t.lag - t.offset, t.lag, t.jumps
}
