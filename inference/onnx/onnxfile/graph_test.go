package onnxfile

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"livedub/internal/testkit/onnxreadtest"
)

// small has one of everything.
func small() *Graph {
	g := New("small")
	x := g.Input("x", FP32, Batch, 3, Batch)
	w := g.Floats("w", FP32, []int{3, 1}, .5, -2, 1e-3)
	h := g.Floats("h", FP16, []int{2}, 1.5, -65504)
	axes := g.Ints("axes", -1, 2)
	big := g.Stream("big", FP32, []int{64, 33}, func(to io.Writer) error {
		_, err := to.Write(bytes.Repeat([]byte{1, 2, 3, 4}, 64*33))
		return err
	})
	y := g.Op("Mul", []string{x, w})
	body := New("body")
	body.Input("i", Int64)
	body.Output("o", FP32)
	body.Floats("c", FP32, nil, 3)
	g.Node("Odd", []string{y, "", h, axes, big}, []string{"y", "z"},
		Int("i", -3), Ints("is", 1, -1), Float("f", .75), Text("s", "edge"), Sub("body", body))
	g.Output("y", FP32, Batch, 3, g.Size("length"), g.Size("width"), g.Size("length"))
	g.Meta("model_type", "small")
	g.Meta("empty", "")
	return g
}

func TestFileReadsBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "small.onnx")
	g := small()
	if err := g.Write(path); err != nil {
		t.Fatal(err)
	}
	m := onnxreadtest.Read(t, path)
	if m.IR != 8 || m.Opset != 17 || m.Name != "small" {
		t.Errorf("ir %d, opset %d, name %q", m.IR, m.Opset, m.Name)
	}
	if len(m.Meta) != 2 || m.Meta["model_type"] != "small" {
		t.Errorf("says of itself %q", m.Meta)
	}
	if !slices.Equal(m.Inputs, []string{"x 1 [N 3 x_2]"}) || !slices.Equal(m.Outputs, []string{"y 1 [N 3 length width length]"}) {
		t.Errorf("inputs %q, outputs %q", m.Inputs, m.Outputs)
	}
	if w := m.Weights["w"]; !slices.Equal(w.Shape, []int{3, 1}) || !slices.Equal(w.Floats(), []float64{.5, -2, float64(float32(1e-3))}) {
		t.Errorf("w: %v %v", w.Shape, w.Floats())
	}
	if h := m.Weights["h"]; h.Type != int(FP16) || !slices.Equal(h.Floats(), []float64{1.5, -65504}) {
		t.Errorf("h: %v", h)
	}
	if axes := m.Weights["axes"]; axes.Type != int(Int64) || string(axes.Raw[:8]) != strings.Repeat("\xff", 8) {
		t.Errorf("axes: %v", axes)
	}
	odd := m.Nodes[1]
	if odd.Text(4) != "Odd" || !slices.Equal(odd.Texts(1), []string{"Mul_v1", "", "h", "axes", "big"}) {
		t.Errorf("node %v", odd)
	}
	attrs := odd.Sub(t, 5)
	if int64(attrs[0].Number(3)) != -3 || len(attrs[1][8]) != 2 || math.Float32frombits(uint32(attrs[2].Number(2))) != .75 || attrs[3].Text(4) != "edge" {
		t.Errorf("attributes %v", attrs)
	}
	for i, kind := range []int{2, 7, 1, 3, 5} {
		if attrs[i].Number(20) != kind {
			t.Errorf("attribute %d is of kind %d, want %d", i, attrs[i].Number(20), kind)
		}
	}
	if body := attrs[4].Sub(t, 6)[0]; body.Text(2) != "body" || len(body[5]) != 1 {
		t.Errorf("body %v", body)
	}
	if n := g.Parameters(); n != 3+2+64*33 {
		t.Errorf("%d parameters", n)
	}
}

// TestOutside: large weights lie beside the model, small ones in it, and both read the same.
func TestOutside(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.onnx"), filepath.Join(dir, "out.onnx")
	g := small()
	g.Raw("more", Int8, []int{10_000}, bytes.Repeat([]byte{7, 250}, 5000))
	if err := g.writeAbove(in, 1<<30); err != nil {
		t.Fatal(err)
	}
	if err := g.writeAbove(out, 100); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(in + ".data"); err == nil {
		t.Error("a small model has a second file")
	}
	if st, err := os.Stat(out + ".data"); err != nil || st.Size() != 3*4096+10000 {
		t.Errorf("data: %v, %v", st, err)
	}
	a, b := onnxreadtest.Read(t, in), onnxreadtest.Read(t, out)
	for name, v := range a.Weights {
		if w := b.Weights[name]; string(w.Raw) != string(v.Raw) || !slices.Equal(v.Shape, w.Shape) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	dir := t.TempDir()
	short := small()
	short.Floats("short", FP32, []int{3}, 1, 2)
	long := small()
	long.Stream("long", Int32, []int{1}, func(to io.Writer) error {
		_, err := to.Write(make([]byte, 5))
		return err
	})
	broken := small()
	broken.Stream("broken", Int32, []int{1}, func(io.Writer) error { return errors.New("no") })
	for name, g := range map[string]*Graph{"no output": New("empty"), "shape": short, "stream": long, "broken": broken} {
		path := filepath.Join(dir, "x.onnx")
		if err := g.Write(path); err == nil {
			t.Errorf("%s: written", name)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: a file is left", name)
		}
	}
	if err := small().Write(filepath.Join(dir, "none", "x.onnx")); err == nil {
		t.Error("written to a folder that is not there")
	}
}

func TestHalf(t *testing.T) {
	for v, want := range map[float32]uint16{
		0: 0, 1: 0x3c00, -2: 0xc000, 65504: 0x7bff, 65519: 0x7bff, 65520: 0x7c00, 1e9: 0x7c00, -1e9: 0xfc00,
		1.0 / (1 << 14): 0x0400, 1.0 / (1 << 24): 1, 1.0 / (1 << 25): 0, 3.0 / (1 << 25): 2, 1 + 1.0/2048: 0x3c00, 1 + 3.0/2048: 0x3c02,
		float32(math.Inf(1)): 0x7c00, float32(math.Inf(-1)): 0xfc00,
	} {
		if got := Half(v); got != want {
			t.Errorf("Half(%v) = %#x, want %#x", v, got, want)
		}
	}
	if h := Half(float32(math.NaN())); !math.IsNaN(onnxreadtest.FromHalf(h)) {
		t.Errorf("NaN becomes %#x", h)
	}
	for h := range 1 << 16 {
		if v := onnxreadtest.FromHalf(uint16(h)); !math.IsNaN(v) && Half(float32(v)) != uint16(h) {
			t.Fatalf("%#x is %v, which becomes %#x", h, v, Half(float32(v)))
		}
	}
}
