package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"livedub/inference"
	"livedub/inference/onnx"
	"livedub/inference/speak"
	"livedub/inference/speak/kokoro"
	"livedub/internal/models"
	"livedub/media/codec"
)

// openKokoro opens the neural voice with the weights of the store of models. end closes all of it.
func openKokoro(ctx context.Context) (voice inference.Synthesizer, end func(), err error) {
	dir := os.Getenv("LIVEDUB_MODELS")
	if dir == "" {
		if dir, err = models.DefaultDir(); err != nil {
			return nil, nil, err
		}
	}
	store, err := models.Open(dir, models.Builtin(), nil)
	if err != nil {
		return nil, nil, err
	}
	weights, err := store.Path("kokoro")
	if err != nil {
		return nil, nil, err
	}
	root, err := moduleRoot()
	if err != nil {
		return nil, nil, err
	}
	var closers []func() error
	end = func() {
		for i := range closers {
			_ = closers[len(closers)-1-i]() // it has spoken; nothing depends on how it ends
		}
	}
	defer func() {
		if err != nil {
			end()
		}
	}()
	espeak, err := speak.NewEspeak(speak.Config{Worker: filepath.Join(root, "bin", "espeakworker")})
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, espeak.Close)
	runtime, err := onnx.NewRuntime(onnx.Config{Library: filepath.Join(root, "bin", "libonnxruntime.so")})
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, runtime.Close)
	net, err := runtime.Open(ctx, onnx.ModelConfig{Provider: "cpu", Path: filepath.Join(weights, "kokoro.onnx"), Example: kokoro.Example, AnySize: true})
	if err != nil {
		return nil, nil, err
	}
	k, err := kokoro.New(kokoro.Config{Dir: weights, Net: net, Phonemes: espeak, Stretch: codec.Stretch})
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, k.Close)
	return k, end, nil
}

// moduleRoot returns the folder that go.mod is in: go generate runs elsewhere.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above this folder: run it inside the source")
		}
		dir = up
	}
	return "", err
}
