package codec

import (
	"encoding/binary"
	"fmt"

	"gopkg.in/hraban/opus.v2"

	"livedub/media"
)

// Opus always runs at 48 kHz here; its longest packet lasts 120 ms (RFC 6716, 2.1.4).
const (
	opusRate      = 48000
	opusFrame     = 960 // sample instants of the packets we make
	opusLookahead = 312 // sample instants the encoder delays: 2.5 ms framing and 4 ms mode switching
	opusLongest   = 5760
)

// opusDecoder is libopus.
type opusDecoder struct {
	d        *opus.Decoder
	channels int
	pcm      []int16
}

func newOpusDecoder(channels int) (*opusDecoder, error) {
	d, err := opus.NewDecoder(opusRate, channels)
	if err != nil {
		return nil, fmt.Errorf("codec: open an opus decoder: %w", err)
	}
	return &opusDecoder{d: d, channels: channels, pcm: make([]int16, opusLongest*channels)}, nil
}

func (d *opusDecoder) decode(p media.Packet) ([]media.Samples, error) {
	n, err := d.d.Decode(p.Data, d.pcm)
	if err != nil {
		return nil, fmt.Errorf("codec: decode opus: %w", err)
	}
	if n == 0 {
		return nil, nil
	}
	data := append([]int16(nil), d.pcm[:n*d.channels]...)
	return []media.Samples{{PTS: p.PTS, Rate: opusRate, Channels: d.channels, Data: data}}, nil
}

func (d *opusDecoder) flush() ([]media.Samples, error) {
	fresh, err := newOpusDecoder(d.channels)
	if err == nil {
		*d = *fresh
	}
	return nil, err
}

func (d *opusDecoder) close() {}

// opusChannels returns how many channels to decode, and whether libopus' plain
// decoder can: surround and a gain in the header are left to libavcodec (RFC 7845, 5.1).
func opusChannels(t media.Track) (n int, plain bool) {
	n = t.Channels
	if h := t.Extradata; len(h) >= 19 && string(h[:8]) == "OpusHead" {
		n = int(h[9])
		if h[16] != 0 || h[17] != 0 || h[18] != 0 {
			return n, false
		}
	}
	if n == 0 {
		n = 2
	}
	return min(n, 2), n <= 2
}

// opusHead returns the stream's header as files carry it (RFC 7845, 5.1).
func opusHead(channels int) []byte {
	h := append([]byte("OpusHead"), 1, byte(channels))
	h = binary.LittleEndian.AppendUint16(h, opusLookahead)
	h = binary.LittleEndian.AppendUint32(h, opusRate)
	return append(h, 0, 0, 0)
}
