// Package onnxreadtest takes ONNX files apart for tests, without the library
// that writes them.
package onnxreadtest

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// Message is a protobuf message.
type Message map[int][]any // by field: uint64 or []byte

// Take takes a message apart.
func Take(b []byte) (Message, error) {
	m := Message{}
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

// Sub returns the messages in a field.
func (m Message) Sub(t testing.TB, field int) []Message {
	t.Helper()
	var all []Message
	for _, v := range m[field] {
		s, err := Take(v.([]byte))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// Text returns the string in a field, "" if there is none.
func (m Message) Text(field int) string {
	if len(m[field]) == 0 {
		return ""
	}
	return string(m[field][0].([]byte))
}

// Texts returns all strings of a field.
func (m Message) Texts(field int) (all []string) {
	for _, v := range m[field] {
		all = append(all, string(v.([]byte)))
	}
	return all
}

// Number returns the number in a field, 0 if there is none.
func (m Message) Number(field int) int {
	if len(m[field]) == 0 {
		return 0
	}
	return int(m[field][0].(uint64))
}

// Tensor is an initializer.
type Tensor struct {
	Type  int // by ONNX's number
	Shape []int
	Raw   []byte
}

const fp16 = 10

// Floats returns the elements of fp32 or fp16.
func (v Tensor) Floats() (all []float64) {
	if v.Type == fp16 {
		for i := 0; i < len(v.Raw); i += 2 {
			all = append(all, FromHalf(binary.LittleEndian.Uint16(v.Raw[i:])))
		}
		return all
	}
	for i := 0; i < len(v.Raw); i += 4 {
		all = append(all, float64(math.Float32frombits(binary.LittleEndian.Uint32(v.Raw[i:]))))
	}
	return all
}

// FromHalf returns the value of an IEEE 754 half.
func FromHalf(h uint16) float64 {
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

// Model is a file.
type Model struct {
	IR, Opset int
	Name      string
	Inputs    []string // "x 1 [N 3]"
	Outputs   []string
	Nodes     []Message
	Weights   map[string]Tensor
	Meta      map[string]string
}

// Read reads a model and checks that nodes come in order: every value a node
// takes is an input, an initializer, or made before.
func Read(t testing.TB, path string) Model {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	top, err := Take(b)
	if err != nil {
		t.Fatal(err)
	}
	graph := top.Sub(t, 7)[0]
	m := Model{IR: top.Number(1), Opset: top.Sub(t, 8)[0].Number(2), Name: graph.Text(2), Nodes: graph.Sub(t, 1), Weights: map[string]Tensor{}, Meta: map[string]string{}}
	for _, e := range top.Sub(t, 14) {
		m.Meta[e.Text(1)] = e.Text(2)
	}
	known := map[string]bool{"": true}
	for _, w := range graph.Sub(t, 5) {
		v := Tensor{Type: w.Number(2)}
		for _, d := range w[1] {
			v.Shape = append(v.Shape, int(d.(uint64)))
		}
		if w.Number(14) == 1 {
			v.Raw = outside(t, filepath.Dir(path), w)
		} else {
			v.Raw = w[9][0].([]byte)
		}
		known[w.Text(8)], m.Weights[w.Text(8)] = true, v
	}
	value := func(v Message) string {
		tensor := v.Sub(t, 2)[0].Sub(t, 1)[0]
		var dims []string
		for _, d := range tensor.Sub(t, 2)[0].Sub(t, 1) {
			if len(d[2]) > 0 {
				dims = append(dims, d.Text(2))
			} else {
				dims = append(dims, strconv.Itoa(d.Number(1)))
			}
		}
		return fmt.Sprint(v.Text(1), " ", tensor.Number(1), " ", dims)
	}
	for _, v := range graph.Sub(t, 11) {
		m.Inputs = append(m.Inputs, value(v))
		known[v.Text(1)] = true
	}
	for _, n := range m.Nodes {
		for _, in := range n.Texts(1) {
			if !known[in] {
				t.Errorf("%s takes %q, which nothing made", n.Text(3), in)
			}
		}
		for _, out := range n.Texts(2) {
			if known[out] {
				t.Errorf("%s makes %q a second time", n.Text(3), out)
			}
			known[out] = true
		}
	}
	for _, v := range graph.Sub(t, 12) {
		m.Outputs = append(m.Outputs, value(v))
		if !known[v.Text(1)] {
			t.Errorf("nothing makes the output %q", v.Text(1))
		}
	}
	return m
}

// outside reads the data of a tensor that lies in another file.
func outside(t testing.TB, dir string, w Message) []byte {
	t.Helper()
	at := map[string]string{}
	for _, kv := range w.Sub(t, 13) {
		at[kv.Text(1)] = kv.Text(2)
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
