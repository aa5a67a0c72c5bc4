package codec

/*
#include <stdlib.h>
#include "params.h"
*/
import "C"

import (
	"unsafe"

	"livedub/media"
)

// paramsOf puts into C's memory what t tells a decoder. free gives it back, once it was opened.
func paramsOf(t media.Track) (p *C.ldc_params, free func()) {
	p = (*C.ldc_params)(C.calloc(1, C.sizeof_ldc_params))
	if n := len(t.Extradata); n > 0 {
		p.extra, p.extra_size = (*C.uint8_t)(C.CBytes(t.Extradata)), C.int(n)
	}
	if t.Format != "" {
		p.format = C.CString(t.Format)
	}
	p.tag, p.bit_rate, p.bits = C.uint(t.Tag), C.int64_t(t.BitRate), C.int(clamp(t.BitsPerSample, 256))
	p.rate, p.channels, p.block_align = C.int(t.SampleRate), C.int(t.Channels), C.int(clamp(t.BlockAlign, maxPacket))
	p.w, p.h, p.fields = C.int(t.Width), C.int(t.Height), C.int(t.Fields)
	p.primaries, p.transfer, p.matrix = C.int(t.Color.Primaries), C.int(t.Color.Transfer), C.int(t.Color.Matrix)
	return p, func() {
		C.free(unsafe.Pointer(p.extra))
		C.free(unsafe.Pointer(p.format))
		C.free(unsafe.Pointer(p))
	}
}

// clamp keeps n where libavcodec's own sums of it do not overflow.
func clamp(n, most int) int { return max(0, min(n, most)) }
