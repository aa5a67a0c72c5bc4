package codec

/*
#include <stdlib.h>
#include "videodec.h"
*/
import "C"

import (
	"cmp"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"livedub/media"
)

// VideoDecoder turns one stream's access units into frames. It holds back
// only what presentation order demands: nothing where frames are not
// reordered. Full-range and other pixel formats are converted; interlaced
// frames are made whole, which holds one back, and those of high dynamic range
// (PQ, HLG) brought to BT.709. Other colours stay as coded, and are told.
type VideoDecoder struct {
	mu    sync.Mutex
	codec media.Codec
	d     *C.ldc_vdec
}

// NewVideoDecoder opens a software decoder for t.Codec, on one thread.
func NewVideoDecoder(t media.Track) (*VideoDecoder, error) { return openVideoDecoder(t, "") }

// NewVideoDecoderOn opens a decoder for t.Codec: in software for hardware "" and
// "cpu"; by NVDEC for "nvdec", if t is H.264, as long as the GPU does it; "auto"
// takes NVDEC where it works. NVDEC holds back up to four frames.
func NewVideoDecoderOn(t media.Track, hardware string) (*VideoDecoder, error) {
	switch hardware {
	case "", "cpu":
	case "auto":
		if t.Codec == media.H264 && nvdec() == nil {
			// What one GPU carries may be used up: the CPU then takes what is left over.
			if d, err := openVideoDecoder(t, nvdecName); err == nil {
				return d, nil
			}
		}
	case "nvdec":
		if t.Codec == media.H264 {
			return openVideoDecoder(t, nvdecName)
		}
	default:
		return nil, fmt.Errorf("codec: unknown hardware %q for decoding; set auto, nvdec or cpu", hardware)
	}
	return NewVideoDecoder(t)
}

// openVideoDecoder opens the decoder that libavcodec calls by, "" for the one in software.
func openVideoDecoder(t media.Track, by string) (*VideoDecoder, error) {
	if t.Width != 0 || t.Height != 0 {
		if err := checkSize(t.Width, t.Height); err != nil {
			return nil, err
		}
	}
	if len(t.Extradata) > maxPacket {
		return nil, fmt.Errorf("codec: %d bytes of extradata are over the limit of %d", len(t.Extradata), maxPacket)
	}
	name := C.CString(string(t.Codec))
	defer C.free(unsafe.Pointer(name))
	params, free := paramsOf(t)
	defer free()
	var impl *C.char
	if by != "" {
		impl = C.CString(by)
		defer C.free(unsafe.Pointer(impl))
	}
	d := &VideoDecoder{codec: t.Codec}
	if err := C.ldc_vdec_open(&d.d, name, impl, params, maxPixels); err < 0 {
		return nil, avError("open "+cmp.Or(by, fmt.Sprintf("a %s video decoder", t.Codec)), err)
	}
	return d, nil
}

// Decode takes one access unit and returns the frames that are due, in
// presentation order, each with the PTS of its packet and held once by the
// caller. Together with an error no frame is returned; where a broken unit
// still yielded one, that is returned instead. After an error the decoder goes on.
func (d *VideoDecoder) Decode(p media.Packet) ([]*media.Frame, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.d == nil {
		return nil, ErrClosed
	}
	if err := checkPacket(p); err != nil {
		return nil, err
	}
	key := C.int(0)
	if p.Key {
		key = 1
	}
	sent := C.ldc_send(&d.d.dec, bytesOf(p.Data), C.int(len(p.Data)), C.int64_t(p.PTS), C.int64_t(p.DTS), C.int64_t(p.Duration), key)
	frames, err := d.receive(p.PTS)
	if len(frames) > 0 {
		return frames, nil
	}
	if sent < 0 {
		return nil, avError(fmt.Sprintf("decode %s", d.codec), sent)
	}
	return nil, err
}

// Flush returns what is left at the end of the stream. The decoder then waits for a keyframe.
func (d *VideoDecoder) Flush() ([]*media.Frame, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.d == nil {
		return nil, ErrClosed
	}
	C.ldc_send(&d.d.dec, nil, 0, 0, 0, 0, 0)
	frames, err := d.receive(0)
	C.ldc_vdec_flush(d.d)
	if len(frames) > 0 {
		return frames, nil
	}
	return nil, err
}

// receive takes every frame the decoder has ready. at stands in for a time the decoder lost.
func (d *VideoDecoder) receive(at time.Duration) ([]*media.Frame, error) {
	var frames []*media.Frame
	var failed error
	for {
		var f *C.AVFrame
		switch err := C.ldc_vdec_receive(d.d, maxSide, &f); {
		case err == 0:
			pts := at
			if f.pts != noTime {
				pts = time.Duration(f.pts)
			}
			frames = append(frames, wrap(f, pts))
		case err == C.LDC_AGAIN || err == C.LDC_END:
			return frames, failed
		case err == C.LDC_TOO_BIG:
			failed = fmt.Errorf("codec: a %s frame is over %d a side; send a smaller one", d.codec, maxSide)
		case failed != nil:
			// The second error in a row: a decoder that only errs must not hold us here.
			return frames, failed
		default:
			failed = avError(fmt.Sprintf("decode %s", d.codec), err)
		}
	}
}

// Degraded tells why frames that are interlaced, or of high dynamic range, come
// out as they are; nil as long as none does.
func (d *VideoDecoder) Degraded() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.d == nil || d.d.degraded == 0 {
		return nil
	}
	return avError("interlaced or HDR frames are left as they are: a libavfilter with bwdif, zscale and tonemap is needed", d.d.degraded)
}

// Name returns what decodes: "h264", "h264_cuvid" (NVDEC), "vp8" and so on; "" after Close.
func (d *VideoDecoder) Name() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.d == nil {
		return ""
	}
	return C.GoString(d.d.dec.c.codec.name)
}

// Close frees the decoder; frames handed out stay valid until released.
func (d *VideoDecoder) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	C.ldc_vdec_close(d.d)
	d.d = nil
}

// bytesOf returns the address of b's first byte for the length of one C call; nil when empty.
func bytesOf(b []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.SliceData(b)) }
