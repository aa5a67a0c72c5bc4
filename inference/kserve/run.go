package kserve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"livedub/inference"
	"livedub/inference/kserve/inferpb"
)

// Run implements inference.Model. Its error wraps inference.ErrModelGone when the
// server does not answer in time, goes away or no longer has the net, and
// inference.ErrModelMemory when the server says that it has none.
func (m *Model) Run(ctx context.Context, in []inference.Tensor) ([]inference.Tensor, error) {
	out, err := m.run(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("kserve: %s on %s: %w", m.c.Model, m.c.Addr, err)
	}
	return out, nil
}

func (m *Model) run(ctx context.Context, in []inference.Tensor) ([]inference.Tensor, error) {
	q, err := m.request(in)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, m.c.Timeout)
	defer cancel()
	a, err := m.client.ModelInfer(ctx, q)
	if err != nil {
		return nil, m.explain(ctx, err)
	}
	out, err := m.read(a, in[0].Shape[0])
	if err != nil {
		return nil, fmt.Errorf("the server's answer is no use: %w", err)
	}
	return out, nil
}

// request makes the message of a batch.
func (m *Model) request(in []inference.Tensor) (*inferpb.ModelInferRequest, error) {
	if len(in) != len(m.inputs) {
		return nil, fmt.Errorf("%d tensors for %d inputs", len(in), len(m.inputs))
	}
	q := &inferpb.ModelInferRequest{ModelName: m.c.Model, ModelVersion: m.c.Version, RawInputContents: m.raw}
	for i, t := range in {
		want := m.inputs[i]
		shape := make([]int64, len(t.Shape))
		n := 1
		for d, size := range t.Shape {
			if size <= 0 || n > m.c.MaxMessageMB<<20/size {
				return nil, fmt.Errorf("input %s of shape %v is empty or more than messages of %d MB hold", want.Name, t.Shape, m.c.MaxMessageMB)
			}
			shape[d], n = int64(size), n*size
		}
		if !fits(want.Shape, shape) || t.Shape[0] != in[0].Shape[0] || n != len(t.Data) {
			return nil, fmt.Errorf("input %s of shape %v with %d numbers: the net takes %v", want.Name, t.Shape, len(t.Data), want.Shape)
		}
		m.raw[i] = want.kind.encode(m.raw[i], t.Data)
		q.Inputs = append(q.Inputs, &inferpb.ModelInferRequest_InferInputTensor{Name: want.Name, Datatype: want.kind.wire, Shape: shape})
	}
	for _, t := range m.outputs {
		q.Outputs = append(q.Outputs, &inferpb.ModelInferRequest_InferRequestedOutputTensor{Name: t.Name})
	}
	return q, nil
}

// fits tells whether a shape is one of those that want allows.
func fits(want []int, shape []int64) bool {
	if len(shape) != len(want) {
		return false
	}
	for i, d := range shape {
		if want[i] >= 0 && int64(want[i]) != d {
			return false
		}
	}
	return true
}

// read takes the outputs out of an answer, in our order. Nothing in it is believed.
func (m *Model) read(a *inferpb.ModelInferResponse, batch int) ([]inference.Tensor, error) {
	raw := a.GetRawOutputContents()
	if len(raw) > 0 && len(raw) != len(a.GetOutputs()) {
		return nil, fmt.Errorf("numbers of %d tensors, and names of %d", len(raw), len(a.GetOutputs()))
	}
	var out []inference.Tensor
	for _, want := range m.outputs {
		i := slices.IndexFunc(a.GetOutputs(), func(t *inferpb.ModelInferResponse_InferOutputTensor) bool { return t.GetName() == want.Name })
		if i < 0 {
			return nil, fmt.Errorf("no output %s", want.Name)
		}
		t := a.GetOutputs()[i]
		if t.GetDatatype() != want.kind.wire {
			return nil, fmt.Errorf("output %s is of type %.40q, not %s", want.Name, t.GetDatatype(), want.kind.wire)
		}
		shape := t.GetShape()
		if !fits(want.Shape, shape) || shape[0] != int64(batch) {
			return nil, fmt.Errorf("output %s is of shape %.40v for a batch of %d: the net promised %v", want.Name, shape, batch, want.Shape)
		}
		n, most := int64(1), int64(m.c.MaxMessageMB)<<20
		own := inference.Tensor{}
		for _, d := range shape {
			if d <= 0 || n > most/d {
				return nil, fmt.Errorf("output %s of shape %v is empty or too large", want.Name, shape)
			}
			n *= d
			own.Shape = append(own.Shape, int(d))
		}
		var err error
		if len(raw) > 0 {
			own.Data, err = want.kind.decode(raw[i], int(n))
		} else {
			own.Data, err = want.kind.contents(t.GetContents(), int(n))
		}
		if err != nil {
			return nil, fmt.Errorf("output %s of shape %v: %w", want.Name, shape, err)
		}
		out = append(out, own)
	}
	return out, nil
}

// explain says what an error of gRPC means for the net.
func (m *Model) explain(ctx context.Context, err error) error {
	s := status.Convert(err)
	text := s.Message()
	if len(text) > 300 {
		text = text[:300] + "..."
	}
	low := strings.ToLower(text)
	switch {
	case s.Code() == codes.Canceled && ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return context.Cause(ctx) // our side gave up
	case s.Code() == codes.DeadlineExceeded:
		return fmt.Errorf("no answer within %v: %w", m.c.Timeout, inference.ErrModelGone)
	case strings.Contains(low, "out of memory"):
		return fmt.Errorf("%w: %s", inference.ErrModelMemory, text)
	case s.Code() == codes.ResourceExhausted && strings.Contains(low, "message"):
		return fmt.Errorf("a batch is more than messages may hold: raise the limit of %d MB, or the server's: %s", m.c.MaxMessageMB, text)
	case s.Code() == codes.Unavailable, s.Code() == codes.Canceled, s.Code() == codes.NotFound:
		return fmt.Errorf("%s: %w", text, inference.ErrModelGone)
	case s.Code() == codes.Unimplemented:
		return fmt.Errorf("the server does not speak KServe v2 there (%s): give the address of its gRPC endpoint", text)
	}
	return fmt.Errorf("%s: %s", s.Code(), text)
}
