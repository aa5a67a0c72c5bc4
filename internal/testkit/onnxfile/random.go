package onnxfile

import (
	"encoding/binary"
	"io"
	"math"

	"livedub/inference/onnx/onnxfile"
)

// randomWeights adds an initializer of random numbers, uniform in -bound..bound
// and the same for the same seed, and returns its name. They are made while
// they are written.
func randomWeights(g *onnxfile.Graph, name string, t onnxfile.Type, shape []int, bound float64, seed uint64) string {
	count := int64(product(shape))
	return g.Stream(name, t, shape, func(to io.Writer) error { return writeRandom(to, t, count, bound, seed) })
}

// levels is the number of different random values: enough for a net that
// learns nothing, few enough to be looked up, five of them per draw.
const levels = 1 << 12

// writeRandom writes count elements, little-endian.
func writeRandom(to io.Writer, t onnxfile.Type, count int64, bound float64, seed uint64) error {
	size := int(t.Size())
	table := make([]byte, 0, levels*size)
	for i := range levels {
		v := float32(bound * (2*(float64(i)+.5)/levels - 1))
		if t == onnxfile.FP16 {
			table = binary.LittleEndian.AppendUint16(table, onnxfile.Half(v))
		} else {
			table = binary.LittleEndian.AppendUint32(table, math.Float32bits(v))
		}
	}
	const perDraw = 5
	r := random(seed)
	buf := make([]byte, 0, 1<<16)
	for left := count; left > 0; {
		draw := r.next()
		for range min(perDraw, left) {
			at := int(draw%levels) * size
			buf = append(buf, table[at:at+size]...)
			draw /= levels
		}
		left -= perDraw
		if len(buf)+perDraw*size > cap(buf) || left <= 0 {
			if _, err := to.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	return nil
}

// random is SplitMix64: fast, and the same on every machine and Go version.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	x := uint64(*r)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
