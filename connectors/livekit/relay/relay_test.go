package relay

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tape keeps what was written.
type tape []*rtp.Packet

func (t *tape) WriteRTP(p *rtp.Packet) error { *t = append(*t, p); return nil }

func packet(ssrc uint32, seq uint16, ts uint32, payload string, marker bool) *rtp.Packet {
	return &rtp.Packet{Header: rtp.Header{
		Version: 2, SSRC: ssrc, SequenceNumber: seq, Timestamp: ts, Marker: marker,
		Extension: true, ExtensionProfile: 0xBEDE, Extensions: []rtp.Extension{},
	}, Payload: []byte(payload)}
}

func write(t *testing.T, s *Stream, p *rtp.Packet) {
	t.Helper()
	if err := s.Write(p); err != nil {
		t.Fatal(err)
	}
}

func seqs(ps tape) []uint16 {
	var out []uint16
	for _, p := range ps {
		out = append(out, p.SequenceNumber)
	}
	return out
}

func same(t *testing.T, got, want []uint16) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestLossAndOrderStay(t *testing.T) {
	var out tape
	s := New(90000, &out)
	for _, seq := range []uint16{65534, 65535, 1, 0, 4} { // 2 and 3 are lost, 1 and 0 come the wrong way round
		write(t, s, packet(7, seq, 100, "x", true))
	}
	same(t, seqs(out), []uint16{65534, 65535, 1, 0, 4})
	if out[0].Extension || out[0].Timestamp != 100 || !out[0].Marker {
		t.Errorf("%v: extensions are another connection's; time and marker stay", out[0].Header)
	}
}

func TestPaddingIsClosedUp(t *testing.T) {
	var out tape
	s := New(90000, &out)
	write(t, s, packet(7, 10, 0, "a", false))
	write(t, s, packet(7, 11, 0, "", false))
	write(t, s, packet(7, 13, 0, "c", true)) // before 12, which is late
	write(t, s, packet(7, 12, 0, "b", false))
	write(t, s, packet(7, 14, 0, "", false))
	write(t, s, packet(7, 15, 0, "d", true))
	same(t, seqs(out), []uint16{10, 12, 11, 13})
	// Late padding has a number in the outgoing stream already: it must keep it.
	write(t, s, packet(7, 17, 0, "f", true))
	write(t, s, packet(7, 16, 0, "", false))
	same(t, seqs(out), []uint16{10, 12, 11, 13, 15, 14})
	if c := s.Counters(); c.Padding != 2 || c.Frames != 3 || c.Streams != 1 {
		t.Errorf("%+v", c)
	}
}

func TestMuchPadding(t *testing.T) {
	var out tape
	s := New(90000, &out)
	want := uint16(100)
	for seq := uint16(100); seq < 1500; seq += 2 {
		write(t, s, packet(7, seq, 0, "x", true))
		write(t, s, packet(7, seq+1, 0, "", false))
		if got := out[len(out)-1].SequenceNumber; got != want {
			t.Fatalf("packet %d got %d, want %d", seq, got, want)
		}
		want++
	}
}

func TestAnotherStreamGoesOn(t *testing.T) {
	var out tape
	s := New(48000, &out)
	now := time.Unix(100, 0)
	s.now = func() time.Time { return now }
	write(t, s, packet(7, 500, 48000, "a", false))
	now = now.Add(2 * time.Second)
	write(t, s, packet(8, 9, 5, "b", false))
	write(t, s, packet(8, 10, 965, "c", false))
	write(t, s, packet(8, 40000, 965, "d", false)) // the same SSRC, begun anew
	same(t, seqs(out), []uint16{500, 501, 502, 503})
	if got := out[1].Timestamp; got != 48000+96000 {
		t.Errorf("timestamp %d: two seconds have passed", got)
	}
	if got := out[2].Timestamp - out[1].Timestamp; got != 960 {
		t.Errorf("timestamps %d apart, want 960", got)
	}
	if out[3].Timestamp <= out[2].Timestamp {
		t.Error("time goes back")
	}
}

func TestReports(t *testing.T) {
	var out tape
	s := New(48000, &out)
	if _, ok := s.Report(&rtcp.SenderReport{SSRC: 7}, 1); ok {
		t.Error("a report before the first packet")
	}
	write(t, s, packet(7, 500, 1000, "abc", false))
	write(t, s, packet(8, 5, 7000, "d", false))
	if _, ok := s.Report(&rtcp.SenderReport{SSRC: 7, RTPTime: 1000}, 1); ok {
		t.Error("a report of the stream before")
	}
	r, ok := s.Report(&rtcp.SenderReport{SSRC: 8, NTPTime: 42, RTPTime: 7480}, 1)
	if !ok || r.NTPTime != 42 || r.RTPTime != out[1].Timestamp+480 || r.SSRC != 1 || r.PacketCount != 2 || r.OctetCount != 4 {
		t.Errorf("%+v, %v", r, ok)
	}
}

// FuzzWrite: whatever comes in, each packet with payload goes out once, and none of
// one feeding stream in the place of another.
func FuzzWrite(f *testing.F) {
	f.Add([]byte{0, 1, 2, 130, 3, 4, 132, 131})
	f.Fuzz(func(t *testing.T, steps []byte) {
		var out tape
		s := New(90000, &out)
		seq, seen, sent := uint16(65500), map[uint16]bool{}, 0
		for _, step := range steps {
			seq += uint16(step&7) + 1 // only forward: each number once
			payload := "x"
			if step&128 != 0 {
				payload = ""
			} else {
				sent++
			}
			write(t, s, packet(7, seq, uint32(seq), payload, false))
		}
		got := 0
		for _, p := range out {
			if seen[p.SequenceNumber] {
				t.Fatalf("number %d twice", p.SequenceNumber)
			}
			seen[p.SequenceNumber] = true
			if len(p.Payload) > 0 {
				got++
			}
		}
		if got != sent {
			t.Fatalf("%d of %d packets went out", got, sent)
		}
	})
}
