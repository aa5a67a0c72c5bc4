package rtc

import (
	"slices"
	"time"

	"github.com/pion/rtp"
)

// Limits of the reordering buffer.
const (
	maxWaiting  = 2048                   // packets behind a hole
	maxBytes    = 16 << 20               // of them
	maxSeqJump  = 3000                   // further is another stream (RFC 3550, A.1)
	maxHoles    = 4096                   // open at a time: each is looked at with every tick
	nackAfter   = 8 * time.Millisecond   // a hole may be reordering
	nackAgain   = 40 * time.Millisecond  // grows by half each time
	nackSlowest = 200 * time.Millisecond // up to this
	leastWait   = 20 * time.Millisecond  // of any hole, however late it is noticed
	nackBurst   = 256                    // sequence numbers asked for at once
	startWait   = 30 * time.Millisecond  // for what the very first packets may have overtaken
)

// arrival is one RTP packet with its place and time.
type arrival struct {
	*rtp.Packet
	seq    int64 // unwrapped
	pts    time.Duration
	jumped bool
	lost   int // packets given up just before it
}

// order brings packets into sequence. A hole holds back what follows until it
// is filled, or its time is up: hold after the media time of what follows.
type order struct {
	hold   time.Duration
	starts func(payload []byte) bool // whether a packet surely begins a frame

	begun   bool          // something was popped since the start
	startAt time.Duration // when the first packet came

	set   bool
	next  int64 // wanted
	top   int64 // highest seen
	wait  map[int64]arrival
	bytes int
	holes map[int64]*hole
	stray uint16 // the sequence number that would prove a jump
	odd   bool   // stray is set

	lost, recovered, late uint64
	pendingLoss           int // given up, to be told with the next packet
}

type hole struct {
	nackAt   time.Duration
	interval time.Duration
	lostAt   time.Duration
	asked    int
}

// place tells the unwrapped number of a packet, whether it is the newest, and
// whether it is wanted at all.
func (o *order) place(seq uint16) (n int64, newest, wanted bool) {
	if !o.set {
		o.set, o.next, o.top = true, int64(seq), int64(seq)-1
		o.wait, o.holes = map[int64]arrival{}, map[int64]*hole{}
	}
	n = o.top + int64(int16(seq-uint16(o.top)))
	if d := n - o.top; d > maxSeqJump || d < -maxSeqJump {
		if o.odd = !o.odd || o.stray != seq; o.odd {
			o.stray = seq + 1
			return n, false, false
		}
		// Two in a row: the sender began anew.
		o.restart(n)
		return n, true, true
	}
	o.odd = false
	if !o.begun && n < o.next {
		for i := n + 1; i < o.next; i++ {
			o.holes[i] = &hole{nackAt: o.startAt + nackAfter, interval: nackAgain, lostAt: o.startAt + max(o.hold, startWait)}
		}
		o.next = n
	}
	if _, dup := o.wait[n]; dup || n < o.next {
		o.late++
		return n, false, false
	}
	if n > o.top && int64(len(o.holes))+n-o.top > maxHoles {
		o.restart(n) // so much never comes: left out on purpose, or lost for good
	}
	return n, n > o.top, true
}

// restart gives up everything before n.
func (o *order) restart(n int64) {
	o.lost += uint64(len(o.holes))
	clear(o.wait)
	clear(o.holes)
	o.bytes = 0
	o.next, o.top = n, n-1
	o.pendingLoss++
}

// push takes a placed packet at time at.
func (o *order) push(a arrival, at time.Duration) {
	if !o.begun && len(o.wait) == 0 {
		o.startAt = at
	}
	if h := o.holes[a.seq]; h != nil {
		delete(o.holes, a.seq)
		if h.asked > 0 {
			o.recovered++
		}
	}
	for n := o.top + 1; n < a.seq; n++ {
		o.holes[n] = &hole{nackAt: at + nackAfter, interval: nackAgain, lostAt: max(a.pts+o.hold, at+leastWait)}
	}
	o.top = max(o.top, a.seq)
	o.wait[a.seq] = a
	o.bytes += len(a.Payload) + packetCost
}

// pop returns the next packet in sequence, if it is there by time at.
func (o *order) pop(at time.Duration) (arrival, bool) {
	if len(o.wait) == 0 || o.starting(at) {
		return arrival{}, false
	}
	for {
		if a, ok := o.wait[o.next]; ok {
			o.begun = true
			delete(o.wait, o.next)
			o.bytes -= len(a.Payload) + packetCost
			o.next++
			a.lost, o.pendingLoss = o.pendingLoss, 0
			return a, true
		}
		h := o.holes[o.next]
		if h != nil && at < h.lostAt && len(o.wait) <= maxWaiting && o.bytes <= maxBytes {
			return arrival{}, false
		}
		delete(o.holes, o.next)
		o.next++
		o.lost++
		o.pendingLoss++
	}
}

// starting tells that what came first may have overtaken the beginning of its frame.
func (o *order) starting(at time.Duration) bool {
	if o.begun || at >= o.startAt+startWait {
		return false
	}
	a, ok := o.wait[o.next]
	return !ok || !o.starts(a.Payload)
}

// waiting tells that time alone may change what pop and nack return.
func (o *order) waiting(at time.Duration) bool {
	return len(o.holes) > 0 || len(o.wait) > 0 && o.starting(at)
}

// nack returns the numbers to ask for by time at.
func (o *order) nack(at time.Duration) []uint16 {
	var due []int64
	for n, h := range o.holes {
		if at >= h.nackAt && at < h.lostAt {
			due = append(due, n)
		}
	}
	slices.Sort(due)
	due = due[:min(len(due), nackBurst)]
	out := make([]uint16, len(due))
	for i, n := range due {
		h := o.holes[n]
		h.asked++
		h.nackAt = at + h.interval
		h.interval = min(h.interval*3/2, nackSlowest)
		out[i] = uint16(n)
	}
	return out
}
