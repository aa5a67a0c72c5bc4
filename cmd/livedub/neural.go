package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"livedub/inference"
	"livedub/inference/onnx"
	"livedub/inference/recognize"
	"livedub/inference/recognize/whisper"
	"livedub/inference/speak"
	"livedub/inference/speak/kokoro"
	"livedub/internal/config"
	"livedub/internal/settings"
	"livedub/media/codec"
)

// openWhisper opens the neural recognizer.
func (e *engines) openWhisper(ctx context.Context, c config.Config) error {
	dir, err := e.tier.model(c.Recognize.Model)
	if err != nil {
		return err
	}
	detector, err := e.openDetector(ctx, c)
	if err != nil {
		return err
	}
	r, err := onnx.NewRuntime(onnx.Config{Library: c.ONNX.Library})
	if err != nil {
		return settings.Hint(err)
	}
	e.closers = append(e.closers, r)
	m, err := whisper.Open(ctx, dir, func(ctx context.Context, path string, example func(int) []inference.Tensor) (inference.Model, error) {
		mc := settings.Model(c.ONNX)
		mc.Path, mc.Example, mc.AnySize = path, example, true
		return r.Open(ctx, mc)
	})
	if err != nil {
		return settings.Hint(err)
	}
	w, err := recognize.NewWhisper(recognize.WhisperConfig{Model: m, Detector: detector})
	if err != nil {
		return err
	}
	e.Recognizer, e.closers = w, append(e.closers, w)
	return nil
}

// openKokoro opens the neural voice; espeak tells it how text is pronounced, and
// speaks the languages that it lacks.
func (e *engines) openKokoro(ctx context.Context, c config.Config, espeak *speak.Espeak) (*kokoro.Kokoro, error) {
	dir, err := e.tier.model(voiceModel)
	if err != nil {
		return nil, err
	}
	r, err := onnx.NewRuntime(onnx.Config{Library: c.ONNX.Library})
	if err != nil {
		return nil, settings.Hint(err)
	}
	mc := settings.Model(c.ONNX)
	mc.Path, mc.Example, mc.AnySize = filepath.Join(dir, "kokoro.onnx"), kokoro.Example, true
	net, err := r.Open(ctx, mc)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("kokoro: %w", settings.Hint(err)), r.Close())
	}
	e.closers = append(e.closers, r)
	return kokoro.New(kokoro.Config{Dir: dir, Net: net, Phonemes: espeak, Stretch: codec.Stretch})
}
