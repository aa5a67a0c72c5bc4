package file

// #include "demux.h"
import "C"

import (
	"unsafe"

	"livedub/media"
)

const (
	maxExtradata = 16 << 20 // bytes; more is no codec configuration
	maxFrameRate = 1000     // frames per second; more is a time base that was taken for one
)

// track puts a stream's parameters into our words.
func track(kind media.Kind, c *C.ld_stream) media.Track {
	t := media.Track{Kind: kind, Codec: media.Codec(C.GoString(c.codec))}
	if n := c.extradata_size; n > 0 && n <= maxExtradata {
		t.Extradata = C.GoBytes(unsafe.Pointer(c.extradata), n)
	}
	t.Tag, t.BitsPerSample, t.BitRate = uint32(c.tag), max(int(c.bits), 0), max(int(c.bit_rate), 0)
	if kind == media.Audio {
		t.BlockAlign = max(int(c.block_align), 0)
		t.SampleRate, t.Channels = max(int(c.sample_rate), 0), max(int(c.channels), 0)
		return t
	}
	t.Width, t.Height = max(int(c.width), 0), max(int(c.height), 0)
	t.Rotation, t.Mirrored = int(c.rotation), c.mirrored != 0
	t.Fields = media.Fields(c.fields)
	t.Color = media.Color{}.Or(media.Color{Primaries: uint8(c.primaries), Transfer: uint8(c.transfer), Matrix: uint8(c.matrix)})
	if t.Codec == "rawvideo" {
		t.Format = C.GoString(c.format)
	}
	t.PixelAspect = ratio(c.sar_num, c.sar_den)
	if r := ratio(c.rate_num, c.rate_den); r <= maxFrameRate {
		t.FrameRate = r
	}
	return t
}

func ratio(num, den C.int) float64 {
	if num <= 0 || den <= 0 {
		return 0
	}
	return float64(num) / float64(den)
}
