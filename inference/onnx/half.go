package onnx

import (
	"encoding/binary"
	"math"
	"sync"
)

// fromHalf has the value of each IEEE 754 half.
var fromHalf = sync.OnceValue(func() *[1 << 16]float32 {
	var t [1 << 16]float32
	for i := range t {
		sign, exp, man := uint32(i>>15)<<31, uint32(i>>10&31), uint32(i&1023)
		switch exp {
		case 0: // subnormal: man x 2^-24
			t[i] = math.Float32frombits(sign | math.Float32bits(float32(man)*0x1p-24))
		case 31:
			t[i] = math.Float32frombits(sign | 0xff<<23 | man<<13)
		default:
			t[i] = math.Float32frombits(sign | (exp+112)<<23 | man<<13)
		}
	}
	return &t
})

// toHalf rounds to nearest, ties to even; what is too large becomes infinite, NaN stays NaN.
func toHalf(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b >> 16 & 0x8000)
	b &= 1<<31 - 1
	switch {
	case b > 0x7f800000: // NaN: quiet, with as much of its payload as fits
		return sign | 0x7e00 | uint16(b>>13&0x3ff)
	case b >= 0x47800000: // 65536
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14, the least normal half: the sum's unit is 2^-24
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-math.Float32bits(0.5))
	}
	odd := b >> 13 & 1
	return sign | uint16((b-112<<23+0xfff+odd)>>13)
}

// halves writes src as little-endian halves; dst has two bytes for each.
func halves(dst []byte, src []float32) {
	if fastHalves(dst, src) {
		return
	}
	for i, f := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], toHalf(f))
	}
}

// floats reads little-endian halves; src has two bytes for each of dst.
func floats(dst []float32, src []byte) {
	if fastFloats(dst, src) {
		return
	}
	t := fromHalf()
	src = src[:2*len(dst)]
	for i := range dst {
		dst[i] = t[binary.LittleEndian.Uint16(src[2*i:])]
	}
}
