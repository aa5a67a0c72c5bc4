package rtc

import (
	"slices"
	"time"

	"github.com/pion/rtp"
)

// Limits of the reordering buffer.
const (
	maxWaiting  = 2048                   // packets behind a gap
	maxBytes    = 16 << 20               // of them
	maxSeqJump  = 3000                   // further is another stream (RFC 3550, A.1)
	maxGaps     = 4096                   // open at a time: each is looked at with every tick
	nackAfter   = 8 * time.Millisecond   // a gap may be reordering
	nackAgain   = 40 * time.Millisecond  // grows by half each time
	nackSlowest = 200 * time.Millisecond // up to this
	leastWait   = 20 * time.Millisecond  // of any gap, however late it is noticed
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

// jitterBuffer brings packets into sequence. A gap holds back what follows until it
// is filled, or its time is up: delay after the media time of what follows.
type jitterBuffer struct {
	delay  time.Duration
	starts func(payload []byte) bool // whether a packet surely begins a frame

	begun   bool          // something was popped since the start
	startAt time.Duration // when the first packet came

	set   bool
	next  int64 // wanted
	top   int64 // highest seen
	wait  map[int64]arrival
	bytes int
	gaps  map[int64]*gap
	stray uint16 // the sequence number that would prove a jump
	odd   bool   // stray is set

	lost, recovered, late uint64
	pendingLoss           int // given up, to be told with the next packet
}

type gap struct {
	nackAt   time.Duration
	interval time.Duration
	lostAt   time.Duration
	asked    int
}

// position is where a sequence number lies among those that came.
type position uint8

const (
	first   position = iota // nothing has come yet
	newest                  // beyond all
	missing                 // in a gap
	earlier                 // before all, and nothing was popped yet
	late                    // given up, popped, or there already
	astray                  // farther off than a stream jumps
	anew                    // the second in a row that is astray: the sender began anew
	beyond                  // so far on that what lies between never comes: left out on purpose, or lost for good
)

// locate returns a packet's unwrapped number, and where it lies. It changes nothing.
func (b *jitterBuffer) locate(seq uint16) (n int64, at position) {
	if !b.set {
		return int64(seq), first
	}
	n = b.top + int64(int16(seq-uint16(b.top)))
	_, there := b.wait[n]
	switch d := n - b.top; {
	case d > maxSeqJump || d < -maxSeqJump:
		if b.odd && b.stray == seq {
			return n, anew
		}
		return n, astray
	case !b.begun && n < b.next:
		return n, earlier
	case there || n < b.next:
		return n, late
	case d <= 0:
		return n, missing
	case int64(len(b.gaps))+d > maxGaps:
		return n, beyond
	}
	return n, newest
}

// admit makes room for the packet that was located, and tells whether it is wanted.
func (b *jitterBuffer) admit(n int64, at position) (wanted bool) {
	b.odd = at == astray
	switch at {
	case first:
		b.set, b.next, b.top = true, n, n-1
		b.wait, b.gaps = map[int64]arrival{}, map[int64]*gap{}
	case astray:
		b.stray = uint16(n) + 1
		return false
	case late:
		b.late++
		return false
	case anew, beyond:
		b.restart(n)
	case earlier:
		for i := n + 1; i < b.next; i++ {
			b.gaps[i] = &gap{nackAt: b.startAt + nackAfter, interval: nackAgain, lostAt: b.startAt + max(b.delay, startWait)}
		}
		b.next = n
	}
	return true
}

// leads tells whether time has come as far as a packet in that place.
func (p position) leads() bool { return p == first || p == newest || p == anew || p == beyond }

// restart gives up everything before n.
func (b *jitterBuffer) restart(n int64) {
	b.lost += uint64(len(b.gaps))
	clear(b.wait)
	clear(b.gaps)
	b.bytes = 0
	b.next, b.top = n, n-1
	b.pendingLoss++
}

// push takes an admitted packet at time at.
func (b *jitterBuffer) push(a arrival, at time.Duration) {
	if !b.begun && len(b.wait) == 0 {
		b.startAt = at
	}
	if h := b.gaps[a.seq]; h != nil {
		delete(b.gaps, a.seq)
		if h.asked > 0 {
			b.recovered++
		}
	}
	for n := b.top + 1; n < a.seq; n++ {
		b.gaps[n] = &gap{nackAt: at + nackAfter, interval: nackAgain, lostAt: max(a.pts+b.delay, at+leastWait)}
	}
	b.top = max(b.top, a.seq)
	b.wait[a.seq] = a
	b.bytes += len(a.Payload) + packetCost
}

// pop returns the next packet in sequence, if it is there by time at.
func (b *jitterBuffer) pop(at time.Duration) (arrival, bool) {
	if len(b.wait) == 0 || b.starting(at) {
		return arrival{}, false
	}
	for {
		if a, ok := b.wait[b.next]; ok {
			b.begun = true
			delete(b.wait, b.next)
			b.bytes -= len(a.Payload) + packetCost
			b.next++
			a.lost, b.pendingLoss = b.pendingLoss, 0
			return a, true
		}
		h := b.gaps[b.next]
		if h != nil && at < h.lostAt && len(b.wait) <= maxWaiting && b.bytes <= maxBytes {
			return arrival{}, false
		}
		delete(b.gaps, b.next)
		b.next++
		b.lost++
		b.pendingLoss++
	}
}

// starting tells that what came first may have overtaken the beginning of its frame.
func (b *jitterBuffer) starting(at time.Duration) bool {
	if b.begun || at >= b.startAt+startWait {
		return false
	}
	a, ok := b.wait[b.next]
	return !ok || !b.starts(a.Payload)
}

// waiting tells that time alone may change what pop and nack return.
func (b *jitterBuffer) waiting(at time.Duration) bool {
	return len(b.gaps) > 0 || len(b.wait) > 0 && b.starting(at)
}

// nack returns the numbers to ask for by time at.
func (b *jitterBuffer) nack(at time.Duration) []uint16 {
	var due []int64
	for n, h := range b.gaps {
		if at >= h.nackAt && at < h.lostAt {
			due = append(due, n)
		}
	}
	slices.Sort(due)
	due = due[:min(len(due), nackBurst)]
	out := make([]uint16, len(due))
	for i, n := range due {
		h := b.gaps[n]
		h.asked++
		h.nackAt = at + h.interval
		h.interval = min(h.interval*3/2, nackSlowest)
		out[i] = uint16(n)
	}
	return out
}
