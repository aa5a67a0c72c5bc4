package kserve

import (
	"encoding/binary"
	"fmt"
	"math"

	"livedub/inference/kserve/inferpb"
)

// kind is how numbers of a type travel.
type kind struct {
	wire, name string
	size       int                            // bytes
	put        func(b []byte, data []float32) // size bytes for each
	get        func(data []float32, b []byte)
	typed      func(c *inferpb.InferTensorContents) []float32
}

// kinds by the protocol's name. Tensors are float32 here in any case; integers are
// rounded, and beyond 2^24 no longer exact.
var kinds = map[string]kind{
	"FP32": {"FP32", "fp32", 4, func(b []byte, data []float32) {
		for i, v := range data {
			binary.LittleEndian.PutUint32(b[4*i:4*i+4], math.Float32bits(v))
		}
	}, func(data []float32, b []byte) {
		for i := range data {
			data[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i : 4*i+4]))
		}
	}, func(c *inferpb.InferTensorContents) []float32 { return c.GetFp32Contents() }},
	"FP16": {"FP16", "fp16", 2, func(b []byte, data []float32) {
		for i, v := range data {
			binary.LittleEndian.PutUint16(b[2*i:2*i+2], toHalf(v))
		}
	}, func(data []float32, b []byte) {
		for i := range data {
			data[i] = fromHalf(binary.LittleEndian.Uint16(b[2*i : 2*i+2]))
		}
	}, func(*inferpb.InferTensorContents) []float32 { return nil }}, // the protocol has halves raw only
	"INT32": {"INT32", "int32", 4, func(b []byte, data []float32) {
		for i, v := range data {
			binary.LittleEndian.PutUint32(b[4*i:4*i+4], uint32(int32(round(v))))
		}
	}, func(data []float32, b []byte) {
		for i := range data {
			data[i] = float32(int32(binary.LittleEndian.Uint32(b[4*i : 4*i+4])))
		}
	}, func(c *inferpb.InferTensorContents) []float32 { return floats(c.GetIntContents()) }},
	"INT64": {"INT64", "int64", 8, func(b []byte, data []float32) {
		for i, v := range data {
			binary.LittleEndian.PutUint64(b[8*i:8*i+8], uint64(int64(round(v))))
		}
	}, func(data []float32, b []byte) {
		for i := range data {
			data[i] = float32(int64(binary.LittleEndian.Uint64(b[8*i : 8*i+8])))
		}
	}, func(c *inferpb.InferTensorContents) []float32 { return floats(c.GetInt64Contents()) }},
}

// round keeps within what an int32 holds; NaN is 0.
func round(v float32) float64 {
	f := math.RoundToEven(float64(v))
	if f != f {
		return 0
	}
	return min(max(f, math.MinInt32), math.MaxInt32)
}

func floats[T int32 | int64](in []T) []float32 {
	out := make([]float32, len(in))
	for i, v := range in {
		out[i] = float32(v)
	}
	return out
}

// encode writes numbers into b, or into a larger one if they do not fit.
func (k kind) encode(b []byte, data []float32) []byte {
	n := k.size * len(data)
	if cap(b) < n {
		b = make([]byte, n)
	}
	b = b[:n]
	k.put(b, data)
	return b
}

// decode reads n numbers, which must be all there is.
func (k kind) decode(b []byte, n int) ([]float32, error) {
	if len(b) != n*k.size {
		return nil, fmt.Errorf("%d bytes of %s are not %d numbers", len(b), k.wire, n)
	}
	out := make([]float32, n)
	k.get(out, b)
	return out, nil
}

// contents takes n numbers that did not travel raw.
func (k kind) contents(c *inferpb.InferTensorContents, n int) ([]float32, error) {
	out := k.typed(c)
	if len(out) != n {
		return nil, fmt.Errorf("%d numbers of %s are not %d", len(out), k.wire, n)
	}
	return out, nil
}

// toHalf rounds to the nearest half, to even between two; what is too large becomes infinite.
func toHalf(v float32) uint16 {
	b := math.Float32bits(v)
	sign := uint16(b>>16) & 0x8000
	switch b &= 0x7fffffff; {
	case b > 0x7f800000: // NaN
		return sign | 0x7e00
	case b >= 0x477ff000: // 65520, halfway to what is too large, and above
		return sign | 0x7c00
	case b < 0x38800000: // less than the smallest normal half: the adder of floats rounds
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-0x3f000000)
	}
	return sign | uint16((b-0x38000000+0xfff+b>>13&1)>>13)
}

func fromHalf(h uint16) float32 {
	sign, exp, frac := uint32(h&0x8000)<<16, uint32(h>>10&31), uint32(h&1023)
	switch {
	case exp == 31:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	case exp == 0: // 2^-24 each
		return math.Float32frombits(sign | math.Float32bits(float32(frac)*0x1p-24))
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}
