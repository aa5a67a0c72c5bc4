package rtc

import (
	"slices"
	"sync"
	"time"
)

// Limits of the clock mapping.
const (
	maxSlew     = 5 * time.Millisecond // correction per second of session time
	maxDeviate  = 500 * time.Millisecond
	windowSize  = 10 // seconds in which the earliest arrival is looked for
	persistent  = 3  // seconds of nothing but late arrivals, after which the sender's clock was set back
	settle      = time.Second
	near        = 20 * time.Millisecond // of its target an offset counts as there
	maxSkew     = 2 * time.Second       // between tracks: beyond, the reports' clocks are not one
	maxReportTS = 60 * time.Second      // a report's RTP time is near the media's
	reportsKept = 5
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

type bucket struct {
	second   int64
	earliest time.Duration // least arrival - media time
}

type senderReport struct {
	ntp uint64
	ts  uint32
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
	case raw < expected-maxDeviate, m-t.media(t.top) < -maxDeviate:
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

// jump follows the sender's clock; held is what offset is to hold of the lag.
func (t *TrackTime) jump(ext int64, at, held time.Duration) {
	t.jumps++
	t.jumped, t.biases = true, nil
	m, last := t.media(ext), t.media(t.top)+t.offset
	t.reanchor(m, at, held)
	if m+t.offset <= last { // time never runs back
		t.offset = last + time.Millisecond - m
	}
	t.top, t.at = ext, at
}

// reanchor takes a packet for the earliest.
func (t *TrackTime) reanchor(m, at, held time.Duration) {
	t.window = append(t.window[:0], bucket{int64(at / time.Second), at - m})
	t.offset, t.anchor, t.at = at-m+held, at, at
}

// expected is the least arrival - media time that the mapping stands for. While
// a new lag is on its way into offset, arrivals tell how much of it is there.
func (t *TrackTime) expected() time.Duration {
	return min(max(t.earliest(), t.offset-t.mostLag), t.offset-t.leastLag)
}

// note puts an arrival into the window.
func (t *TrackTime) note(raw, at time.Duration) {
	second := int64(at / time.Second)
	if last := &t.window[len(t.window)-1]; last.second >= second {
		last.earliest = min(last.earliest, raw)
		return
	}
	if len(t.window) == windowSize {
		t.window = append(t.window[:0], t.window[1:]...)
	}
	t.window = append(t.window, bucket{second, raw})
}

// earliest is the least arrival - media time in the window.
func (t *TrackTime) earliest() time.Duration {
	e := t.window[0].earliest
	for _, b := range t.window[1:] {
		e = min(e, b.earliest)
	}
	return e
}

// setBack tells that the sender's clock stood still or was set back.
func (t *TrackTime) setBack() bool {
	if !t.late() {
		return false
	}
	recent := t.window[len(t.window)-persistent-1:]
	if t.reported < time.Duration(recent[0].second)*time.Second {
		return true
	}
	// By a report that came since, it may be this track's path that is longer now.
	t.window = append(t.window[:0], recent...)
	t.base.align()
	return t.late()
}

// late tells that everything of the last seconds came late: no network does
// that to all tracks for so long.
func (t *TrackTime) late() bool {
	if len(t.window) <= persistent {
		return false
	}
	for _, b := range t.window[len(t.window)-persistent-1:] {
		if b.earliest < t.offset-t.lag+maxDeviate {
			return false
		}
	}
	return true
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

func (t *TrackTime) report(ntp uint64, ts uint32) {
	if ntp == 0 { // the sender has no such clock
		return
	}
	m := t.media(t.unwrap(ts))
	if d := m - t.media(t.top); d < -maxReportTS || d > maxReportTS {
		return
	}
	bias := fromNTP(ntp) - m
	if len(t.biases) > 0 && max(bias-t.bias(), t.bias()-bias) > maxDeviate {
		// The sender's wall clock was set: all reports before are of the old one.
		for _, o := range t.base.tracks {
			o.biases = nil
		}
	}
	if len(t.biases) == reportsKept {
		t.biases = append(t.biases[:0], t.biases[1:]...)
	}
	t.biases, t.reported = append(t.biases, bias), t.at
	t.base.align()
}

// bias is NTP - media time: the least of the last reports, for a sender that
// was held up between a packet and its report errs upwards.
func (t *TrackTime) bias() time.Duration { return slices.Min(t.biases) }

// align sets every track's lag by the reports, where all tracks have one. The
// caller has the lock. Without, lags stay as they are.
func (b *Timebase) align() bool {
	if len(b.tracks) < 2 {
		return false
	}
	var least, most time.Duration // delay by the sender's clock
	for i, t := range b.tracks {
		if !t.started || len(t.biases) == 0 {
			return false
		}
		d := t.earliest() - t.bias()
		if i == 0 || d < least {
			least = d
		}
		if i == 0 || d > most {
			most = d
		}
	}
	if most-least > maxSkew {
		return false
	}
	for _, t := range b.tracks {
		t.lag = least - (t.earliest() - t.bias())
		t.leastLag, t.mostLag = min(t.leastLag, t.lag), max(t.mostLag, t.lag)
	}
	return true
}

// figures returns the applied offset's distance to its target, the lag, and how often the clock jumped.
func (t *TrackTime) figures() (missing, lag time.Duration, jumps int) {
	t.base.mu.Lock()
	defer t.base.mu.Unlock()
	if !t.started {
		return 0, 0, 0
	}
	return t.earliest() + t.lag - t.offset, t.lag, t.jumps
}
