package rtc

import "time"

// Bounds and steps of the estimate.
const (
	minBitrate   = 150_000   // bit/s
	maxBitrate   = 8_000_000 // bit/s
	startBitrate = 2_500_000 // bit/s

	lossMuch    = .10                    // of packets: too fast
	lossLittle  = .02                    // room for more
	queueMuch   = 250 * time.Millisecond // round trip above the least: a queue builds up
	queueSome   = 100 * time.Millisecond
	growth      = 1.08 // a second
	recovery    = 1.25 // a second, up to 70 % of what was good before
	backoff     = .85
	troubleSpan = 4 * time.Second // within which a second bad report confirms the first
	holdoff     = time.Second     // after a bad report, until it may go up
	leastSpan   = 30 * time.Second
)

// estimate tells how much room a viewer's path has for frames, by the loss and
// the round trip that the viewer's reports tell. What is sent is seldom all there
// is room for, so growth is not proven: it is a permission that loss takes back.
type estimate struct {
	rate    float64          // bit/s, from minBitrate to maxBitrate
	before  float64          // rate when it last began to go down
	least   [2]time.Duration // round trip of this leastSpan and of the one before: a path may change for good
	turned  time.Duration    // when this one began
	counted int              // bytes sent since
	since   time.Duration
	sending float64       // bit/s over the last second
	bad     time.Duration // when a report last told of trouble
	up      time.Duration // when the rate last went up, or was held
	started bool
	trouble bool // bad is set
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
	queue := e.queue(rtt, at)
	switch {
	case loss > lossMuch || queue > queueMuch:
		again := e.trouble && at-e.bad < troubleSpan
		if !again {
			e.before = e.rate
		}
		e.trouble, e.bad = true, at
		e.lower(e.rate*backoff, at)
		if again && e.sending > 0 { // not a hiccup: what comes through is the path's width
			e.lower(e.sending*min(backoff, 1-loss), at)
		}
	case loss < lossLittle && queue < queueSome:
		e.raise(at)
	}
}

// queue is how much longer than on an empty path a round trip took; 0 if unknown.
func (e *estimate) queue(rtt, at time.Duration) time.Duration {
	if rtt <= 0 {
		return 0
	}
	if at-e.turned >= leastSpan {
		e.least[1], e.least[0], e.turned = e.least[0], rtt, at
	}
	if e.least[0] == 0 || rtt < e.least[0] {
		e.least[0] = rtt
	}
	if e.least[1] == 0 {
		return rtt - e.least[0]
	}
	return rtt - min(e.least[0], e.least[1])
}

func (e *estimate) lower(to float64, at time.Duration) {
	e.rate, e.up = min(e.rate, max(to, minBitrate)), at
}

func (e *estimate) raise(at time.Duration) {
	if e.trouble && at-e.bad < holdoff {
		e.up = at
		return
	}
	g := growth
	if e.rate < .7*e.before {
		g = recovery
	}
	passed := min((at - e.up).Seconds(), 5)
	e.up = at
	e.rate = min(e.rate*(1+(g-1)*passed), maxBitrate)
}

// news returns the estimate if it changed by 2 % or more, at most once a second.
func (e *estimate) news(at time.Duration) (bps int, changed bool) {
	bps = int(e.rate)
	if at-e.toldAt < time.Second || bps*50 > e.told*49 && bps*50 < e.told*51 {
		return bps, false
	}
	e.told, e.toldAt = bps, at
	return bps, true
}
