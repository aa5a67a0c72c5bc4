// Package onnxfile writes ONNX model files, node by node. Converters of other
// formats are made on it, and the nets that tests and benchmarks run.
package onnxfile

import (
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Type is the element type of a tensor, by ONNX's number.
type Type int32

const (
	FP32  Type = 1
	Uint8 Type = 2
	Int8  Type = 3
	Int32 Type = 6
	Int64 Type = 7
	Bool  Type = 9
	FP16  Type = 10
)

// Size returns the bytes of one element.
func (t Type) Size() int64 {
	switch t {
	case FP32, Int32:
		return 4
	case Int64:
		return 8
	case FP16:
		return 2
	}
	return 1
}

// Batch is the size of a dimension that is left open: as the first one it is
// the batch, "N" in the file.
const Batch = -1

// opset and irVersion are old enough for every ONNX Runtime in use, and new
// enough for LayerNormalization.
const (
	opset     = 17
	irVersion = 8
)

// Graph is a model as it is put together. Its methods take no errors: what
// does not fit is found by Write, or by the runtime that opens the file.
type Graph struct {
	name    string
	inputs  [][]byte // ValueInfoProto
	outputs [][]byte
	nodes   [][]byte // NodeProto
	weights []weight
	meta    [][]byte // StringStringEntryProto
	sizes   []string // named by Size
	made    int      // values named by Op
}

// New returns an empty graph.
func New(name string) *Graph { return &Graph{name: name} }

// Size returns a dimension that is left open under a name: in one run it has
// one size wherever that name stands.
func (g *Graph) Size(name string) int {
	i := slices.Index(g.sizes, name)
	if i < 0 {
		i = len(g.sizes)
		g.sizes = append(g.sizes, name)
	}
	return Batch - 1 - i
}

// Input declares an input and returns its name. Batch, or a Size, stands for
// a size that is not fixed.
func (g *Graph) Input(name string, t Type, shape ...int) string {
	g.inputs = append(g.inputs, g.valueInfo(name, t, shape))
	return name
}

// Meta adds an entry to what the file says of itself beside the graph.
func (g *Graph) Meta(key, value string) {
	g.meta = append(g.meta, appendString(appendString(nil, 1, key), 2, value))
}

// Output declares an output, which a node has to make.
func (g *Graph) Output(name string, t Type, shape ...int) {
	g.outputs = append(g.outputs, g.valueInfo(name, t, shape))
}

// Node adds an operation; the empty name stands for an input that is left out.
func (g *Graph) Node(op string, in, out []string, attrs ...Attr) {
	var b []byte
	for _, name := range in {
		b = appendString(b, 1, name)
	}
	for _, name := range out {
		b = appendString(b, 2, name)
	}
	b = appendString(b, 3, fmt.Sprintf("%s_%d", op, len(g.nodes)))
	b = appendString(b, 4, op)
	for _, a := range attrs {
		b = appendBytes(b, 5, a)
	}
	g.nodes = append(g.nodes, b)
}

// Op adds an operation of one output and returns the name made for it.
func (g *Graph) Op(op string, in []string, attrs ...Attr) string {
	g.made++
	out := fmt.Sprintf("%s_v%d", op, g.made)
	g.Node(op, in, []string{out}, attrs...)
	return out
}

// Weights returns the number of initializers so far: what makes a new name for one.
func (g *Graph) Weights() int { return len(g.weights) }

// Parameters returns the number of weights: all floats that are initializers.
func (g *Graph) Parameters() int64 {
	var n int64
	for _, w := range g.weights {
		if w.typ == FP32 || w.typ == FP16 {
			n += w.count()
		}
	}
	return n
}

// Attr is an attribute of a node, a serialised AttributeProto.
type Attr []byte

// Int is an attribute of one number.
func Int(name string, v int) Attr {
	b := attr(name, 2)
	b = protowire.AppendTag(b, 3, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(int64(v)))
}

// Ints is an attribute of several numbers.
func Ints(name string, v ...int) Attr {
	b := attr(name, 7)
	for _, x := range v {
		b = protowire.AppendTag(b, 8, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(int64(x)))
	}
	return b
}

// Float is an attribute of one float.
func Float(name string, v float32) Attr {
	b := attr(name, 1)
	b = protowire.AppendTag(b, 2, protowire.Fixed32Type)
	return protowire.AppendFixed32(b, math.Float32bits(v))
}

// Text is an attribute of a string.
func Text(name, v string) Attr { return appendString(attr(name, 3), 4, v) }

// Sub is an attribute that is a graph: the body of a Loop or If. It has no
// weights of Stream.
func Sub(name string, body *Graph) Attr {
	b := body.head()
	for i := range body.weights {
		w := &body.weights[i]
		b = appendBytes(b, 5, appendBytes(w.head(), 9, w.fixed))
	}
	return appendBytes(attr(name, 5), 6, b)
}

func attr(name string, kind uint64) Attr {
	b := appendString(nil, 1, name)
	b = protowire.AppendTag(b, 20, protowire.VarintType)
	return protowire.AppendVarint(b, kind)
}

// valueInfo serialises a ValueInfoProto.
func (g *Graph) valueInfo(name string, t Type, shape []int) []byte {
	var dims []byte
	for i, d := range shape {
		var dim []byte
		switch {
		case d >= 0:
			dim = protowire.AppendTag(dim, 1, protowire.VarintType)
			dim = protowire.AppendVarint(dim, uint64(d))
		case d < Batch:
			dim = appendString(dim, 2, g.sizes[Batch-1-d])
		case i == 0:
			dim = appendString(dim, 2, "N")
		default:
			dim = appendString(dim, 2, fmt.Sprintf("%s_%d", name, i))
		}
		dims = appendBytes(dims, 1, dim)
	}
	var tensor []byte
	tensor = protowire.AppendTag(tensor, 1, protowire.VarintType)
	tensor = protowire.AppendVarint(tensor, uint64(t))
	tensor = appendBytes(tensor, 2, dims)
	return appendBytes(appendString(nil, 1, name), 2, appendBytes(nil, 1, tensor))
}

func appendString(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}
