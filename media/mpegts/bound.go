package mpegts

import (
	"errors"
	"fmt"
	"io"
)

// Bounds of what a stream may have.
const (
	packetSize   = 188
	syncByte     = 0x47
	mostPIDs     = 64
	mostUnit     = 8 << 20  // bytes of one access unit, or table
	mostUnits    = 24 << 20 // bytes of all that have begun
	nullPID      = 0x1fff
	messageBytes = 1500
)

// ErrProtocol is wrapped by errors of what is no MPEG-TS, or more of it than anyone needs.
var ErrProtocol = errors.New("not MPEG-TS that can be taken")

// bound passes on the packets of messages, and fails before the reader behind it
// would have to hold more than it should: that keeps what belongs to a unit until
// the next one begins. What is no packet is left out.
type bound struct {
	r io.Reader // a message, or as much as comes, with each call

	buf, ready []byte
	part       int // bytes of buf that are a packet's beginning
	units      map[uint16]int
	held       int
	skipped    int
	tears      tears
}

func newBound(r io.Reader) *bound {
	return &bound{r: r, buf: make([]byte, packetSize+messageBytes), units: map[uint16]int{}, tears: tears{}}
}

func (b *bound) Read(p []byte) (int, error) {
	for len(b.ready) == 0 {
		if err := b.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.ready)
	b.ready = b.ready[n:]
	return n, nil
}

// fill reads more, and sets ready to the whole packets of it.
func (b *bound) fill() error {
	n, err := b.r.Read(b.buf[b.part : b.part+messageBytes])
	if n == 0 && err != nil {
		return err
	}
	in, out := b.buf[:b.part+n], make([]byte, 0, b.part+n)
	for len(in) >= packetSize {
		if in[0] != syncByte {
			in = in[1:]
			if b.skipped++; b.skipped > mostUnit {
				return fmt.Errorf("%w: no packets in %d bytes", ErrProtocol, b.skipped)
			}
			continue
		}
		b.skipped = 0
		keep, err := b.packet(in[:packetSize])
		if err != nil {
			return err
		}
		if keep {
			out = append(out, in[:packetSize]...)
		}
		in = in[packetSize:]
	}
	b.part = copy(b.buf, in)
	b.ready = out
	return nil
}

// packet counts one, and tells whether it is worth passing on.
func (b *bound) packet(p []byte) (bool, error) {
	pid := uint16(p[1]&0x1f)<<8 | uint16(p[2])
	if pid == nullPID {
		return false, nil
	}
	had, known := b.units[pid]
	if !known && len(b.units) >= mostPIDs {
		return false, nil
	}
	if !b.tears.packet(pid, p) {
		return false, nil
	}
	if begins := p[1]&0x40 != 0; begins {
		b.held -= had
		had = 0
	}
	b.units[pid] = had + packetSize
	b.held += packetSize
	if b.units[pid] > mostUnit || b.held > mostUnits {
		return false, fmt.Errorf("%w: %d bytes without the end of a unit", ErrProtocol, max(b.units[pid], b.held))
	}
	return true, nil
}
