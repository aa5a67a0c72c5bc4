package rtc

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"livedub/media"
	"livedub/media/clock"
)

// Shapes of what is sent.
const (
	mtu            = 1200 - 12 // bytes of payload a packet: paths of 1280 carry SRTP, RTX and UDP beside it
	reportInterval = 500 * time.Millisecond
	burst          = 12 // packets of one frame in a row
	maxPauses      = 4  // of about a millisecond, between bursts
	burstPause     = 800 * time.Microsecond
)

// SenderConfig says where a Sender sends.
type SenderConfig struct {
	Codec     media.Codec // H264, VP8 or Opus
	SSRC      uint32      // as the packets will bear it
	Clock     *clock.ReportClock
	WriteRTP  func(*rtp.Packet) error   // SSRC and payload type are the track's to set
	WriteRTCP func([]rtcp.Packet) error // nil where reports are somebody else's
}

// Sender turns one track's access units to RTP. A packet's timestamp is its PTS,
// its output time on the session clock; the sender reports beside it map that
// clock to NTP time, and so the tracks of one ReportClock are in sync.
type Sender struct {
	c       SenderConfig
	rate    int
	offset  uint32 // random, of timestamps
	seq     uint16
	frame   uint16
	packets uint32
	bytes   uint32
	lastSR  time.Duration
	started bool
}

// NewSender makes a sender. One caller at a time may use it.
func NewSender(c SenderConfig) (*Sender, error) {
	s := &Sender{c: c, rate: 90000, offset: rand.Uint32(), seq: uint16(rand.Uint32()), frame: uint16(rand.Uint32() & 0x7fff)}
	switch c.Codec {
	case media.H264, media.VP8:
	case media.Opus:
		s.rate = 48000
	default:
		return nil, errors.New("RTP sender: codec must be H264, VP8 or Opus")
	}
	return s, nil
}

// timestamp is the RTP time of session time t.
func (s *Sender) timestamp(t time.Duration) uint32 {
	return uint32(media.TimeToSamples(t, s.rate)) + s.offset
}

// Write sends one access unit, large frames in bursts over a few
// milliseconds, and a sender report with the first and every 500 ms.
func (s *Sender) Write(p media.Packet) (packets int, err error) {
	var payloads [][]byte
	switch s.c.Codec {
	case media.H264:
		payloads = packH264(p.Data, mtu)
	case media.VP8:
		payloads = packVP8(p.Data, mtu, s.frame)
		s.frame = (s.frame + 1) & 0x7fff
	case media.Opus:
		if len(p.Data) > 0 {
			payloads = [][]byte{p.Data}
		}
	}
	ts := s.timestamp(p.PTS)
	group := max(burst, (len(payloads)+maxPauses)/(maxPauses+1))
	for i, data := range payloads {
		if i > 0 && i%group == 0 {
			time.Sleep(burstPause)
		}
		k := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: s.seq, Timestamp: ts, SSRC: s.c.SSRC}, Payload: data}
		k.Marker = i == len(payloads)-1
		if s.c.Codec == media.Opus {
			k.Marker = !s.started // the beginning of a talkspurt (RFC 3551, 4.1)
		}
		s.seq++
		if err := s.c.WriteRTP(k); err != nil {
			return i, err
		}
		s.packets++
		s.bytes += uint32(len(data))
		if i == 0 {
			if err := s.report(); err != nil {
				return 1, err
			}
		}
	}
	return len(payloads), nil
}

// report writes a sender report if one is due: this very moment on both clocks.
func (s *Sender) report() error {
	now := s.c.Clock.Now()
	if s.c.WriteRTCP == nil || s.started && now-s.lastSR < reportInterval {
		s.started = true
		return nil
	}
	s.started, s.lastSR = true, now
	return s.c.WriteRTCP([]rtcp.Packet{&rtcp.SenderReport{
		SSRC: s.c.SSRC, NTPTime: s.c.Clock.NTP(now), RTPTime: s.timestamp(now), PacketCount: s.packets, OctetCount: s.bytes,
	}})
}
