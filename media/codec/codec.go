// Package codec compresses and decompresses video and audio through
// libavcodec, libvpx and libopus, and brings both into the one form the rest of
// livedub works in: 8-bit planar 4:2:0 of limited range, interleaved 16-bit PCM.
//
// Every type is for one stream. Its methods may be called from any goroutine,
// one at a time is served; after Close they return ErrClosed. What C holds lives
// in C's memory: no Go pointer outlasts the call it was passed to.
package codec

/*
#cgo pkg-config: libavfilter libavcodec libavutil libswscale libswresample vpx
#cgo CFLAGS: -O3 -Wall -Wno-deprecated-declarations
#include <stdlib.h>
#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libswscale/swscale.h>
#include <libswresample/swresample.h>
#include <vpx/vpx_codec.h>
#include "decoder.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"math"
	"time"
	"unsafe"

	"gopkg.in/hraban/opus.v2"

	"livedub/media"
)

// ErrClosed is returned by every method called after Close.
var ErrClosed = errors.New("codec: already closed; open a new one")

// maxSide and maxPixels bound a frame (pixels), refused before memory is taken for it.
const (
	maxSide   = 16384
	maxPixels = 8192 * 8192
)

// maxPacket bounds one access unit in bytes; libavcodec counts in int.
const maxPacket = 64 << 20

// noTime is AV_NOPTS_VALUE.
const noTime = math.MinInt64

func init() {
	// Broken input is normal here and reported as errors; the library's own
	// lines on stderr would only double them.
	C.av_log_set_level(C.AV_LOG_QUIET)
}

// Version returns the versions of the libraries in use, by library name.
func Version() map[string]string {
	av := func(v C.uint) string { return fmt.Sprintf("%d.%d.%d", v>>16, v>>8&255, v&255) }
	return map[string]string{
		"libavfilter":   av(C.avfilter_version()),
		"libavcodec":    av(C.avcodec_version()),
		"libavutil":     av(C.avutil_version()),
		"libswscale":    av(C.swscale_version()),
		"libswresample": av(C.swresample_version()),
		"libvpx":        C.GoString(C.vpx_codec_version_str()),
		"libopus":       opus.Version(),
	}
}

// HasDecoder tells whether c can be decoded here, and by what.
func HasDecoder(c media.Codec) (name string, ok bool) {
	if c == media.Opus {
		return "libopus", true
	}
	id := C.CString(string(c))
	defer C.free(unsafe.Pointer(id))
	d := C.ldc_find_decoder(id, C.AVMEDIA_TYPE_UNKNOWN)
	if d == nil {
		return "", false
	}
	return C.GoString(d.name), true
}

// avError makes one line of what was tried and libavcodec's code.
func avError(what string, code C.int) error {
	var b [128]C.char
	C.av_strerror(code, &b[0], C.size_t(len(b)))
	return fmt.Errorf("codec: %s: %s", what, C.GoString(&b[0]))
}

// checkSize refuses frames nobody sends in good faith.
func checkSize(w, h int) error {
	if w <= 0 || h <= 0 || w > maxSide || h > maxSide || w*h > maxPixels {
		return fmt.Errorf("codec: a frame of %dx%d is outside 1x1 to %d a side and %d pixels; send a smaller one", w, h, maxSide, maxPixels)
	}
	return nil
}

// checkPacket refuses what libavcodec would take for the end of the stream, or overflow on.
func checkPacket(p media.Packet) error {
	if len(p.Data) == 0 {
		return errors.New("codec: empty packet; leave it out")
	}
	if len(p.Data) > maxPacket {
		return fmt.Errorf("codec: packet of %d bytes is over the limit of %d", len(p.Data), maxPacket)
	}
	return nil
}

// abs returns the length of d.
func abs(d time.Duration) time.Duration { return max(d, -d) }
