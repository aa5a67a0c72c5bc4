package rtc

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"livedub/media"
	"livedub/media/clock"
	"livedub/media/pace"
)

// BenchmarkSenderFrame packs one large frame; its time is mostly the pauses between bursts.
func BenchmarkSenderFrame(b *testing.B) {
	m := newClip(b, media.H264, 2, 10)
	data := m.video[0].Data
	s, err := NewSender(SenderConfig{Codec: media.H264, Clock: clock.NewReportClock(pace.NewWall()),
		WriteRTP: func(*rtp.Packet) error { return nil }, WriteRTCP: func([]rtcp.Packet) error { return nil }})
	must(b, err)
	b.SetBytes(int64(len(data)))
	for i := range b.N {
		if _, err := s.Write(media.Packet{Kind: media.Video, PTS: time.Duration(i) * time.Second / 30, Data: data}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReceiverFrame assembles the same.
func BenchmarkReceiverFrame(b *testing.B) {
	m := newClip(b, media.H264, 2, 10)
	payloads := packH264(m.video[0].Data, mtu)
	got := 0
	r := NewReceiver(ReceiverConfig{Codec: media.H264, Times: clock.NewTimebase().Track(90000), Clock: pace.NewWall(), Out: func(media.Packet) { got++ }})
	b.SetBytes(int64(len(m.video[0].Data)))
	seq := uint16(0)
	for i := range b.N {
		at := time.Duration(i) * time.Second / 30
		for j, p := range payloads {
			r.take(&rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Timestamp: uint32(i * 3000), Marker: j == len(payloads)-1}, Payload: p}, at)
			r.tick(at)
			seq++
		}
	}
	if got != b.N {
		b.Fatalf("%d of %d frames", got, b.N)
	}
}
