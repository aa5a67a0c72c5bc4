package onnx

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"livedub/inference"
)

// session is one opened net in the runtime.
type session struct {
	s      *ort.DynamicAdvancedSession
	net    netFile
	limit  time.Duration // of a run
	memory int64         // bytes that one result may take
	empty  bool          // sizes left open may be 0
	auto   bool          // the net does not make the shapes that it declares: the runtime makes room for results
}

// run runs the net on in. Shapes are checked here: the runtime's own words name no input.
func (s *session) run(ctx context.Context, in []inference.Tensor) ([]inference.Tensor, error) {
	sizes, err := s.check(in)
	if err != nil {
		return nil, err
	}
	inputs, outputs := make([]ort.Value, 0, len(in)), make([]ort.Value, len(s.net.outputs))
	defer func() {
		for _, v := range slices.Concat(inputs, outputs) {
			destroy(v)
		}
		runtime.KeepAlive(in) // the runtime has read from it until here
	}()
	for i, t := range in {
		v, err := input(s.net.inputs[i].elem, t)
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", s.net.inputs[i].name, err)
		}
		inputs = append(inputs, v)
	}
	for i, p := range s.net.outputs {
		if dims, ok := s.resolve(p, sizes); ok {
			if outputs[i], err = output(p.elem, dims, s.memory); err != nil {
				return nil, fmt.Errorf("output %q: %w", p.name, err)
			}
		}
	}
	if err := s.call(ctx, inputs, outputs); err != nil {
		return nil, err
	}
	out := make([]inference.Tensor, len(outputs))
	for i, v := range outputs {
		if out[i], err = result(v); err != nil {
			return nil, fmt.Errorf("output %q: %w", s.net.outputs[i].name, err)
		}
	}
	return out, nil
}

// destroy frees v; one that the binding failed to make is nil in a type of its own.
func destroy(v ort.Value) {
	if v != nil && !reflect.ValueOf(v).IsNil() {
		_ = v.Destroy() // never fails
	}
}

// call runs the session and ends it when ctx or the time limit does, between two of the net's nodes.
func (s *session) call(ctx context.Context, inputs, outputs []ort.Value) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	opts, err := ort.NewRunOptions()
	if err != nil {
		return classify(err)
	}
	defer opts.Destroy()
	limited, cancel := context.WithTimeoutCause(ctx, s.limit, ErrTimeLimit)
	defer cancel()
	ended := make(chan struct{})
	stop := context.AfterFunc(limited, func() {
		defer close(ended)
		_ = opts.Terminate() // fails on options that are gone only
	})
	err = s.s.RunWithOptions(inputs, outputs, opts)
	if !stop() {
		<-ended
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(context.Cause(limited), ErrTimeLimit):
		return fmt.Errorf("%w of %v", ErrTimeLimit, s.limit)
	}
	if strings.Contains(err.Error(), "creating tensor from ort") { // the run itself went well
		return fmt.Errorf("a result is of a shape that cannot be read (%s): export the net with the shapes of its outputs", short(err))
	}
	return classify(err)
}

// check compares what is given with what the net declares, and returns the
// sizes that names which it left open stand for.
func (s *session) check(in []inference.Tensor) (map[string]int, error) {
	if len(in) != len(s.net.inputs) {
		return nil, fmt.Errorf("%d inputs were given, the net has %d", len(in), len(s.net.inputs))
	}
	sizes := map[string]int{}
	for i, t := range in {
		p := s.net.inputs[i]
		n, ok := elements(t.Shape)
		if !ok || n != len(t.Data) {
			return nil, fmt.Errorf("input %q: %d numbers are no tensor of the shape %v", p.name, len(t.Data), t.Shape)
		}
		if len(t.Data) == 0 && !(s.empty && p.shaped && len(t.Shape) > 0 && t.Shape[0] > 0) {
			return nil, fmt.Errorf("input %q is empty: its shape is %v", p.name, t.Shape)
		}
		if !p.shaped {
			continue
		}
		if len(t.Shape) != len(p.dims) {
			return nil, fmt.Errorf("input %q has the shape %v, the net wants %v", p.name, t.Shape, p.dims)
		}
		for d, want := range p.dims {
			name := p.params[d]
			switch {
			case want >= 0 && int64(t.Shape[d]) != want:
				return nil, fmt.Errorf("input %q has the shape %v, the net wants %v", p.name, t.Shape, p.dims)
			case want < 0 && name != "":
				if known, ok := sizes[name]; ok && known != t.Shape[d] {
					return nil, fmt.Errorf("input %q has the shape %v: %s is %d in another input", p.name, t.Shape, name, known)
				}
				sizes[name] = t.Shape[d]
			}
		}
		if i == 0 && len(p.dims) > 0 && p.dims[0] < 0 {
			sizes[""] = t.Shape[0] // the batch, whatever it is called
		}
	}
	return sizes, nil
}

// resolve returns the shape that an output will have; false if it does not show before the run.
func (s *session) resolve(p port, sizes map[string]int) ([]int, bool) {
	if !p.shaped || s.auto && p.elem != elemHalf {
		return nil, false
	}
	dims := make([]int, len(p.dims))
	for d, v := range p.dims {
		if v >= 0 {
			dims[d] = int(v)
			continue
		}
		size, ok := sizes[p.params[d]]
		if !ok || p.params[d] == "" && d > 0 {
			return nil, false
		}
		dims[d] = size
	}
	return dims, true
}
