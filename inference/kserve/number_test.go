package kserve

import (
	"context"
	"math"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"livedub/inference"
	"livedub/inference/kserve/inferpb"
)

func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		f := fromHalf(uint16(h))
		back := toHalf(f)
		if f != f {
			if back&0x7c00 != 0x7c00 || back&0x3ff == 0 {
				t.Fatalf("%#x is %v, and back %#x", h, f, back)
			}
			continue
		}
		if back != uint16(h) {
			t.Fatalf("%#x is %v, and back %#x", h, f, back)
		}
		// Between it and the next, the nearer is taken; the even one from the middle.
		if next := fromHalf(uint16(h + 1)); h&0x7fff < 0x7bff {
			middle := (float64(f) + float64(next)) / 2
			even := uint16(h) + uint16(h&1)
			toward := float64(math.Nextafter32(float32(middle), f))
			if got := toHalf(float32(middle)); got != even {
				t.Fatalf("%v is %#x, not %#x", middle, got, even)
			}
			if got := toHalf(float32(toward)); got != uint16(h) {
				t.Fatalf("%v is %#x, not %#x", toward, got, h)
			}
		}
	}
	for v, want := range map[float32]float64{1: 1, -2: -2, 65504: 65504, 65519: 65504, 65520: math.Inf(1), 1e30: math.Inf(1), -1e30: math.Inf(-1),
		1e-10: 0, 0x1p-24: 0x1p-24, 0x1p-14: 0x1p-14, .1: 0.0999755859375} {
		if got := float64(fromHalf(toHalf(v))); got != want {
			t.Errorf("%v becomes %v, want %v", v, got, want)
		}
	}
}

// mirror is a server that gives back the bytes that it gets.
type mirror struct {
	inferpb.GRPCInferenceServiceClient
	got *inferpb.ModelInferRequest
}

func (m *mirror) ModelInfer(_ context.Context, q *inferpb.ModelInferRequest, _ ...grpc.CallOption) (*inferpb.ModelInferResponse, error) {
	m.got = proto.Clone(q).(*inferpb.ModelInferRequest)
	a := &inferpb.ModelInferResponse{RawOutputContents: m.got.RawInputContents}
	for _, t := range m.got.Inputs {
		a.Outputs = append(a.Outputs, &inferpb.ModelInferResponse_InferOutputTensor{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape})
	}
	return a, nil
}

func TestTypes(t *testing.T) {
	data := []float32{0, 1, -2.5, 100.25, -7, 2049}
	nan := float32(math.NaN())
	for name, want := range map[string][]float32{
		"FP32": data, "FP16": {0, 1, -2.5, 100.25, -7, 2048}, "INT32": {0, 1, -2, 100, -7, 2049}, "INT64": {0, 1, -2, 100, -7, 2049},
	} {
		k := kinds[name]
		own := tensor{inference.TensorInfo{Name: "x", Shape: []int{-1, 3}, Type: k.name}, k}
		s := &mirror{}
		m := &Model{c: Config{Addr: "a:1", Model: "m", MaxMessageMB: 1, Timeout: 1e9}, client: s, inputs: []tensor{own}, outputs: []tensor{own}, raw: make([][]byte, 1)}
		for range 2 { // buffers are used again
			out, err := m.Run(t.Context(), []inference.Tensor{{Shape: []int{2, 3}, Data: data}})
			if err != nil || !slices.Equal(out[0].Data, want) {
				t.Errorf("%s: %v, %v", name, out, err)
			}
			if got := s.got.Inputs[0].Datatype; got != name || len(s.got.RawInputContents[0]) != 6*k.size {
				t.Errorf("%s: sent %s in %d bytes", name, got, len(s.got.RawInputContents[0]))
			}
		}
		b := k.encode(nil, []float32{nan, float32(math.Inf(1)), -1e30})
		if _, err := k.decode(b, 3); err != nil {
			t.Error(err)
		}
		full := &inferpb.InferTensorContents{Fp32Contents: []float32{3}, IntContents: []int32{3}, Int64Contents: []int64{3}}
		if v, err := k.contents(full, 1); name != "FP16" && (err != nil || v[0] != 3) {
			t.Errorf("%s: %v, %v", name, v, err)
		}
		if _, err := k.contents(nil, 1); err == nil {
			t.Errorf("%s: numbers out of nothing", name)
		}
	}
}

// FuzzAnswer: whatever a server answers is an error or what the net promised.
func FuzzAnswer(f *testing.F) {
	good := &inferpb.ModelInferResponse{
		Outputs:           []*inferpb.ModelInferResponse_InferOutputTensor{{Name: "x", Datatype: "FP32", Shape: []int64{1, 2}}},
		RawOutputContents: [][]byte{make([]byte, 8)},
	}
	b, err := proto.Marshal(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{})
	good.Outputs[0].Shape = []int64{1, math.MaxInt64}
	b, _ = proto.Marshal(good)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		a := &inferpb.ModelInferResponse{}
		if proto.Unmarshal(b, a) != nil {
			return
		}
		m := &Model{c: Config{MaxMessageMB: 1}, outputs: []tensor{{inference.TensorInfo{Name: "x", Shape: []int{-1, -1}}, kinds["FP32"]}}}
		out, err := m.read(a, 1)
		if err == nil && (len(out) != 1 || out[0].Shape[0] != 1 || len(out[0].Data) != out[0].Shape[1]) {
			t.Errorf("read %v", out)
		}
	})
}

// FuzzMetadata: whatever a server says of its net is refused or fits memory.
func FuzzMetadata(f *testing.F) {
	b, err := proto.Marshal(&inferpb.ModelMetadataResponse{Inputs: []*inferpb.ModelMetadataResponse_TensorMetadata{{Name: "x", Datatype: "FP16", Shape: []int64{-1, 3, 96, 96}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		a := &inferpb.ModelMetadataResponse{}
		if proto.Unmarshal(b, a) != nil {
			return
		}
		m := &Model{c: Config{MaxMessageMB: 1}}
		all, err := m.tensors("input", a.GetInputs())
		if err != nil {
			return
		}
		for _, x := range all {
			n := x.kind.size
			for _, d := range x.Shape {
				if n *= max(d, 1); n <= 0 || n > 1<<20 {
					t.Fatalf("took %v", x)
				}
			}
		}
	})
}
