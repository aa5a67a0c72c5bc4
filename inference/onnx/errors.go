package onnx

import (
	"errors"
	"fmt"
	"strings"

	"livedub/inference"
)

// ErrTimeLimit is returned by a run that took longer than ModelConfig.TimeLimit.
var ErrTimeLimit = errors.New("the run took longer than its time limit")

var (
	// ErrNoLibrary is returned where there is no ONNX Runtime.
	ErrNoLibrary = errors.New("the ONNX Runtime library is not there")
	// ErrOtherLibrary is returned to who asks for another ONNX Runtime than this process runs.
	ErrOtherLibrary = errors.New("a process runs one ONNX Runtime")
	// ErrNoDriver is returned where a net is to run on a GPU and no driver is there.
	ErrNoDriver = errors.New("there is no NVIDIA driver on this machine (libcuda.so.1 is not there or sees no GPU)")
)

var errClosed = errors.New("onnx: the net is closed")

// The runtime's Go binding keeps texts only, not codes.
var (
	memoryTexts = []string{"out of memory", "failed to allocate memory", "bad_alloc", "smaller than requested bytes",
		"status_alloc_failed", "cudaerrormemoryallocation"}
	deviceTexts = []string{"cuda failure", "cuda error", "cublas_status", "cudnn_status", "cudnn failure", "cublas failure", "cudaerror"}
)

// classify gives what a run said its kind.
func classify(err error) error {
	text := strings.ToLower(err.Error())
	has := func(s string) bool { return strings.Contains(text, s) }
	for _, t := range memoryTexts {
		if has(t) {
			return fmt.Errorf("%w: %s", inference.ErrModelMemory, short(err))
		}
	}
	for _, t := range deviceTexts {
		if has(t) {
			return fmt.Errorf("%w: %s", inference.ErrModelGone, short(err))
		}
	}
	return errors.New(short(err))
}

// short keeps the runtime's text, which may hold a stack or a net's names, to one readable line.
func short(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > 600 {
		text = text[:300] + " ... " + text[len(text)-280:]
	}
	return strings.ToValidUTF8(text, "?")
}
