package rtc

import (
	"time"

	"livedub/media"
)

// maxFrame bounds one compressed frame, bytes.
const maxFrame = 8 << 20

// packetCost is what a packet holds beside its payload, bytes.
const packetCost = 128

// assembler makes frames of packets in sequence: complete with the marker
// bit, or with the first packet of another timestamp. After a loss it hands on
// nothing until the next keyframe, for decoders conceal damage silently.
type assembler struct {
	codec media.Codec
	h264  *h264Stream

	payloads [][]byte
	size     int
	ts       uint32
	pts      time.Duration
	open     bool // a frame is under way
	damaged  bool // and cannot be completed
	freeze   bool // until a keyframe
	gap      bool // to be told with it

	frames, dropped uint64
}

func newAssembler(c media.Codec, fmtp string) *assembler {
	a := &assembler{codec: c, freeze: true}
	if c == media.H264 {
		a.h264 = newH264Stream(fmtp)
	}
	return a
}

// starts tells whether a payload surely begins a frame. That of an IDR may be
// missing its parameter sets, and nobody begins with padding.
func (a *assembler) starts(payload []byte) bool {
	if len(payload) == 0 {
		return false
	}
	if a.codec == media.H264 {
		t := payload[0] & nalTypeMask
		return t == nalSlice || t == nalSPS || t == nalAUD || t == nalSTAPA
	}
	_, start, err := vp8Payload(payload)
	return err == nil && start
}

// add takes the next packet in sequence and calls out with each frame it
// completes. needKey tells that a keyframe must be asked for.
func (a *assembler) add(p arrival, out func(media.Packet)) (needKey bool) {
	if p.lost > 0 {
		a.damaged = a.open && a.ts == p.Timestamp
		if a.open && !a.damaged {
			a.drop()
		}
		a.payloads, a.size = nil, 0
		a.freeze, a.gap, needKey = true, true, true
	}
	if p.jumped {
		a.gap = true
	}
	if len(p.Payload) == 0 { // padding
		return needKey
	}
	if a.open && a.ts != p.Timestamp {
		needKey = a.finish(out) || needKey
	}
	if !a.open {
		a.open, a.ts, a.pts = true, p.Timestamp, p.pts
	}
	if a.size += len(p.Payload) + packetCost; a.size > maxFrame {
		a.damaged = true
	}
	if !a.damaged {
		a.payloads = append(a.payloads, p.Payload)
	}
	if p.Marker {
		needKey = a.finish(out) || needKey
	}
	return needKey
}

func (a *assembler) drop() {
	a.dropped++
	a.payloads, a.size, a.open, a.damaged = nil, 0, false, false
}

func (a *assembler) finish(out func(media.Packet)) (needKey bool) {
	payloads, damaged := a.payloads, a.damaged
	a.payloads, a.size, a.open, a.damaged = nil, 0, false, false
	var data []byte
	var key bool
	if !damaged {
		var err error
		if a.codec == media.H264 {
			data, key, err = a.h264.frame(payloads)
		} else {
			data, key, err = vp8Frame(payloads)
		}
		damaged = err != nil
	}
	if damaged {
		// What the sender meant as a frame is missing, whatever came in its place.
		a.dropped++
		a.freeze, a.gap = true, true
		return true
	}
	if data == nil {
		return false
	}
	if a.freeze && !key {
		a.dropped++
		return true
	}
	p := media.Packet{Kind: media.Video, PTS: a.pts, DTS: a.pts, Key: key, Gap: a.gap, Data: data}
	a.freeze, a.gap = false, false
	a.frames++
	out(p)
	return false
}
