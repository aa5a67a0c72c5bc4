package codec

/*
#include "stretch.h"
*/
import "C"

import (
	"fmt"
	"math"
	"slices"
	"unsafe"

	"livedub/media"
)

// Stretch returns mono speech at tempo times its speed, 0.5 to 2, at the same
// pitch, by libavfilter's atempo (WSOLA). It lasts s.Duration()/tempo.
func Stretch(s media.Samples, tempo float64) (media.Samples, error) {
	if s.Channels != 1 || s.Rate < 4000 || s.Rate > 384000 || len(s.Data) == 0 {
		return media.Samples{}, fmt.Errorf("codec: stretch: %d samples of %d channels at %d Hz: give mono sound", len(s.Data), s.Channels, s.Rate)
	}
	if !(tempo >= .5 && tempo <= 2) {
		return media.Samples{}, fmt.Errorf("codec: stretch: tempo %v: give 0.5 to 2", tempo)
	}
	if tempo == 1 {
		return s, nil
	}
	want := int(math.Round(float64(len(s.Data)) / tempo))
	in := append(slices.Clip(s.Data), make([]int16, s.Rate/10)...) // its last window would be missing
	out := make([]int16, want+s.Rate)                              // it gives some more than asked for, or less
	n := C.ldc_stretch((*C.int16_t)(unsafe.Pointer(&in[0])), C.int(len(in)), C.int(s.Rate), C.double(tempo),
		(*C.int16_t)(unsafe.Pointer(&out[0])), C.int(len(out)))
	if n < 0 {
		return media.Samples{}, avError("stretching sound", n)
	}
	out = out[:want] // silence where it gave less
	s.Data = out
	return s, nil
}
