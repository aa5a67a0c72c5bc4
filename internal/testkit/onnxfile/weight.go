package onnxfile

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// weight is an initializer. Random ones are made while they are written, so
// that a net of gigabytes needs no memory.
type weight struct {
	name  string
	typ   Type
	shape []int
	fixed []byte // the elements; nil: random
	bound float64
	seed  uint64
}

// Floats adds an initializer of the given numbers and returns its name. No
// shape: one number without dimensions.
func (g *Graph) Floats(name string, t Type, shape []int, data ...float32) string {
	var raw []byte
	for _, v := range data {
		if t == FP16 {
			raw = binary.LittleEndian.AppendUint16(raw, Half(v))
		} else {
			raw = binary.LittleEndian.AppendUint32(raw, float32bits(v))
		}
	}
	g.weights = append(g.weights, weight{name: name, typ: t, shape: shape, fixed: raw})
	return name
}

// Ints adds an initializer of one dimension and returns its name.
func (g *Graph) Ints(name string, data ...int64) string {
	raw := []byte{}
	for _, v := range data {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	g.weights = append(g.weights, weight{name: name, typ: Int64, shape: []int{len(data)}, fixed: raw})
	return name
}

// Random adds an initializer of random numbers, uniform in -bound..bound and
// the same for the same seed, and returns its name.
func (g *Graph) Random(name string, t Type, shape []int, bound float64, seed uint64) string {
	g.weights = append(g.weights, weight{name: name, typ: t, shape: shape, bound: bound, seed: seed})
	return name
}

func (w *weight) count() int64 {
	n := int64(1)
	for _, d := range w.shape {
		n *= int64(d)
	}
	return n
}

func (w *weight) size() int64 { return w.count() * w.typ.Size() }

// head serialises the TensorProto without its data.
func (w *weight) head() []byte {
	var b []byte
	for _, d := range w.shape {
		b = protowire.AppendTag(b, 1, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(d))
	}
	b = protowire.AppendTag(b, 2, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(w.typ))
	return appendString(b, 8, w.name)
}

func (w *weight) bytes() []byte {
	var b bytes.Buffer
	w.write(&b) // a bytes.Buffer takes everything
	return b.Bytes()
}

// levels is the number of different random values: enough for a net that
// learns nothing, few enough to be looked up, five of them per draw.
const levels = 1 << 12

// write writes the elements, little-endian.
func (w *weight) write(to io.Writer) error {
	if w.fixed != nil {
		_, err := to.Write(w.fixed)
		return err
	}
	size := int(w.typ.Size())
	table := make([]byte, 0, levels*size)
	for i := range levels {
		v := float32(w.bound * (2*(float64(i)+.5)/levels - 1))
		if w.typ == FP16 {
			table = binary.LittleEndian.AppendUint16(table, Half(v))
		} else {
			table = binary.LittleEndian.AppendUint32(table, float32bits(v))
		}
	}
	const perDraw = 5
	r := random(w.seed)
	buf := make([]byte, 0, 1<<16)
	for left := w.count(); left > 0; {
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

func float32bits(v float32) uint32 { return math.Float32bits(v) }

// Half returns v as IEEE 754 binary16, rounded to nearest even; what is too
// large becomes infinite.
func Half(v float32) uint16 {
	bits := math.Float32bits(v)
	sign := uint16(bits >> 16 & 0x8000)
	bits &= 0x7fffffff
	switch {
	case bits > 0x7f800000:
		return sign | 0x7e00
	case bits >= 0x477ff000: // 65520 and above round to infinity
		return sign | 0x7c00
	case bits < 0x38800000: // below 2^-14: fixed point of 2^-24
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(bits))*(1<<24)))
	}
	bits += 0xfff + bits>>13&1
	return sign | uint16(bits>>13-(127-15)<<10)
}
