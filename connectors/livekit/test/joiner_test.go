package test

import (
	"testing"

	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"go.uber.org/goleak"
)

// joiner puts VP8 frames together from packets, whatever order they come in; a packet of
// sound is whole by itself.
type joiner struct {
	video  bool
	frames map[uint32]*parts // by timestamp
	order  []uint32
}

// parts is a frame of which some packets have come.
type parts struct {
	first, last int // sequence numbers, -1: not come
	data        map[uint16][]byte
}

// whole is a frame, or a packet of sound.
type whole struct {
	rtp  uint32
	data []byte
}

func (j *joiner) add(p *rtp.Packet) []whole {
	if len(p.Payload) == 0 {
		return nil
	}
	if !j.video {
		return []whole{{p.Timestamp, p.Payload}}
	}
	var vp8 codecs.VP8Packet
	data, err := vp8.Unmarshal(p.Payload)
	if err != nil {
		return nil
	}
	if j.frames == nil {
		j.frames = map[uint32]*parts{}
	}
	f := j.frames[p.Timestamp]
	if f == nil {
		f = &parts{-1, -1, map[uint16][]byte{}}
		j.frames[p.Timestamp] = f
		if j.order = append(j.order, p.Timestamp); len(j.order) > 100 {
			delete(j.frames, j.order[0])
			j.order = j.order[1:]
		}
	}
	f.data[p.SequenceNumber] = data
	if vp8.S == 1 && vp8.PID == 0 {
		f.first = int(p.SequenceNumber)
	}
	if p.Marker {
		f.last = int(p.SequenceNumber)
	}
	if f.first < 0 || f.last < 0 || len(f.data) != int(uint16(f.last-f.first))+1 {
		return nil
	}
	var out []byte
	for s := uint16(f.first); ; s++ {
		out = append(out, f.data[s]...)
		if s == uint16(f.last) {
			break
		}
	}
	f.data = map[uint16][]byte{0: nil, 1: nil, 2: nil, 3: nil} // told once
	f.first = -1
	return []whole{{p.Timestamp, out}}
}

func TestMain(m *testing.M) {
	lksdk.SetLogger(logger.GetDiscardLogger())
	// LiveKit's client keeps goroutines of its own for a while after a room.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/bep/debounce.(*debouncer).add.func1"))
}

func TestJoiner(t *testing.T) {
	packet := func(seq uint16, start, marker bool, data string) *rtp.Packet {
		head := byte(0)
		if start {
			head = 0x10
		}
		return &rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Timestamp: 9, Marker: marker}, Payload: append([]byte{head}, data...)}
	}
	j := joiner{video: true}
	for _, p := range []*rtp.Packet{packet(65535, true, false, "ab"), packet(1, false, true, "ef")} {
		if got := j.add(p); got != nil {
			t.Fatalf("got %v of a frame with a hole", got)
		}
	}
	if got := j.add(packet(0, false, false, "cd")); len(got) != 1 || string(got[0].data) != "abcdef" {
		t.Fatalf("got %v", got)
	}
	if got := j.add(packet(0, false, false, "cd")); got != nil {
		t.Fatal("told twice")
	}
}
