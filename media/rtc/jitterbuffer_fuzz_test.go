package rtc

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/rtp"

	"livedub/media"
)

// FuzzOrder gives packets in any order, with gaps, repeats and jumps: what
// comes out is in sequence, and nothing is kept without bound.
func FuzzOrder(f *testing.F) {
	f.Add([]byte{0, 1, 9, 0, 2, 9, 0, 4, 9, 0, 3, 9, 255, 255, 9, 0, 0, 9})
	f.Fuzz(func(t *testing.T, in []byte) {
		o := &jitterBuffer{delay: 100 * time.Millisecond, wait: map[int64]arrival{}, gaps: map[int64]*gap{}, starts: func([]byte) bool { return false }}
		a := newAssembler(media.H264, "")
		at := time.Duration(0)
		last := int64(-1 << 62)
		for len(in) >= 3 {
			seq, step := binary.BigEndian.Uint16(in), in[2]
			payload := in[3:min(len(in), 3+int(step)%16)]
			in = in[3:]
			at += time.Duration(step) * time.Millisecond
			if n, where := o.locate(seq); o.admit(n, where) {
				o.push(arrival{Packet: &rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Marker: step&1 == 0}, Payload: payload}, seq: n, pts: at}, at)
			}
			for {
				p, ok := o.pop(at)
				if !ok {
					break
				}
				if p.seq <= last && p.lost == 0 { // a stream that begins anew tells that something was lost
					t.Fatalf("packet %d after %d", p.seq, last)
				}
				last = p.seq
				a.add(p, func(media.Packet) {})
			}
			if n := len(o.nack(at)); n > nackBurst {
				t.Fatalf("%d packets asked for at once", n)
			}
			if len(o.wait) > maxWaiting+1 || len(o.gaps) > maxGaps+1 {
				t.Fatalf("%d packets wait, %d gaps", len(o.wait), len(o.gaps))
			}
		}
	})
}
