package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/inference"
	"livedub/inference/engine"
)

// plusOne is a net that adds one, [N,1] to [N,1].
type plusOne struct{ took time.Duration }

func (plusOne) Inputs() []inference.TensorInfo {
	return []inference.TensorInfo{{Name: "in", Shape: []int{-1, 1}, Type: "fp32"}}
}
func (plusOne) Outputs() []inference.TensorInfo {
	return []inference.TensorInfo{{Name: "out", Shape: []int{-1, 1}, Type: "fp32"}}
}
func (p plusOne) Run(ctx context.Context, in []inference.Tensor) ([]inference.Tensor, error) {
	select {
	case <-time.After(p.took):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	out := inference.Tensor{Shape: in[0].Shape, Data: make([]float32, len(in[0].Data))}
	for i, v := range in[0].Data {
		out.Data[i] = v + 1
	}
	return []inference.Tensor{out}, nil
}
func (plusOne) Close() error { return nil }

func TestModelMetrics(t *testing.T) {
	l, err := engine.New(t.Context(), engine.Config{Name: "lips", MaxBatch: 2,
		Open: func(context.Context) (inference.Model, error) { return plusOne{time.Millisecond}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := l.Submit(inference.ModelRequest{In: []inference.Tensor{{Shape: []int{1}, Data: []float32{1}}}})
	if err != nil {
		t.Fatal(err)
	}
	if r := <-c; r.Err != nil || r.Out[0].Data[0] != 2 {
		t.Fatal(r)
	}
	late, err := l.Submit(inference.ModelRequest{Deadline: time.Now(), In: []inference.Tensor{{Shape: []int{1}, Data: []float32{1}}}})
	if err != nil {
		t.Fatal(err)
	}
	<-late
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(modelMetrics{[]*engine.Batcher{l}})
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range families {
		for _, m := range f.GetMetric() {
			b.WriteString(f.GetName() + " " + m.String() + "\n")
		}
	}
	text := strings.ReplaceAll(b.String(), "  ", " ")
	for _, want := range []string{"livedub_model_batch_items", "livedub_model_queue_wait_seconds", "livedub_model_run_seconds",
		"livedub_model_missed_total", "livedub_model_reopened_total", "livedub_model_capacity_fps"} {
		if !strings.Contains(text, want+" ") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	for name, want := range map[string]float64{"livedub_model_refused_total late": 1, "livedub_model_refused_total gone": 0,
		"livedub_model_state ready": 1, "livedub_model_state lost": 0} {
		family, label, _ := strings.Cut(name, " ")
		found := false
		for _, f := range families {
			for _, m := range f.GetMetric() {
				for _, p := range m.GetLabel() {
					if f.GetName() == family && p.GetValue() == label {
						found = true
						if got := m.GetCounter().GetValue() + m.GetGauge().GetValue(); got != want {
							t.Errorf("%s is %v, want %v", name, got, want)
						}
					}
				}
			}
		}
		if !found {
			t.Errorf("no %s", name)
		}
	}
}
