package onnxfile

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestExpose: what is appended is one more output. (ONNX Runtime reads it so in inference/speak/piper.)
func TestExpose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "small.onnx")
	if err := small().Write(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Read(b)
	if err != nil || len(f.Ops) != 2 || f.Ops[0].Type != "Mul" || !slices.Equal(f.Ops[0].In, []string{"x", "w"}) || !slices.Equal(f.Ops[1].Out, []string{"y", "z"}) {
		t.Fatalf("%+v, %v", f, err)
	}
	if len(f.Inputs) != 1 || f.Inputs[0] != "x" || len(f.Outputs) != 1 || f.Outputs[0] != (Output{"y", FP32}) {
		t.Errorf("inputs %v, outputs %+v", f.Inputs, f.Outputs)
	}
	more := slices.Concat(b, Expose("z", Int64), Expose("u", FP16, "n", "m"))
	f, err = Read(more)
	if err != nil || !slices.Equal(f.Outputs, []Output{{"y", FP32}, {"z", Int64}, {"u", FP16}}) || len(f.Ops) != 2 {
		t.Errorf("%+v, %v", f, err)
	}
	for name, bad := range map[string][]byte{"nothing": nil, "text": []byte("hello, world"), "cut": b[:len(b)-1]} {
		if f, err := Read(bad); !errors.Is(err, ErrFile) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	path := filepath.Join(f.TempDir(), "small.onnx")
	if err := small().Write(path); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(Expose("z", Int64, "n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Read(b)
		if err != nil {
			return
		}
		more, err := Read(append(slices.Clip(b), Expose("z", Int64)...))
		if n := len(file.Outputs); err != nil || len(more.Outputs) != n+1 || more.Outputs[n] != (Output{"z", Int64}) {
			t.Errorf("an exposed value: %v, %+v", err, more.Outputs)
		}
	})
}
