package onnxfile

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"livedub/inference/onnx/onnxfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// message is a protobuf message taken apart without the library that wrote it.
type message map[int][]any // by field: uint64 or []byte

func take(b []byte) (message, error) {
	m := message{}
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, fmt.Errorf("bad tag")
		}
		b = b[n:]
		var v any
		switch tag & 7 {
		case 0:
			x, n := binary.Uvarint(b)
			if n <= 0 {
				return nil, fmt.Errorf("field %d: bad number", tag>>3)
			}
			v, b = x, b[n:]
		case 2:
			x, n := binary.Uvarint(b)
			if n <= 0 || x > uint64(len(b)-n) {
				return nil, fmt.Errorf("field %d: %d bytes of %d", tag>>3, x, len(b))
			}
			v, b = b[n:n+int(x)], b[n+int(x):]
		case 5:
			v, b = uint64(binary.LittleEndian.Uint32(b)), b[4:]
		default:
			return nil, fmt.Errorf("field %d: wire type %d", tag>>3, tag&7)
		}
		m[int(tag>>3)] = append(m[int(tag>>3)], v)
	}
	return m, nil
}

func (m message) sub(t *testing.T, field int) []message {
	t.Helper()
	var all []message
	for _, v := range m[field] {
		s, err := take(v.([]byte))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func (m message) text(field int) string {
	if len(m[field]) == 0 {
		return ""
	}
	return string(m[field][0].([]byte))
}

func (m message) texts(field int) (all []string) {
	for _, v := range m[field] {
		all = append(all, string(v.([]byte)))
	}
	return all
}

func (m message) number(field int) int {
	if len(m[field]) == 0 {
		return 0
	}
	return int(m[field][0].(uint64))
}

// tensor is an initializer read back.
type tensor struct {
	typ   onnxfile.Type
	shape []int
	raw   []byte
}

func (v tensor) floats() (all []float64) {
	for i := 0; i < len(v.raw); i += int(v.typ.Size()) {
		if v.typ == onnxfile.FP16 {
			all = append(all, fromHalf(binary.LittleEndian.Uint16(v.raw[i:])))
		} else {
			all = append(all, float64(math.Float32frombits(binary.LittleEndian.Uint32(v.raw[i:]))))
		}
	}
	return all
}

func fromHalf(h uint16) float64 {
	sign := 1 - 2*float64(h>>15)
	exp, frac := int(h>>10&31), float64(h&1023)
	switch exp {
	case 0:
		return sign * math.Ldexp(frac, -24)
	case 31:
		if frac != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+frac, exp-25)
}

// model is a file read back.
type model struct {
	ir, opset int
	name      string
	inputs    []string // "x 1 [N 3]"
	outputs   []string
	nodes     []message
	weights   map[string]tensor
}

// read reads a model and checks that nodes come in order: every value a node
// takes is an input, an initializer, or made before.
func read(t *testing.T, path string) model {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	top, err := take(b)
	if err != nil {
		t.Fatal(err)
	}
	graph := top.sub(t, 7)[0]
	m := model{ir: top.number(1), opset: top.sub(t, 8)[0].number(2), name: graph.text(2), nodes: graph.sub(t, 1), weights: map[string]tensor{}}
	known := map[string]bool{"": true}
	for _, w := range graph.sub(t, 5) {
		v := tensor{typ: onnxfile.Type(w.number(2))}
		for _, d := range w[1] {
			v.shape = append(v.shape, int(d.(uint64)))
		}
		if w.number(14) == 1 {
			v.raw = outside(t, filepath.Dir(path), w)
		} else {
			v.raw = w[9][0].([]byte)
		}
		known[w.text(8)], m.weights[w.text(8)] = true, v
	}
	value := func(v message) string {
		tensor := v.sub(t, 2)[0].sub(t, 1)[0]
		var dims []string
		for _, d := range tensor.sub(t, 2)[0].sub(t, 1) {
			if len(d[2]) > 0 {
				dims = append(dims, d.text(2))
			} else {
				dims = append(dims, strconv.Itoa(d.number(1)))
			}
		}
		return fmt.Sprint(v.text(1), " ", tensor.number(1), " ", dims)
	}
	for _, v := range graph.sub(t, 11) {
		m.inputs = append(m.inputs, value(v))
		known[v.text(1)] = true
	}
	for _, n := range m.nodes {
		for _, in := range n.texts(1) {
			if !known[in] {
				t.Errorf("%s takes %q, which nothing made", n.text(3), in)
			}
		}
		for _, out := range n.texts(2) {
			if known[out] {
				t.Errorf("%s makes %q a second time", n.text(3), out)
			}
			known[out] = true
		}
	}
	for _, v := range graph.sub(t, 12) {
		m.outputs = append(m.outputs, value(v))
		if !known[v.text(1)] {
			t.Errorf("nothing makes the output %q", v.text(1))
		}
	}
	return m
}

// outside reads the data of a tensor that lies in another file.
func outside(t *testing.T, dir string, w message) []byte {
	t.Helper()
	at := map[string]string{}
	for _, kv := range w.sub(t, 13) {
		at[kv.text(1)] = kv.text(2)
	}
	offset, _ := strconv.ParseInt(at["offset"], 10, 64)
	length, _ := strconv.ParseInt(at["length"], 10, 64)
	if offset%4096 != 0 || length == 0 {
		t.Fatalf("data at %v", at)
	}
	f, err := os.Open(filepath.Join(dir, at["location"]))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	raw := make([]byte, length)
	if _, err := f.ReadAt(raw, offset); err != nil {
		t.Fatal(err)
	}
	return raw
}
