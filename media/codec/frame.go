package codec

/*
#include "compat.h"
*/
import "C"

import (
	"time"
	"unsafe"

	"livedub/media"
)

// colorOf returns the colour description of f; H.273's "unspecified" is 0 here.
func colorOf(f *C.AVFrame) media.Color {
	return media.Color{}.Or(media.Color{
		Primaries: uint8(f.color_primaries), Transfer: uint8(f.color_trc), Matrix: uint8(f.colorspace),
	})
}

// wrap makes a counted frame of a yuv420p AVFrame without copying. The memory
// goes back to its pool at the last Release, in whatever order frames and
// their decoder are closed.
func wrap(f *C.AVFrame, pts time.Duration) *media.Frame {
	w, h := int(f.width), int(f.height)
	ys, cs := int(f.linesize[0]), int(f.linesize[1])
	cw, ch := (w+1)/2, (h+1)/2
	plane := func(i, stride, w, h int) []byte {
		return unsafe.Slice((*byte)(f.data[i]), stride*(h-1)+w)
	}
	m := media.WrapFrame(media.Planes{
		Width: w, Height: h, YStride: ys, UVStride: cs,
		Color: colorOf(f),
		Y:     plane(0, ys, w, h), U: plane(1, cs, cw, ch), V: plane(2, cs, cw, ch),
	}, func() { C.av_frame_free(&f) })
	m.PTS, m.Duration = pts, max(0, time.Duration(C.ldc_frame_duration(f)))
	if a := f.sample_aspect_ratio; a.num > 0 && a.den > 0 {
		m.PixelAspect = float64(a.num) / float64(a.den)
	}
	return m
}
