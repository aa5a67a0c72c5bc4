package caller

import (
	"time"

	"github.com/pion/rtp"
)

const (
	holeTime   = 500 * time.Millisecond // a packet that is missing for so long is given up
	maxWaiting = 2048                   // packets behind a hole
)

// arrived is a packet with its place in the stream.
type arrived struct {
	seq    int64 // unwrapped
	ts     int64 // RTP time, unwrapped
	marker bool
	data   []byte
	at     time.Time
}

// unwrap makes a counter of bits 16 or 32 wide one that goes on.
type unwrap struct {
	set  bool
	high int64
}

// to32 returns the unwrapped value of an RTP timestamp near the one before.
func (u *unwrap) to32(v uint32) int64 {
	if !u.set {
		u.set, u.high = true, int64(v)
	}
	u.high += int64(int32(v - uint32(u.high)))
	return u.high
}

// order puts the packets of one stream into order.
type order struct {
	ts      unwrap
	set     bool
	next    int64 // sequence number wanted
	top     int64 // highest that came
	waiting map[int64]arrived

	lost, late int // packets given up; packets that came after that, or twice
}

// push takes a packet and calls out for each that is due now, in order; gap
// tells that packets before it were given up.
func (o *order) push(p *rtp.Packet, at time.Time, out func(a arrived, gap bool)) {
	if !o.set {
		o.set, o.next, o.top, o.waiting = true, int64(p.SequenceNumber), int64(p.SequenceNumber), map[int64]arrived{}
	}
	seq := o.top + int64(int16(p.SequenceNumber-uint16(o.top)))
	ts := o.ts.to32(p.Timestamp)
	if _, twice := o.waiting[seq]; twice || seq < o.next {
		o.late++
		return
	}
	o.top = max(o.top, seq)
	o.waiting[seq] = arrived{seq, ts, p.Marker, p.Payload, at}
	gap := false
	for len(o.waiting) > 0 {
		a, ok := o.waiting[o.next]
		if !ok {
			if !o.overdue(at) {
				return
			}
			first := o.first()
			o.lost += int(first - o.next)
			o.next, gap = first, true
			continue
		}
		delete(o.waiting, o.next)
		o.next++
		out(a, gap)
		gap = false
	}
}

// first returns the lowest number that waits.
func (o *order) first() int64 {
	low := o.top
	for seq := range o.waiting {
		low = min(low, seq)
	}
	return low
}

// overdue tells whether the hole before what waits is to be given up.
func (o *order) overdue(now time.Time) bool {
	if len(o.waiting) >= maxWaiting {
		return true
	}
	for _, a := range o.waiting {
		if now.Sub(a.at) >= holeTime {
			return true
		}
	}
	return false
}

// unit is one access unit that can be decoded, or could be if it were wanted.
type unit struct {
	ts   int64
	at   time.Time // when its last packet came, and never before its predecessor
	key  bool
	data []byte
}

// assembler makes access units of ordered packets as a browser does: after a
// loss the frame stands until the next keyframe.
type assembler struct {
	depacketizer func() rtp.Depacketizer // a new one for each frame
	key          func(data []byte) bool
	ask          func() // for a keyframe

	cur     []arrived
	broken  bool // the unit under way lacks packets
	stands  bool // what comes cannot be decoded before a keyframe
	started bool
	last    time.Time

	damaged int // units lost to packets that did not come
}

// packet takes the next packet and calls out for a unit that is whole.
func (a *assembler) packet(p arrived, gap bool, out func(unit)) {
	if len(a.cur) > 0 && a.cur[0].ts != p.ts { // its marker is lost
		a.drop()
	}
	if gap {
		a.drop()
		a.broken = !a.begins(p.data)
	}
	if len(p.data) > 0 { // not padding
		a.cur = append(a.cur, p)
	}
	if p.marker {
		a.finish(out)
	}
}

func (a *assembler) begins(data []byte) bool {
	return len(data) > 0 && a.depacketizer().IsPartitionHead(data)
}

func (a *assembler) drop() {
	if len(a.cur) > 0 {
		a.damaged++
	}
	a.cur, a.broken, a.stands = nil, false, true
	a.ask()
}

func (a *assembler) finish(out func(unit)) {
	cur := a.cur
	a.cur = nil
	if len(cur) == 0 {
		return
	}
	if a.broken {
		a.cur = cur
		a.drop()
		return
	}
	d := a.depacketizer()
	u := unit{ts: cur[0].ts, at: a.last}
	for _, p := range cur {
		data, err := d.Unmarshal(p.data)
		if err != nil {
			a.cur = cur
			a.drop()
			return
		}
		u.data = append(u.data, data...)
		if p.at.After(u.at) {
			u.at = p.at
		}
	}
	u.key = a.key(u.data)
	if (a.stands || !a.started) && !u.key {
		a.ask()
		return
	}
	a.started, a.stands, a.last = true, false, u.at
	out(u)
}

// keyH264 tells whether an access unit in Annex B form holds an IDR slice.
func keyH264(data []byte) bool {
	for i := 0; i+3 < len(data); i++ {
		if data[i] == 0 && data[i+1] == 0 && data[i+2] == 1 && data[i+3]&31 == 5 {
			return true
		}
	}
	return false
}

// keyVP8 tells whether a VP8 frame is a keyframe (RFC 6386, 9.1).
func keyVP8(data []byte) bool { return len(data) > 0 && data[0]&1 == 0 }
