package inference

import (
	"context"
	"errors"
	"time"
)

// Tensor is numbers in row-major order.
type Tensor struct {
	Shape []int // the product is len(Data)
	Data  []float32
}

// TensorInfo is one input or output of a net.
type TensorInfo struct {
	Name  string
	Shape []int  // -1: any size; the first is the batch
	Type  string // "fp32" or "fp16", as the net wants it; Tensors are float32 in any case
}

// Model is one neural net on one device, in this process or elsewhere. One
// goroutine uses it.
type Model interface {
	// Inputs and Outputs are in the order that Run takes and returns them.
	Inputs() []TensorInfo
	Outputs() []TensorInfo
	// Run runs a batch: the first dimension of all tensors is the batch. The
	// result is the caller's; in is not kept.
	Run(ctx context.Context, in []Tensor) ([]Tensor, error)
	Close() error
}

var (
	// ErrModelBusy is returned for a request that finds its queue full.
	ErrModelBusy = errors.New("the net's queue is full")
	// ErrModelLate is returned for a request whose deadline passed, or will have passed, before it ran.
	ErrModelLate = errors.New("too late for the net")
	// ErrModelGone is returned while a net cannot be run: the device was lost, the server is away.
	ErrModelGone = errors.New("the net is not available")
	// ErrModelMemory is what Model.Run says of a batch for which its device has no memory; a smaller one may fit.
	ErrModelMemory = errors.New("the net's device is out of memory")
)

// ModelRequest is one item for a net that many sessions share.
type ModelRequest struct {
	Session  string    // whose it is: none may take more than its share
	Deadline time.Time // when the result must be there; zero: it can wait
	In       []Tensor  // without the batch dimension, in the order of Model.Inputs; the queue's from now on
}

// ModelResult is what came of a ModelRequest.
type ModelResult struct {
	Out  []Tensor      // without the batch dimension, the receiver's alone
	Took time.Duration // that the net was at it, together with what shared its batch; 0 where it was not run
	Err  error         // wraps ErrModelLate, ErrModelGone or what the net said
}

// ModelQueue batches the requests of many sessions for one net. It is safe for concurrent use.
type ModelQueue interface {
	Inputs() []TensorInfo
	Outputs() []TensorInfo
	// Submit never waits. Every request that it takes gets one result, on a
	// channel that need not be read; it fails with ErrModelBusy.
	Submit(r ModelRequest) (<-chan ModelResult, error)
}
