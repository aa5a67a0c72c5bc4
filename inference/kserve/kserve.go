// Package kserve runs nets that another server holds, by the Open Inference
// Protocol (KServe v2) over gRPC, which Triton speaks too.
package kserve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"livedub/inference"
	"livedub/inference/kserve/inferpb"
)

const (
	defaultTimeout = 5 * time.Second
	defaultMB      = 256
	mostMB         = 2047 // a message of gRPC has no more
	mostTensors    = 64
	mostDims       = 8
)

// Config names a net on a server.
type Config struct {
	Addr         string // host:port of its gRPC endpoint
	Model        string
	Version      string // "": the server's choice
	TLS          bool
	Timeout      time.Duration // of each question; 0: 5 s
	MaxMessageMB int           // of a batch there or back; 0: 256
}

func (c *Config) complete() error {
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		return fmt.Errorf("%q is no address: give host:port, the server's gRPC port (Triton's is 8001)", c.Addr)
	}
	if c.Model == "" {
		return errors.New("no net is named: set the model's name as the server knows it")
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.MaxMessageMB == 0 {
		c.MaxMessageMB = defaultMB
	}
	if c.MaxMessageMB < 1 || c.MaxMessageMB > mostMB {
		return fmt.Errorf("messages of %d MB: choose 1 to %d", c.MaxMessageMB, mostMB)
	}
	return nil
}

// Model is an inference.Model on a server. One goroutine uses it.
type Model struct {
	c       Config
	conn    *grpc.ClientConn
	client  inferpb.GRPCInferenceServiceClient
	inputs  []tensor
	outputs []tensor
	raw     [][]byte // reused: the batch on its way
}

// tensor is an input or output.
type tensor struct {
	inference.TensorInfo
	kind kind
}

// Open asks the server for the net. It fails, wrapping inference.ErrModelGone,
// while server or net are not ready.
func Open(ctx context.Context, c Config) (*Model, error) {
	if err := c.complete(); err != nil {
		return nil, fmt.Errorf("kserve: %w", err)
	}
	creds := insecure.NewCredentials()
	if c.TLS {
		creds = credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	}
	size := c.MaxMessageMB << 20
	// Straight to the address: no proxy of the environment, no settings out of DNS.
	conn, err := grpc.NewClient("dns:///"+c.Addr, grpc.WithTransportCredentials(creds), grpc.WithNoProxy(), grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(size), grpc.MaxCallSendMsgSize(size)))
	if err != nil {
		return nil, fmt.Errorf("kserve: %s: %w", c.Addr, err)
	}
	m := &Model{c: c, conn: conn, client: inferpb.NewGRPCInferenceServiceClient(conn)}
	if err := m.greet(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("kserve: %s on %s: %w", c.Model, c.Addr, err)
	}
	return m, nil
}

// greet asks whether the net can be run, and what it takes.
func (m *Model) greet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.c.Timeout)
	defer cancel()
	server, err := m.client.ServerReady(ctx, &inferpb.ServerReadyRequest{})
	if err != nil {
		return m.explain(ctx, err)
	}
	if !server.GetReady() {
		return fmt.Errorf("the server is not ready: %w", inference.ErrModelGone)
	}
	ready, err := m.client.ModelReady(ctx, &inferpb.ModelReadyRequest{Name: m.c.Model, Version: m.c.Version})
	if err != nil {
		return m.explain(ctx, err)
	}
	if !ready.GetReady() {
		return fmt.Errorf("the server does not have the net ready; is it loaded, under this name and version? %w", inference.ErrModelGone)
	}
	meta, err := m.client.ModelMetadata(ctx, &inferpb.ModelMetadataRequest{Name: m.c.Model, Version: m.c.Version})
	if err != nil {
		return m.explain(ctx, err)
	}
	if m.inputs, err = m.tensors("input", meta.GetInputs()); err != nil {
		return err
	}
	if m.outputs, err = m.tensors("output", meta.GetOutputs()); err != nil {
		return err
	}
	m.raw = make([][]byte, len(m.inputs))
	return nil
}

// tensors reads what the server says of inputs or outputs. It may say anything.
func (m *Model) tensors(what string, meta []*inferpb.ModelMetadataResponse_TensorMetadata) ([]tensor, error) {
	if len(meta) == 0 || len(meta) > mostTensors {
		return nil, fmt.Errorf("the server says that the net has %d %ss", len(meta), what)
	}
	var all []tensor
	for _, t := range meta {
		k, ok := kinds[t.GetDatatype()]
		if !ok {
			return nil, fmt.Errorf("%s %.40q is of type %.40q: FP32, FP16, INT32 and INT64 are spoken here", what, t.GetName(), t.GetDatatype())
		}
		shape := t.GetShape()
		if len(shape) == 0 || len(shape) > mostDims {
			return nil, fmt.Errorf("%s %.40q has %d dimensions: it needs one for the batch, and at most %d", what, t.GetName(), len(shape), mostDims)
		}
		info := inference.TensorInfo{Name: t.GetName(), Type: k.name}
		volume := int64(k.size)
		for _, d := range shape {
			if d < -1 || d == 0 {
				return nil, fmt.Errorf("%s %.40q is of shape %v", what, t.GetName(), shape)
			}
			if n := max(d, 1); n > int64(m.c.MaxMessageMB)<<20/volume {
				return nil, fmt.Errorf("%s %.40q of shape %v does not fit messages of %d MB: raise the limit if the net is what it should be",
					what, t.GetName(), shape, m.c.MaxMessageMB)
			}
			volume *= max(d, 1)
			info.Shape = append(info.Shape, int(d))
		}
		if slices.ContainsFunc(all, func(o tensor) bool { return o.Name == info.Name }) {
			return nil, fmt.Errorf("two %ss are named %.40q", what, info.Name)
		}
		all = append(all, tensor{info, k})
	}
	return all, nil
}

// Inputs implements inference.Model.
func (m *Model) Inputs() []inference.TensorInfo { return infos(m.inputs) }

// Outputs implements inference.Model.
func (m *Model) Outputs() []inference.TensorInfo { return infos(m.outputs) }

func infos(all []tensor) (out []inference.TensorInfo) {
	for _, t := range all {
		t.Shape = slices.Clone(t.Shape)
		out = append(out, t.TensorInfo)
	}
	return out
}

// Close implements inference.Model.
func (m *Model) Close() error {
	if err := m.conn.Close(); err != nil {
		return fmt.Errorf("kserve: %s: %w", m.c.Addr, err)
	}
	return nil
}
