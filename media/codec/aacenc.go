package codec

/*
#include "aacenc.h"
*/
import "C"

import "unsafe"

// aacEncoder is libavcodec's AAC-LC encoder.
type aacEncoder struct{ e *C.ldc_aac }

func newAACEncoder(channels, bitrate int) (*aacEncoder, error) {
	e := &aacEncoder{}
	if err := C.ldc_aac_open(&e.e, opusRate, C.int(channels), C.int64_t(bitrate)); err < 0 {
		return nil, avError("open the aac encoder", err)
	}
	return e, nil
}

func (e *aacEncoder) frame() int { return int(e.e.c.frame_size) }

func (e *aacEncoder) priming() int { return int(e.e.c.initial_padding) }

func (e *aacEncoder) encode(pcm []int16) ([]byte, error) {
	switch got := C.ldc_aac_encode(e.e, (*C.int16_t)(unsafe.SliceData(pcm))); {
	case got < 0:
		return nil, avError("encode aac", got)
	case got == 0:
		return nil, nil
	}
	return C.GoBytes(unsafe.Pointer(e.e.pkt.data), e.e.pkt.size), nil
}

func (e *aacEncoder) extradata() []byte {
	return C.GoBytes(unsafe.Pointer(e.e.c.extradata), e.e.c.extradata_size)
}

func (e *aacEncoder) close() { C.ldc_aac_close(e.e) }
