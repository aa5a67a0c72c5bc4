package codec

/*
#include <stdlib.h>
#include "avenc.h"
*/
import "C"

import (
	"fmt"
	"math"
	"unsafe"

	"livedub/media"
)

// avEncoder is libx264 or h264_nvenc behind libavcodec.
//
// Without delay both count bits by the frame, at the nominal rate: a camera at
// half that would get half its bitrate. So they are given the bitrate that, at
// the nominal rate, comes to what was asked for at the real one.
type avEncoder struct {
	e       *C.ldc_avenc
	lib     string
	buffer  float64 // seconds
	bitrate int     // asked for

	nominal float64 // distance of frames, 1/90000 s
	step    float64 // the same as it is, smoothed
	stretch float64 // step/nominal as last applied
	slack   float64 // how far that may be off
	last    int64   // pts of the frame before
}

func newAVEncoder(lib string, c VideoEncoderConfig) (*avEncoder, error) {
	e := &avEncoder{lib: lib, buffer: 0.5, bitrate: c.Bitrate, nominal: clockRate / c.FrameRate, stretch: 1, slack: 0.1}
	e.step = e.nominal
	if lib == "h264_nvenc" {
		e.slack = 0.5 // each change costs a keyframe
	}
	if c.OutOfBand {
		// A file is read ahead by its player: let the rate breathe.
		e.buffer = 2
	}
	if c.Buffer > 0 {
		e.buffer = c.Buffer.Seconds()
	}
	cfg := (*C.ldc_avenc_config)(C.calloc(1, C.sizeof_ldc_avenc_config))
	defer C.free(unsafe.Pointer(cfg))
	cfg.name, cfg.preset = C.CString(lib), C.CString(c.Preset)
	defer C.free(unsafe.Pointer(cfg.name))
	defer C.free(unsafe.Pointer(cfg.preset))
	cfg.w, cfg.h = C.int(c.Width), C.int(c.Height)
	cfg.rate.num, cfg.rate.den = C.int(c.FrameRate*1000+0.5), 1000
	cfg.bitrate, cfg.buffer = C.int64_t(c.Bitrate), C.double(e.buffer)
	cfg.primaries, cfg.transfer, cfg.matrix = C.int(c.Color.Primaries), C.int(c.Color.Transfer), C.int(c.Color.Matrix)
	if c.OutOfBand {
		cfg.global_header = 1
	}
	if err := C.ldc_avenc_open(&e.e, cfg); err < 0 {
		return nil, avError("open "+lib, err)
	}
	return e, nil
}

func (e *avEncoder) encode(f *media.Frame, pts int64, key bool) ([]byte, bool, error) {
	e.measure(pts)
	k := C.int(0)
	if key {
		k = 1
	}
	if err := C.ldc_avenc_encode(e.e, bytesOf(f.Y), bytesOf(f.U), bytesOf(f.V),
		C.int(f.YStride), C.int(f.UVStride), C.int64_t(pts), k); err < 0 {
		return nil, false, avError(e.lib+" encode", err)
	}
	p := e.e.pkt
	if p.size <= 0 {
		return nil, false, fmt.Errorf("codec: %s gave an empty packet", e.lib)
	}
	return C.GoBytes(unsafe.Pointer(p.data), p.size), p.flags&C.AV_PKT_FLAG_KEY != 0, nil
}

// measure follows the real distance of frames; one gap moves it by a tenth at most.
func (e *avEncoder) measure(pts int64) {
	if e.last != 0 {
		e.step += 0.1 * (min(max(float64(pts-e.last), e.step/2), e.step*2) - e.step)
	}
	e.last = pts
	if s := e.step / e.nominal; math.Abs(s/e.stretch-1) > e.slack {
		e.stretch = s
		e.apply()
	}
}

func (e *avEncoder) setBitrate(bps int) error {
	e.bitrate = bps
	e.apply()
	return nil
}

func (e *avEncoder) apply() {
	C.ldc_avenc_set_bitrate(e.e, C.int64_t(float64(e.bitrate)*e.stretch), C.double(e.buffer/e.stretch))
}

func (e *avEncoder) extradata() []byte {
	return C.GoBytes(unsafe.Pointer(e.e.c.extradata), e.e.c.extradata_size)
}

func (e *avEncoder) name() string { return e.lib }

func (e *avEncoder) close() {
	C.ldc_avenc_close(e.e)
	e.e = nil
}
