package onnx

import (
	"errors"
	"testing"

	"livedub/inference"
)

// TestEachBatchHasItsSession: as on a GPU, sessions are opened as sizes come, used
// again, bounded, and closed; one that cannot be opened takes no other along.
func TestEachBatchHasItsSession(t *testing.T) {
	m := open(t, double(elemFloat).file(), ModelConfig{})
	if n := len(m.batches.all); n != 1 {
		t.Errorf("%d sessions on the CPU", n)
	}
	if err := m.batches.close(); err != nil {
		t.Fatal(err)
	}
	m.batches.each = true
	opened := 0
	real := m.batches.open
	m.batches.open = func() (*session, error) {
		opened++
		return real()
	}
	run := func(n int) error {
		in := inference.Tensor{Shape: []int{n, 3}, Data: make([]float32, 3*n)}
		in.Data[0] = 21
		out, err := m.Run(t.Context(), []inference.Tensor{in})
		if err == nil && (out[0].Data[0] != 42 || len(out[0].Data) != 3*n) {
			t.Errorf("a batch of %d: %v", n, out)
		}
		return err
	}
	for _, n := range []int{1, 4, 1, 4, 2, 1} {
		if err := run(n); err != nil {
			t.Fatal(err)
		}
	}
	if opened != 3 {
		t.Errorf("%d sessions for 3 sizes", opened)
	}
	for n := 5; n < 30; n++ {
		if err := run(n); err != nil {
			t.Fatal(err)
		}
	}
	if opened != mostSessions {
		t.Errorf("%d sessions, %d are the most", opened, mostSessions)
	}
	if err := m.batches.close(); err != nil {
		t.Fatal(err)
	}
	m.batches.open = func() (*session, error) { return nil, inference.ErrModelMemory }
	if err := run(8); !errors.Is(err, inference.ErrModelMemory) {
		t.Errorf("without memory: %v", err)
	}
	m.batches.open = real
	if err := run(8); err != nil {
		t.Errorf("with memory again: %v", err)
	}
}
