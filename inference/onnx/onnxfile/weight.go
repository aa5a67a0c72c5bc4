package onnxfile

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// weight is an initializer: its elements, or what writes them.
type weight struct {
	name   string
	typ    Type
	shape  []int
	fixed  []byte
	stream func(io.Writer) error // where fixed is nil
}

// Floats adds an initializer of the given numbers and returns its name. No
// shape: one number without dimensions.
func (g *Graph) Floats(name string, t Type, shape []int, data ...float32) string {
	raw := []byte{}
	for _, v := range data {
		if t == FP16 {
			raw = binary.LittleEndian.AppendUint16(raw, Half(v))
		} else {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
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

// Raw adds an initializer of little-endian elements and returns its name. The
// data is written as it is and not copied: it stays unchanged until Write returns.
func (g *Graph) Raw(name string, t Type, shape []int, data []byte) string {
	if data == nil {
		data = []byte{}
	}
	g.weights = append(g.weights, weight{name: name, typ: t, shape: shape, fixed: data})
	return name
}

// Stream adds an initializer that write writes, as little-endian elements,
// each time that the graph is written, so that a net of gigabytes needs no
// memory. It returns its name.
func (g *Graph) Stream(name string, t Type, shape []int, write func(io.Writer) error) string {
	g.weights = append(g.weights, weight{name: name, typ: t, shape: shape, stream: write})
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

// write writes the elements, which must be as many as the shape says.
func (w *weight) write(to io.Writer) error {
	if w.fixed != nil {
		_, err := to.Write(w.fixed)
		return err
	}
	c := &counter{to: to}
	if err := w.stream(c); err != nil {
		return err
	}
	if c.n != w.size() {
		return fmt.Errorf("%s: %d bytes do not fill shape %v", w.name, c.n, w.shape)
	}
	return nil
}

// counter counts what goes through it.
type counter struct {
	to io.Writer
	n  int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.n += int64(n)
	return n, err
}

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
