package onnx

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"livedub/inference"
)

// The texts are the runtime's own.
func TestClassify(t *testing.T) {
	for text, want := range map[string]error{
		"BFCArena::AllocateRawInternal Available memory of 2147482880 is smaller than requested bytes of 4294967296": inference.ErrModelMemory,
		"CUDA failure 2: out of memory ; GPU=0 ; hostname=a ; file=cuda_allocator.cc":                                inference.ErrModelMemory,
		"bfc_arena.cc:376 Failed to allocate memory for requested buffer of size 8":                                  inference.ErrModelMemory,
		"std::bad_alloc": inference.ErrModelMemory,
		"CUDNN failure 4000: CUDNN_STATUS_INTERNAL_ERROR ; GPU=0":          inference.ErrModelGone,
		"CUDA failure 700: an illegal memory access was encountered ; GPU": inference.ErrModelGone,
		"CUBLAS failure 13: CUBLAS_STATUS_EXECUTION_FAILED ; GPU=0":        inference.ErrModelGone,
		"Non-zero status code returned while running Add node":             nil,
	} {
		err := classify(errors.New(text))
		for _, kind := range []error{inference.ErrModelMemory, inference.ErrModelGone} {
			if errors.Is(err, kind) != errors.Is(want, kind) {
				t.Errorf("%s became %v", text, err)
			}
		}
	}
	if got := short(errors.New(strings.Repeat("a\n\xff ", 10000))); len(got) > 700 || strings.Contains(got, "\n") || !utf8.ValidString(got) {
		t.Errorf("a long text is %d bytes", len(got))
	}
}
