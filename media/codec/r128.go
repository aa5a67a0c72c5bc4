package codec

/*
#include <stdlib.h>
#include "r128.h"
*/
import "C"

import (
	"fmt"
	"math"
	"sync"
	"unsafe"
)

// Silent is the loudness, and the true peak, of what is silent: ITU-R BS.1770 counts nothing below.
const Silent = -70

// Loudness is how loud sound is, as EBU R128 says: LUFS, none below Silent.
type Loudness struct {
	Momentary  float64 // of the last 400 ms
	ShortTerm  float64 // of the last 3 s
	Integrated float64 // of all that was louder than its gates
	TruePeak   float64 // of all, dBTP; Silent where it is not measured
}

// Meter measures loudness by libavfilter's ebur128, which looks at it every 100 ms.
type Meter struct {
	mu       sync.Mutex
	channels int
	chunk    int // sample instants of 100 ms
	m        *C.ldc_meter
}

// NewMeter opens a meter for sound at rate Hz of 1 or 2 channels. peak has it look
// for true peaks too, which is three quarters of the work.
func NewMeter(rate, channels int, peak bool) (*Meter, error) {
	if rate < 8000 || rate > 192000 || channels != 1 && channels != 2 {
		return nil, fmt.Errorf("codec: loudness of %d channels at %d Hz: give 1 or 2 at 8000 to 192000", channels, rate)
	}
	m := (*C.ldc_meter)(C.calloc(1, C.sizeof_ldc_meter))
	var wants C.int
	if peak {
		wants = 1
	}
	if err := C.ldc_meter_open(m, C.int(rate), C.int(channels), wants); err < 0 {
		C.free(unsafe.Pointer(m))
		return nil, avError("measuring loudness by libavfilter's ebur128", err)
	}
	return &Meter{channels: channels, chunk: rate / 10, m: m}, nil
}

// Put measures interleaved sound that goes on where that before ended, and returns
// what was true at the end of each 100 ms that it completed.
func (m *Meter) Put(pcm []int16) ([]Loudness, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.m == nil {
		return nil, ErrClosed
	}
	if len(pcm)%m.channels != 0 {
		return nil, fmt.Errorf("codec: loudness of %d values of %d channels", len(pcm), m.channels)
	}
	var out []Loudness
	for len(pcm) > 0 {
		n := min(m.chunk, len(pcm)/m.channels)
		var got [2]C.ldc_loudness // a chunk completes one, and what was before it another
		k := C.ldc_meter_put(m.m, (*C.int16_t)(unsafe.Pointer(&pcm[0])), C.int(n), &got[0], C.int(len(got)))
		if k < 0 {
			return out, avError("measuring loudness", k)
		}
		for _, l := range got[:k] {
			out = append(out, Loudness{
				Momentary: loud(float64(l.momentary)), ShortTerm: loud(float64(l.shortterm)), Integrated: loud(float64(l.integrated)),
				TruePeak: loud(20 * math.Log10(float64(l.peak))),
			})
		}
		pcm = pcm[n*m.channels:]
	}
	return out, nil
}

// loud is v, or Silent where v is less or no number.
func loud(v float64) float64 {
	if !(v > Silent) || math.IsInf(v, 0) {
		return Silent
	}
	return v
}

// Close frees the meter.
func (m *Meter) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.m != nil {
		C.ldc_meter_close(m.m)
		C.free(unsafe.Pointer(m.m))
		m.m = nil
	}
}
