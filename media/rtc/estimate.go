package rtc

import "time"

// Bounds and steps of the estimate.
const (
	minBitrate   = 150_000   // bit/s
	maxBitrate   = 8_000_000 // bit/s
	startBitrate = 2_500_000 // bit/s

	lossMuch   = .10                    // of packets: too fast
	lossLittle = .02                    // room for more
	queueMuch  = 250 * time.Millisecond // round trip above the least: a queue builds up
	queueSome  = 100 * time.Millisecond
	growth     = 1.08 // a second
	backoff    = .85
	holdoff    = time.Second // after going down, until it may go up
)

// estimate tells how much room a viewer's path has for pictures, from what the
// viewer says: loss and round trip of its receiver reports, and its own estimate
// (REMB) where it is below what we send, for above that it knows no more than we.
type estimate struct {
	rate    float64
	least   time.Duration // round trip
	counted int           // bytes sent since
	since   time.Duration
	sending float64       // bit/s over the last second
	down    time.Duration // when it last went down
	up      time.Duration // when it last went up
	started bool
	told    int
	toldAt  time.Duration
}

func newEstimate() *estimate { return &estimate{rate: startBitrate, told: startBitrate} }

// sent notes n bytes of payload sent at at.
func (e *estimate) sent(n int, at time.Duration) {
	if !e.started {
		e.started, e.since, e.up = true, at, at
	}
	e.counted += n
	if d := at - e.since; d >= time.Second {
		e.sending = float64(e.counted*8) / d.Seconds()
		e.counted, e.since = 0, at
	}
}

// report takes a receiver report: the share of packets lost, and the round trip, 0 if unknown.
func (e *estimate) report(loss float64, rtt, at time.Duration) {
	queue := time.Duration(0)
	if rtt > 0 {
		if e.least == 0 || rtt < e.least {
			e.least = rtt
		}
		queue = rtt - e.least
	}
	switch {
	case loss > lossMuch || queue > queueMuch:
		e.lower(e.rate*backoff, at)
		if e.sending > 0 { // what came through was the path's width
			e.lower(e.sending*min(backoff, 1-loss), at)
		}
	case loss < lossLittle && queue < queueSome:
		e.raise(at)
	}
}

// remb takes the viewer's own estimate in bit/s.
func (e *estimate) remb(bps float64, at time.Duration) {
	if e.sending > 0 && bps < .95*e.sending {
		e.lower(bps, at)
	}
}

func (e *estimate) lower(to float64, at time.Duration) {
	if to < e.rate {
		e.rate, e.down = max(to, minBitrate), at
	}
}

func (e *estimate) raise(at time.Duration) {
	if at-e.down < holdoff && e.down > 0 {
		e.up = at
		return
	}
	passed := min((at - e.up).Seconds(), 5)
	e.up = at
	e.rate = min(e.rate*(1+(growth-1)*passed), maxBitrate)
}

// news returns the estimate if it changed by 2 % or more, at most once a second.
func (e *estimate) news(at time.Duration) (bps int, changed bool) {
	bps = int(min(max(e.rate, minBitrate), maxBitrate))
	if at-e.toldAt < time.Second || bps*50 > e.told*49 && bps*50 < e.told*51 {
		return bps, false
	}
	e.told, e.toldAt = bps, at
	return bps, true
}
