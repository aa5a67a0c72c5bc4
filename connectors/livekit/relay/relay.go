// Package relay passes RTP from one connection on to another as it is, without
// decoding: it renumbers packets so that the outgoing stream is one stream, whatever
// streams feed it, and moves sender reports along, so that receivers keep sound and
// frame in step.
package relay

import (
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

const (
	jump     = 3000 // sequence numbers; a step that is larger begins another stream
	remember = 128  // padding packets whose numbers were closed up, for packets that come late
)

// Writer takes packets of the outgoing stream. It sets SSRC and payload type.
type Writer interface {
	WriteRTP(p *rtp.Packet) error
}

// Stream is one outgoing stream. Its zero value is not usable; see New.
// Its methods may be called from several goroutines.
type Stream struct {
	rate uint32 // of the RTP clock, Hz
	now  func() time.Time

	mu      sync.Mutex
	out     Writer
	started bool
	ssrc    uint32 // of the stream that feeds it
	highest uint64 // of that, extended to 64 bits
	shift   uint64 // outgoing sequence number minus the incoming one, before padding is closed up
	closed  uint64 // padding packets closed up whose numbers are forgotten
	gaps    []uint64
	stamp   uint32 // outgoing timestamp minus the incoming one
	last    uint64 // the highest outgoing sequence number
	lastTS  uint32 // its outgoing timestamp
	lastAt  time.Time
	count   Counters
}

// Counters tell what a stream has passed on.
type Counters struct {
	Packets, Octets, Frames uint64 // Frames: markers
	Padding                 uint64 // packets without payload that were left out
	Streams                 uint64 // that have fed it, one after another
}

// New returns a stream of a clock rate (Hz) that writes to out, which may be nil until SetWriter.
func New(rate uint32, out Writer) *Stream {
	return &Stream{rate: rate, out: out, now: time.Now}
}

// SetWriter has packets written to another writer from now on; nil drops them.
func (s *Stream) SetWriter(out Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = out
}

// Counters returns what was passed on so far.
func (s *Stream) Counters() Counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Write passes one packet on. It takes the packet over. An error is the writer's.
func (s *Stream) Write(p *rtp.Packet) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	seq := s.follow(p)
	if len(p.Payload) == 0 && seq > s.highest && s.started {
		// Padding, by which a sender probes the network, concerns that network alone.
		s.gaps = append(s.gaps, seq)
		if len(s.gaps) > remember {
			s.gaps = s.gaps[1:]
			s.closed++
		}
		s.highest = seq
		s.count.Padding++
		return nil
	}
	out, ts := s.number(seq), p.Timestamp+s.stamp
	if seq > s.highest || !s.started {
		s.highest, s.last, s.lastTS, s.lastAt, s.started = seq, out, ts, s.now(), true
	}
	s.count.Packets++
	s.count.Octets += uint64(len(p.Payload))
	if p.Marker {
		s.count.Frames++
	}
	if s.out == nil {
		return nil
	}
	return s.out.WriteRTP(&rtp.Packet{
		Header: rtp.Header{
			Version: 2, Marker: p.Marker, PayloadType: p.PayloadType,
			SequenceNumber: uint16(out), Timestamp: ts,
		},
		Payload: p.Payload,
	})
}

// number returns the outgoing sequence number of an incoming one.
func (s *Stream) number(seq uint64) uint64 {
	n := seq + s.shift - s.closed
	for _, g := range s.gaps {
		if g < seq {
			n--
		}
	}
	return n
}

// follow returns a packet's sequence number, extended, and begins anew where another
// stream feeds this one: the numbers go on, and the timestamp by the time that has passed.
func (s *Stream) follow(p *rtp.Packet) uint64 {
	if s.count.Streams > 0 && p.SSRC == s.ssrc {
		d := int64(int16(p.SequenceNumber - uint16(s.highest)))
		if d > -jump && d < jump {
			return uint64(int64(s.highest) + d)
		}
	}
	s.count.Streams++
	s.ssrc, s.gaps, s.closed = p.SSRC, nil, 0
	seq := 1<<32 | uint64(p.SequenceNumber)
	if !s.started {
		s.shift, s.highest = 0, seq-1
		return seq
	}
	passed := s.now().Sub(s.lastAt)
	s.shift = s.last + 1 - seq
	s.stamp = s.lastTS + max(1, uint32(passed.Seconds()*float64(s.rate))) - p.Timestamp
	s.highest = seq - 1
	return seq
}

// Report returns the sender report of the outgoing stream, as ssrc, that tells what in
// tells of the incoming one; false where that is not of the stream that feeds this one now.
func (s *Stream) Report(in *rtcp.SenderReport, ssrc uint32) (*rtcp.SenderReport, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started || in.SSRC != s.ssrc {
		return nil, false
	}
	return &rtcp.SenderReport{
		SSRC: ssrc, NTPTime: in.NTPTime, RTPTime: in.RTPTime + s.stamp,
		PacketCount: uint32(s.count.Packets), OctetCount: uint32(s.count.Octets),
	}, true
}
