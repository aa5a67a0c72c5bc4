// Package kservetest serves an inference.Model by the Open Inference Protocol
// (KServe v2) over gRPC on the loopback, and does to its clients what servers do
// when they fail. It takes and gives FP32, whatever the net itself wants.
package kservetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"livedub/inference"
	"livedub/inference/kserve/inferpb"
)

// Fault is what a server does instead of answering well.
type Fault string

// Faults of a server.
const (
	None       Fault = ""
	NotReady   Fault = "not ready"  // the server says so
	NoModel    Fault = "no model"   // the net is not loaded
	Stall      Fault = "stall"      // no answer until the client gives up
	Disconnect Fault = "disconnect" // the connection is cut instead of an answer
	Memory     Fault = "memory"     // the device has none left
	Refuse     Fault = "refuse"     // INVALID_ARGUMENT
	Shape      Fault = "shape"      // outputs of another shape than promised
	Batch      Fault = "batch"      // one item more than asked for
	Size       Fault = "size"       // less bytes than the shape needs
	Type       Fault = "type"       // another type than promised
	Name       Fault = "name"       // another output than promised
	Missing    Fault = "missing"    // no outputs
	Huge       Fault = "huge"       // a shape of 2^62 numbers
	Negative   Fault = "negative"   // a shape with a negative dimension
	Typed      Fault = "typed"      // well, but not as raw bytes (FP32 only)
	HugeNet    Fault = "huge net"   // metadata of 2^40 numbers an item
	NoShape    Fault = "no shape"   // metadata without dimensions
	Strange    Fault = "strange"    // metadata of a type that few speak
	Twice      Fault = "twice"      // metadata with an input twice
	NoTensors  Fault = "no tensors" // metadata without inputs
)

// Server is a running server. Close it after use.
type Server struct {
	inferpb.UnimplementedGRPCInferenceServiceServer
	Addr string // host:port

	name string
	grpc *grpc.Server
	wg   sync.WaitGroup

	model   inference.Model
	running sync.Mutex // over model.Run

	mu    sync.Mutex
	fault Fault
	conns map[net.Conn]bool
}

// Serve serves m under a name, on a free port of 127.0.0.1. m stays the caller's.
func Serve(m inference.Model, name string) (*Server, error) { return ServeAt(m, name, "127.0.0.1:0") }

// ServeAt serves on an address, for servers that come back where they were.
func ServeAt(m inference.Model, name, addr string) (*Server, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("kservetest: %w", err)
	}
	s := &Server{Addr: l.Addr().String(), name: name, model: m, conns: map[net.Conn]bool{}}
	s.grpc = grpc.NewServer(grpc.MaxRecvMsgSize(math.MaxInt32), grpc.MaxSendMsgSize(math.MaxInt32))
	inferpb.RegisterGRPCInferenceServiceServer(s.grpc, s)
	s.wg.Go(func() { _ = s.grpc.Serve(&listener{l, s}) })
	return s, nil
}

// Set has the server fail from now on; None has it do well again.
func (s *Server) Set(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

func (s *Server) now() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}

// Cut cuts all connections; clients may come again.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
		delete(s.conns, c)
	}
}

// Close cuts all connections and waits for what the server still does.
func (s *Server) Close() {
	s.grpc.Stop()
	s.wg.Wait()
}

// listener tells the server of its connections.
type listener struct {
	net.Listener
	s *Server
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.s.mu.Lock()
		l.s.conns[c] = true
		l.s.mu.Unlock()
	}
	return c, err
}

// ServerReady is part of the protocol.
func (s *Server) ServerReady(context.Context, *inferpb.ServerReadyRequest) (*inferpb.ServerReadyResponse, error) {
	return &inferpb.ServerReadyResponse{Ready: s.now() != NotReady}, nil
}

// ModelReady is part of the protocol.
func (s *Server) ModelReady(_ context.Context, q *inferpb.ModelReadyRequest) (*inferpb.ModelReadyResponse, error) {
	return &inferpb.ModelReadyResponse{Ready: q.GetName() == s.name && s.now() != NoModel}, nil
}

// ModelMetadata is part of the protocol.
func (s *Server) ModelMetadata(_ context.Context, q *inferpb.ModelMetadataRequest) (*inferpb.ModelMetadataResponse, error) {
	if q.GetName() != s.name {
		return nil, status.Errorf(codes.NotFound, "unknown model: %q", q.GetName())
	}
	a := &inferpb.ModelMetadataResponse{Name: s.name, Versions: []string{"1"}, Platform: "kservetest",
		Inputs: metadata(s.model.Inputs()), Outputs: metadata(s.model.Outputs())}
	switch s.now() {
	case HugeNet:
		a.Inputs[0].Shape = []int64{-1, 1 << 20, 1 << 20}
	case NoShape:
		a.Outputs[0].Shape = nil
	case Strange:
		a.Inputs[0].Datatype = "BYTES"
	case Twice:
		a.Inputs = append(a.Inputs, a.Inputs[0])
	case NoTensors:
		a.Inputs = nil
	case Negative:
		a.Inputs[0].Shape[0] = -7
	}
	return a, nil
}

func metadata(infos []inference.TensorInfo) (all []*inferpb.ModelMetadataResponse_TensorMetadata) {
	for _, t := range infos {
		m := &inferpb.ModelMetadataResponse_TensorMetadata{Name: t.Name, Datatype: "FP32"}
		for _, d := range t.Shape {
			m.Shape = append(m.Shape, int64(d))
		}
		all = append(all, m)
	}
	return all
}

// ModelInfer is part of the protocol.
func (s *Server) ModelInfer(ctx context.Context, q *inferpb.ModelInferRequest) (*inferpb.ModelInferResponse, error) {
	fault := s.now()
	switch fault {
	case Stall:
		<-ctx.Done()
		return nil, ctx.Err()
	case Disconnect:
		s.Cut()
		<-ctx.Done()
		return nil, ctx.Err()
	case Memory:
		return nil, status.Error(codes.Internal, "CUDA error: out of memory")
	case Refuse:
		return nil, status.Error(codes.InvalidArgument, "inputs are not what the model takes")
	case NoModel:
		return nil, status.Errorf(codes.NotFound, "unknown model: %q", q.GetModelName())
	}
	in, err := s.inputs(q)
	if err != nil {
		return nil, err
	}
	s.running.Lock()
	out, err := s.model.Run(ctx, in)
	s.running.Unlock()
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return spoil(s.answer(out), fault), nil
}

// inputs reads a request's tensors, in the net's order.
func (s *Server) inputs(q *inferpb.ModelInferRequest) ([]inference.Tensor, error) {
	if len(q.GetRawInputContents()) != len(q.GetInputs()) {
		return nil, status.Errorf(codes.InvalidArgument, "%d tensors with the bytes of %d", len(q.GetInputs()), len(q.GetRawInputContents()))
	}
	var in []inference.Tensor
	for _, want := range s.model.Inputs() {
		found := false
		for i, t := range q.GetInputs() {
			if t.GetName() != want.Name {
				continue
			}
			found = true
			own, n := inference.Tensor{}, 1
			for _, d := range t.GetShape() {
				own.Shape = append(own.Shape, int(d))
				n *= int(d)
			}
			b := q.GetRawInputContents()[i]
			if t.GetDatatype() != "FP32" || len(b) != 4*n {
				return nil, status.Errorf(codes.InvalidArgument, "input %s of type %s and shape %v has %d bytes", t.GetName(), t.GetDatatype(), t.GetShape(), len(b))
			}
			for ; len(b) > 0; b = b[4:] {
				own.Data = append(own.Data, math.Float32frombits(binary.LittleEndian.Uint32(b)))
			}
			in = append(in, own)
		}
		if !found {
			return nil, status.Errorf(codes.InvalidArgument, "no input %s", want.Name)
		}
	}
	return in, nil
}

func (s *Server) answer(out []inference.Tensor) *inferpb.ModelInferResponse {
	a := &inferpb.ModelInferResponse{ModelName: s.name, ModelVersion: "1"}
	for i, t := range out {
		o := &inferpb.ModelInferResponse_InferOutputTensor{Name: s.model.Outputs()[i].Name, Datatype: "FP32"}
		for _, d := range t.Shape {
			o.Shape = append(o.Shape, int64(d))
		}
		var b []byte
		for _, v := range t.Data {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		a.Outputs, a.RawOutputContents = append(a.Outputs, o), append(a.RawOutputContents, b)
	}
	return a
}

// spoil makes an answer wrong.
func spoil(a *inferpb.ModelInferResponse, fault Fault) *inferpb.ModelInferResponse {
	o, raw := a.Outputs[0], a.RawOutputContents
	switch fault {
	case Shape:
		o.Shape = append(o.Shape, 1)
	case Batch:
		one := len(raw[0]) / int(o.Shape[0])
		o.Shape[0]++
		raw[0] = append(raw[0], raw[0][:one]...)
	case Size:
		raw[0] = raw[0][:len(raw[0])-1]
	case Type:
		o.Datatype = "FP64"
	case Name:
		o.Name = "another"
	case Missing:
		a.Outputs, a.RawOutputContents = nil, nil
	case Huge:
		for i := range o.Shape[1:] {
			o.Shape[i+1] = 1 << 31
		}
	case Negative:
		o.Shape[len(o.Shape)-1] = -1
	case Typed:
		for i, t := range a.Outputs {
			t.Contents = &inferpb.InferTensorContents{}
			for b := raw[i]; len(b) > 0; b = b[4:] {
				t.Contents.Fp32Contents = append(t.Contents.Fp32Contents, math.Float32frombits(binary.LittleEndian.Uint32(b)))
			}
		}
		a.RawOutputContents = nil
	}
	return a
}
