package clock

import (
	"time"
)

const (
	catchUp    = time.Second            // after a start, while a sender may hand over what it has kept
	mostKept   = 6 * time.Second        // of media that are taken at once then
	mostApart  = 3 * time.Second        // between timestamps that belong together
	mostBack   = MaxDeviate             // of a track's decoding times that go back
	sameBefore = 10 * time.Second       // for how long after a jump the times before it are known
	earlyLeast = 200 * time.Millisecond // before its time that a packet may come
	hurried    = 10 * time.Second       // for so long a sender that had to wait is taken for none that is live
)

// Muxed maps the timestamps of tracks that were muxed together, and so count by one
// clock, to the session clock.
//
// The first packet anchors them by its arrival, or Anchor does. A sender that then
// hands over at once what it has kept moves the anchor back, by 6 s at most: its
// present is now.
// From there on times are the stream's, slewed by at most 5 ms/s to the earliest
// arrivals. A stream that begins anew, or jumps otherwise, is anchored anew; packets
// of its other track that still count by the times before keep them.
//
// One caller at a time.
type Muxed struct {
	rate   int
	now    *era // nil before the first packet
	before *era // which now has taken the place of; nil for none
}

// era is one run of timestamps without a jump.
type era struct {
	TrackTime
	last  map[int]int64         // decoding time of each track's last packet, unwrapped
	told  map[int]time.Duration // what that was mapped to
	began time.Duration
	moved time.Duration // by what was handed over at once

	waited bool          // its sender had to
	wait   time.Duration // when, last
}

// NewMuxed returns a mapping of timestamps that count at rate Hz, modulo 2^32.
func NewMuxed(rate int) *Muxed { return &Muxed{rate: rate} }

// Early returns how long it is too early, at session time at, for a track's packet
// that is decoded at ts: until then its sender is to wait, 3 s at most. A live one never is.
func (m *Muxed) Early(track int, ts uint32, at time.Duration) time.Duration {
	e, ext := m.find(track, ts, at)
	if e == nil || e == m.before {
		return 0
	}
	due := e.media(ext) + e.offset
	if at-e.began < catchUp {
		due -= max(0, mostKept-e.moved)
	}
	wait := due - earlyLeast - at
	if wait <= 0 {
		return 0
	}
	e.waited, e.wait = true, at
	return min(wait, mostApart) // of tracks that are apart, the later one's may be longer
}

// Map returns the session time of timestamp ts, at which a track's packet that has
// arrived at session time at is decoded. jumped tells that the stream did so there.
func (m *Muxed) Map(track int, ts uint32, at time.Duration) (dts time.Duration, jumped bool) {
	e, ext := m.find(track, ts, at)
	if e == nil {
		jumped = m.now != nil
		e, ext = m.begin(ts, at), int64(ts)
	}
	e.last[track] = ext
	if e == m.now && ext >= e.top {
		e.learnMuxed(ext, at)
	}
	dts = e.media(ext) + e.offset
	if told, known := e.told[track]; known { // the anchor may have moved back
		dts = max(dts, told)
	}
	e.told[track] = dts
	return dts, jumped
}

// Arrival is a packet of a track, decoded at TS, that has come at session time At.
type Arrival struct {
	Track int
	TS    uint32
	At    time.Duration
}

// Anchor begins with packets that have come and are still to be mapped, in that order:
// the one that met the least delay anchors them all.
func (m *Muxed) Anchor(came []Arrival) {
	if len(came) == 0 {
		return
	}
	first, best, least := came[0].TS, came[0], time.Duration(0)
	for i, a := range came {
		after := time.Duration(int32(a.TS-first)) * time.Second / time.Duration(m.rate)
		if raw := a.At - after; i == 0 || raw < least {
			best, least = a, raw
		}
	}
	e := m.begin(best.TS, best.At)
	for _, a := range came {
		if _, known := e.last[a.Track]; !known {
			e.last[a.Track] = e.unwrap(a.TS)
		}
	}
}

// begin anchors a new era.
func (m *Muxed) begin(ts uint32, at time.Duration) *era {
	e := &era{TrackTime: TrackTime{base: NewTimebase(), rate: int64(m.rate), started: true, top: int64(ts)}, last: map[int]int64{}, told: map[int]time.Duration{}, began: at}
	e.reanchor(e.media(e.top), at, 0)
	m.before, m.now = m.now, e
	return e
}

// find returns the era that a timestamp belongs to, and what it is there; nil for one that begins.
func (m *Muxed) find(track int, ts uint32, at time.Duration) (*era, int64) {
	if m.now == nil {
		return nil, 0
	}
	if ext, ok := m.now.holds(track, ts, at); ok {
		return m.now, ext
	}
	if m.before != nil && at-m.now.began < sameBefore {
		if ext, ok := m.before.follows(track, ts); ok {
			return m.before, ext
		}
	}
	return nil, 0
}

// holds tells whether a timestamp belongs to the era: it follows the ones before, or
// as much time has gone by as it says.
func (e *era) holds(track int, ts uint32, at time.Duration) (int64, bool) {
	ext, ok := e.follows(track, ts)
	if ok {
		return ext, true
	}
	last, known := e.last[track]
	off := e.media(ext) + e.offset - at
	return ext, known && ext > last && off < mostApart && off > -mostApart
}

// follows tells whether a timestamp is near those of its track, or of the others where it has none.
func (e *era) follows(track int, ts uint32) (int64, bool) {
	ext := e.unwrap(ts)
	by, least := e.top, -mostApart
	if last, ok := e.last[track]; ok {
		by, least = last, -mostBack
	}
	d := e.media(ext) - e.media(by)
	return ext, d >= least && d <= mostApart
}

// learnMuxed takes the arrival of the newest packet.
func (e *era) learnMuxed(ext int64, at time.Duration) {
	t := e.media(ext)
	raw := at - t
	if e.waited && at-e.wait < hurried {
		raw = max(raw, e.earliest()) // it would come earlier still, which tells nothing
	}
	if early := min(e.earliest()-raw, mostKept-e.moved); early > 0 && at-e.began < catchUp {
		e.moved += early
		e.offset -= early
	}
	if early := e.earliest() - raw; early > MaxDeviate && at-e.began >= catchUp || e.setBack() {
		// The sender's clock was set, or stood still, without a jump of its times.
		e.reanchor(t, at, 0)
	} else {
		e.note(raw, at)
		e.slew(t, at)
	}
	e.top, e.at = max(e.top, ext), max(e.at, at)
}
