package mpegts

import "slices"

// timeMask keeps what times count by: 33 bits.
const timeMask = 1<<33 - 1

// mostTears is how many tears of a PID are remembered until its units come.
const mostTears = 16

// stream is what has come of one PID.
type stream struct {
	count byte  // its last packet's continuity counter
	torn  bool  // packets are missing, and no unit has begun since
	now   int64 // decoding time of the unit that has begun last; -1 for none
	tears []tear
}

// tear is where packets are missing.
type tear struct {
	in    int64 // decoding time of the unit that lacks them; -1 for none
	after int64 // of the first unit since; -1 before there is one
}

// tears tells by their continuity counters where packets of each PID are missing: SRT
// leaves them out, silently, when they have not come in time.
type tears map[uint16]*stream

// packet looks at one packet, and tells whether it is worth passing on: the rest of a unit
// that lacks some is not, nor what comes twice.
func (t tears) packet(pid uint16, p []byte) bool {
	const failed, begins, filled, adapted, anew = 0x80, 0x40, 0x10, 0x20, 0x80
	if p[1]&failed != 0 {
		return false
	}
	if p[3]&filled == 0 { // which are not counted
		return true
	}
	count := p[3] & 0xf
	s := t[pid]
	switch jumps := p[3]&adapted != 0 && p[4] > 0 && p[5]&anew != 0; {
	case s == nil:
		s = &stream{now: -1}
		t[pid] = s
	case count == s.count && !jumps:
		return false
	case count != (s.count+1)&0xf && !jumps && !s.torn:
		s.torn = true
		s.tears = append(s.tears[max(0, len(s.tears)+1-mostTears):], tear{s.now, -1})
	}
	s.count = count
	if p[1]&begins != 0 {
		s.now = timeOf(p)
		if s.torn {
			s.torn = false
			s.tears[len(s.tears)-1].after = s.now
		}
	}
	return !s.torn
}

// unit tells what packets are missing of the unit of a PID that is decoded at a time, and
// just before it.
func (t tears) unit(pid uint16, dts int64) (itself, before bool) {
	s := t[pid]
	if s == nil {
		return false, false
	}
	dts &= timeMask
	for _, e := range s.tears {
		itself = itself || e.in == dts
		before = before || e.after == dts
	}
	if before {
		s.tears = slices.DeleteFunc(s.tears, func(e tear) bool { return e.after == dts })
	}
	return itself, before
}

// timeOf returns when the unit that a packet begins is decoded; -1 where it does not say.
func timeOf(p []byte) int64 {
	const adapted, hasPTS, hasDTS = 0x20, 0x80, 0x40
	at := 4
	if p[3]&adapted != 0 {
		at += 1 + int(p[4])
	}
	if at+14 > len(p) || p[at] != 0 || p[at+1] != 0 || p[at+2] != 1 || p[at+7]&hasPTS == 0 {
		return -1
	}
	b := p[at+9:]
	if p[at+7]&hasDTS != 0 {
		if b = b[5:]; len(b) < 5 {
			return -1
		}
	}
	return int64(b[0]>>1&7)<<30 | int64(b[1])<<22 | int64(b[2]>>1)<<15 | int64(b[3])<<7 | int64(b[4]>>1)
}
