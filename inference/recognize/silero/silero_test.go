package silero

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"livedub/inference"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a net that says what it is told to, and keeps what it was given.
type script struct {
	in, out []inference.TensorInfo
	says    []float32
	heard   [][]float32
	states  []float32
	err     error
	closed  bool
}

func newScript(says ...float32) *script {
	return &script{
		in:   []inference.TensorInfo{{Name: "input"}, {Name: "state"}, {Name: "sr"}},
		out:  []inference.TensorInfo{{Name: "output"}, {Name: "stateN"}},
		says: says,
	}
}

func (s *script) Inputs() []inference.TensorInfo  { return s.in }
func (s *script) Outputs() []inference.TensorInfo { return s.out }
func (s *script) Close() error                    { s.closed = true; return nil }

func (s *script) Run(_ context.Context, in []inference.Tensor) ([]inference.Tensor, error) {
	if s.err != nil {
		return nil, s.err
	}
	s.heard = append(s.heard, append([]float32(nil), in[0].Data...))
	s.states = append(s.states, in[1].Data[0])
	p := s.says[0]
	s.says = s.says[1:]
	state := make([]float32, len(in[1].Data))
	state[0] = in[1].Data[0] + 1
	return []inference.Tensor{{Shape: []int{1, 1}, Data: []float32{p}}, {Shape: in[1].Shape, Data: state}}, nil
}

func TestWindows(t *testing.T) {
	net := newScript(.1, .6, .4, .3, .4)
	v, err := New(net)
	if err != nil {
		t.Fatal(err)
	}
	a, b := v.Detector(), v.Detector()
	want := []bool{false, true, true, false, false}
	frame := make([]int16, 160) // 10 ms
	at, said := 0, 0
	for len(net.says) > 0 {
		for i := range frame {
			frame[i] = int16(at)
			at++
		}
		got, err := a.Speech(frame)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(net.heard); n > said {
			if got != want[n-1] {
				t.Errorf("window %d: speech %v, want %v", n-1, got, want[n-1])
			}
			said = n
		}
	}
	for i, heard := range net.heard {
		if len(heard) != lead+window || net.states[i] != float32(i) {
			t.Fatalf("window %d: %d samples, state %v", i, len(heard), net.states[i])
		}
		for j, s := range heard {
			sample := i*window + j - lead
			if sample >= 0 && s != float32(sample)/(1<<15) || sample < 0 && s != 0 {
				t.Fatalf("window %d hears %v at %d, want sample %d", i, s, j, sample)
			}
		}
	}

	// Another speaker has a state of their own.
	net.says = []float32{0}
	if _, err := b.Speech(make([]int16, window)); err != nil || net.states[len(net.states)-1] != 0 {
		t.Errorf("%v, states %v", err, net.states)
	}
}

func TestFailures(t *testing.T) {
	other := newScript()
	other.in = other.in[:2]
	if _, err := New(other); err == nil {
		t.Error("another net was taken for Silero's")
	}
	net := newScript(.9, .9)
	v, err := New(net)
	if err != nil {
		t.Fatal(err)
	}
	d := v.Detector()
	net.err = inference.ErrModelGone
	if _, err := d.Speech(make([]int16, 2*window)); !errors.Is(err, inference.ErrModelGone) {
		t.Errorf("got %v", err)
	}
	net.err = nil
	if speech, err := d.Speech(make([]int16, window)); err != nil || !speech {
		t.Errorf("after the failure: %v, %v", speech, err)
	}
	if err := errors.Join(v.Close(), v.Close()); err != nil || !net.closed {
		t.Errorf("close: %v, closed %v", err, net.closed)
	}
	if _, err := d.Speech(make([]int16, window)); err == nil {
		t.Error("a closed net heard")
	}
}
