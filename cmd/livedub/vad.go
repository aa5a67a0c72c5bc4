package main

import (
	"context"
	"errors"
	"fmt"

	"livedub/inference/onnx"
	"livedub/inference/recognize"
	"livedub/inference/recognize/silero"
	"livedub/internal/config"
	"livedub/internal/settings"
)

// openDetector returns what makes the recognizer's detectors of speech, nil for
// its own. The net for them is small: it runs on the CPU whatever others do.
func (e *engines) openDetector(ctx context.Context, c config.Config) (func() (recognize.Detector, error), error) {
	if c.Recognize.VAD != "silero" {
		return nil, nil
	}
	if c.Recognize.VADModel == "" {
		return nil, errors.New("recognize.vad is silero: set recognize.vad_model to the path of silero_vad.onnx, version 5")
	}
	r, err := onnx.NewRuntime(onnx.Config{Library: c.ONNX.Library})
	if err != nil {
		return nil, fmt.Errorf("recognize.vad: %w", settings.Hint(err))
	}
	m, err := r.Open(ctx, onnx.ModelConfig{
		Path: c.Recognize.VADModel, Threads: 1, TimeLimit: c.ONNX.TimeLimit, Example: silero.Inputs,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("recognize.vad: %w", err), r.Close())
	}
	net, err := silero.New(m)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("recognize.vad_model is %s: %w", c.Recognize.VADModel, err), m.Close(), r.Close())
	}
	e.closers = append(e.closers, r, net)
	return func() (recognize.Detector, error) { return net.Detector(), nil }, nil
}
