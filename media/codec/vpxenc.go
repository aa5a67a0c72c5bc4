package codec

/*
#include "vpxenc.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"livedub/media"
)

// vpxEncoder is libvpx's VP8 encoder.
type vpxEncoder struct {
	e        *C.ldc_vpx
	duration int64          // of one frame at the nominal rate, 1/90000 s
	recolor  *C.ldc_recolor // nil: frames are BT.601's as they are
}

func newVPXEncoder(c VideoEncoderConfig) (*vpxEncoder, error) {
	e := &vpxEncoder{duration: int64(clockRate / c.FrameRate), recolor: toBT601(c.Color.Matrix)}
	file := C.int(0)
	if c.OutOfBand {
		file = 1
	}
	if err := C.ldc_vpx_open(&e.e, C.int(c.Width), C.int(c.Height), C.double(c.FrameRate), kbps(c.Bitrate), file); err != 0 {
		return nil, vpxError("open", err)
	}
	return e, nil
}

func (e *vpxEncoder) encode(f *media.Frame, pts int64, key bool) ([]byte, bool, error) {
	var data unsafe.Pointer
	var size C.size_t
	var k, force C.int
	if key {
		force = 1
	}
	if err := C.ldc_vpx_encode(e.e, bytesOf(f.Y), bytesOf(f.U), bytesOf(f.V), C.int(f.YStride), C.int(f.UVStride),
		C.int64_t(pts), C.int64_t(e.duration), e.recolor, force, &data, &size, &k); err != 0 {
		return nil, false, vpxError("encode", err)
	}
	if size == 0 {
		return nil, false, errors.New("codec: libvpx gave no packet for a frame")
	}
	return C.GoBytes(data, C.int(size)), k != 0, nil
}

func (e *vpxEncoder) setBitrate(bps int) error {
	if err := C.ldc_vpx_set_bitrate(e.e, kbps(bps)); err != 0 {
		return vpxError("set the bitrate", err)
	}
	return nil
}

func (e *vpxEncoder) extradata() []byte { return nil }

func (e *vpxEncoder) name() string { return "libvpx" }

func (e *vpxEncoder) close() {
	C.ldc_vpx_close(e.e)
	e.e = nil
}

func kbps(bps int) C.int { return C.int(max(1, (bps+500)/1000)) }

func vpxError(what string, err C.int) error {
	return fmt.Errorf("codec: libvpx %s: %s", what, C.GoString(C.vpx_codec_err_to_string(C.vpx_codec_err_t(err))))
}
