package codec

/*
#include <stdlib.h>
#include "audiodec.h"
*/
import "C"

import (
	"fmt"
	"time"
	"unsafe"

	"livedub/media"
)

// avAudioDecoder is any of libavcodec's audio decoders.
type avAudioDecoder struct {
	d     *C.ldc_adec
	codec media.Codec
	next  time.Duration // end of the block before
}

func newAVAudioDecoder(t media.Track) (*avAudioDecoder, error) {
	name := C.CString(string(t.Codec))
	defer C.free(unsafe.Pointer(name))
	params, free := paramsOf(t)
	defer free()
	d := &avAudioDecoder{codec: t.Codec}
	if err := C.ldc_adec_open(&d.d, name, params); err < 0 {
		return nil, avError(fmt.Sprintf("open a %s audio decoder", t.Codec), err)
	}
	return d, nil
}

func (d *avAudioDecoder) decode(p media.Packet) ([]media.Samples, error) {
	sent := C.ldc_send(&d.d.dec, bytesOf(p.Data), C.int(len(p.Data)), C.int64_t(p.PTS), C.int64_t(p.PTS), 0, 1)
	out, err := d.receive()
	if sent < 0 {
		err = avError(fmt.Sprintf("decode %s", d.codec), sent)
	}
	return out, err
}

func (d *avAudioDecoder) flush() ([]media.Samples, error) {
	C.ldc_send(&d.d.dec, nil, 0, 0, 0, 0, 0)
	out, err := d.receive()
	C.avcodec_flush_buffers(d.d.dec.c)
	return out, err
}

func (d *avAudioDecoder) receive() ([]media.Samples, error) {
	var out []media.Samples
	var failed error
	for {
		switch err := C.ldc_adec_receive(d.d); {
		case err == C.LDC_AGAIN || err == C.LDC_END:
			return out, failed
		case err < 0 && failed != nil:
			return out, failed
		case err < 0:
			failed = avError(fmt.Sprintf("decode %s", d.codec), err)
			continue
		}
		f := d.d.dec.frame
		if f.nb_samples == 0 {
			continue
		}
		s := media.Samples{Rate: int(f.sample_rate), Channels: min(2, int(d.d.channels))}
		s.Data = make([]int16, int(f.nb_samples)*s.Channels)
		n := C.ldc_adec_pcm(d.d, (*C.int16_t)(unsafe.SliceData(s.Data)))
		if n < 0 {
			failed = avError(fmt.Sprintf("convert %s sound", d.codec), n)
			continue
		}
		s.Data = s.Data[:int(n)*s.Channels]
		// Only the first frame of a packet carries its time.
		at := d.next
		if f.pts != noTime {
			at = time.Duration(f.pts)
		}
		d.next = follow(at, &s)
		out = append(out, s)
	}
}

func (d *avAudioDecoder) close() {
	C.ldc_adec_close(d.d)
	d.d = nil
}
