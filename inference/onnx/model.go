package onnx

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"livedub/inference"
)

// Providers, by the names they have in settings and reports.
const (
	CPU  = "cpu"
	CUDA = "cuda"
)

const defaultTimeLimit = 10 * time.Second

// ModelConfig says which net runs, and how.
type ModelConfig struct {
	Path     string
	Provider string // CPU or CUDA; empty is CPU
	Device   int    // of several GPUs
	// AllowFallback has the CPU do what CUDA cannot, wholly or in part; Model.Fallback tells why.
	AllowFallback bool
	// MemoryLimitMB bounds the memory of this net, its weights included: the
	// GPU's on CUDA, else the machine's. 0 is all of a GPU's, half of the machine's.
	MemoryLimitMB int
	Sizes         int           // how many sizes of batches will be run, each of which takes its part of the GPU's memory; 0 is 1
	Threads       int           // of a run on the CPU; 0 is half of the cores. A net on the GPU needs one.
	TimeLimit     time.Duration // of one run; 0 is 10 s. It strikes between two nodes of a net, not within one.
	NoTF32        bool          // computes fp32 in full on the GPU, slower
	NHWC          bool          // has convolutions on the GPU work with channels last
	Exhaustive    bool          // tries all algorithms of every convolution at each warm batch size, for minutes
	// AnySize is for a net whose open sizes differ from run to run and may be 0,
	// as the past of a decoder is. The runtime then keeps no plan of memory for
	// each combination of sizes that it has seen.
	AnySize bool
	// Warm are the batch sizes that are run before Open returns; none warms 1.
	Warm []int
	// Example makes inputs of a batch size for warming; nil gives zeros, and takes 1 for sizes left open.
	Example func(batch int) []inference.Tensor
	// Progress is told what Open is at; it may be nil.
	Progress func(step string)
}

// Model is one open net. It implements inference.Model.
type Model struct {
	cfg       ModelConfig
	inputs    []inference.TensorInfo
	outputs   []inference.TensorInfo
	providers shares
	fallback  string

	mu      sync.Mutex
	batches *batches // nil once closed
}

// Inputs implements inference.Model.
func (m *Model) Inputs() []inference.TensorInfo { return m.inputs }

// Outputs implements inference.Model.
func (m *Model) Outputs() []inference.TensorInfo { return m.outputs }

// Providers returns which part of the net's work each provider did, of 1, as
// the runtime's profile of the first runs told.
func (m *Model) Providers() map[string]float64 { return maps.Clone(m.providers) }

// Provider returns the one that does most of the work, whatever was asked for.
func (m *Model) Provider() string { return m.providers.most() }

// Fallback returns why the provider is not the one asked for, "" if it is.
func (m *Model) Fallback() string { return m.fallback }

// Run implements inference.Model. An error wraps ErrTimeLimit,
// inference.ErrModelMemory, inference.ErrModelGone (the device was lost) or the context's.
func (m *Model) Run(ctx context.Context, in []inference.Tensor) ([]inference.Tensor, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.batches == nil {
		return nil, errClosed
	}
	batch := 0
	if len(in) > 0 && len(in[0].Shape) > 0 {
		batch = in[0].Shape[0]
	}
	s, err := m.batches.of(batch)
	if err != nil {
		return nil, fmt.Errorf("onnx: %s: a batch of %d: %w", m.cfg.Path, batch, err)
	}
	out, err := s.run(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", m.cfg.Path, err)
	}
	return out, nil
}

// Close ends the net, after the run that is under way.
func (m *Model) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.batches == nil {
		return nil
	}
	err := m.batches.close()
	m.batches = nil
	return err
}
