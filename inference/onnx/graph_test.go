package onnx

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// The writers below make small ONNX files, field by field.

type pb []byte

func (b pb) num(field int, v int64) pb {
	return protowire.AppendVarint(protowire.AppendTag(b, protowire.Number(field), protowire.VarintType), uint64(v))
}

func (b pb) str(field int, s string) pb { return b.msg(field, pb(s)) }

func (b pb) msg(field int, m pb) pb {
	return protowire.AppendBytes(protowire.AppendTag(b, protowire.Number(field), protowire.BytesType), m)
}

// value is a declared input or output; dims are int64 or the name of an open size.
func value(name string, elem int, dims ...any) pb {
	var shape pb
	for _, d := range dims {
		switch d := d.(type) {
		case int:
			shape = shape.msg(1, pb(nil).num(1, int64(d)))
		case string:
			shape = shape.msg(1, pb(nil).str(2, d))
		}
	}
	return pb(nil).str(1, name).msg(2, pb(nil).msg(1, pb(nil).num(1, int64(elem)).msg(2, shape)))
}

func node(op string, in, out []string, attrs ...pb) pb {
	var n pb
	for _, s := range in {
		n = n.str(1, s)
	}
	for _, s := range out {
		n = n.str(2, s)
	}
	n = n.str(4, op)
	for _, a := range attrs {
		n = n.msg(5, a)
	}
	return n
}

func attrInt(name string, v int64) pb { return pb(nil).str(1, name).num(3, v).num(20, 2) }
func attrGraph(name string, g pb) pb  { return pb(nil).str(1, name).msg(6, g).num(20, 5) }
func attrTensor(name string, t pb) pb { return pb(nil).str(1, name).msg(5, t).num(20, 4) }

func tensor(name string, elem int, raw []byte, dims ...int64) pb {
	var t pb
	for _, d := range dims {
		t = t.num(1, d)
	}
	return t.num(2, int64(elem)).str(8, name).msg(9, raw)
}

func floatTensor(name string, values []float32, dims ...int64) pb {
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return tensor(name, elemFloat, raw, dims...)
}

func intTensor(name string, values ...int64) pb {
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return tensor(name, elemInt64, raw, int64(len(values)))
}

type graph struct{ nodes, weights, in, out, inner []pb }

func (g graph) bytes() pb {
	var b pb
	for _, n := range g.nodes {
		b = b.msg(1, n)
	}
	b = b.str(2, "test")
	for field, list := range map[int][]pb{5: g.weights, 11: g.in, 12: g.out, 13: g.inner} {
		for _, m := range list {
			b = b.msg(field, m)
		}
	}
	return b
}

// file is a whole model of opset 17.
func (g graph) file() pb {
	return pb(nil).num(1, 8).str(2, "livedub").msg(7, g.bytes()).msg(8, pb(nil).str(1, "").num(2, 17))
}

// write puts a model's bytes into a file of its own.
func write(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "net.onnx")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// double is x[N,3] -> y[N,3] = x + x.
func double(elem int) graph {
	return graph{
		nodes: []pb{node("Add", []string{"x", "x"}, []string{"y"})},
		in:    []pb{value("x", elem, "N", 3)},
		out:   []pb{value("y", elem, "N", 3)},
	}
}

// endless is a net whose Loop never ends: y = x + 1 + 1 + ...
func endless() graph {
	body := graph{
		nodes: []pb{
			node("Identity", []string{"go"}, []string{"on"}),
			node("Add", []string{"v", "one"}, []string{"w"}),
		},
		in:  []pb{value("i", elemInt64), value("go", elemBool), value("v", elemFloat, "N", 3)},
		out: []pb{value("on", elemBool), value("w", elemFloat, "N", 3)},
	}
	return graph{
		nodes: []pb{node("Loop", []string{"", "yes", "x"}, []string{"y"}, attrGraph("body", body.bytes()))},
		weights: []pb{
			tensor("yes", elemBool, []byte{1}),
			floatTensor("one", []float32{1}, 1),
		},
		in:  []pb{value("x", elemFloat, "N", 3)},
		out: []pb{value("y", elemFloat, "N", 3)},
	}
}

// hog makes a tensor of n floats in a way that no scan can see: its size is
// computed from the input.
func hog(n int64) graph {
	return graph{
		nodes: []pb{
			node("ReduceMax", []string{"x"}, []string{"m"}, attrInt("keepdims", 0)),
			node("Cast", []string{"m"}, []string{"i"}, attrInt("to", elemInt64)),
			node("Add", []string{"i", "n"}, []string{"shape"}),
			node("ConstantOfShape", []string{"shape"}, []string{"big"}),
			node("ReduceSum", []string{"big"}, []string{"sum"}, attrInt("keepdims", 0)),
			node("Add", []string{"x", "sum"}, []string{"y"}),
		},
		weights: []pb{intTensor("n", n)},
		in:      []pb{value("x", elemFloat, "N", 3)},
		out:     []pb{value("y", elemFloat, "N", 3)},
	}
}
