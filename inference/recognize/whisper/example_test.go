package whisper_test

import (
	"context"
	"fmt"
	"log"

	"livedub/inference"
	"livedub/inference/onnx"
	"livedub/inference/recognize/whisper"
)

func Example() {
	ctx := context.Background()
	runtime, err := onnx.NewRuntime(onnx.Config{})
	if err != nil {
		log.Fatal(err)
	}
	open := func(ctx context.Context, path string, example func(int) []inference.Tensor) (inference.Model, error) {
		return runtime.Open(ctx, onnx.ModelConfig{Path: path, Threads: 1, AnySize: true, Example: example})
	}
	m, err := whisper.Open(ctx, "models/whisper-base", open)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	var pcm []float32 // 16 kHz, mono, -1..1
	r, err := m.Decode(ctx, pcm, whisper.Options{Among: []string{"en", "es"}})
	if err != nil {
		log.Fatal(err)
	}
	if why := r.Doubt(); why != "" {
		fmt.Println("refused:", why)
		return
	}
	for _, w := range r.Words {
		fmt.Println(w.Start, w.End, w.Text, w.Confidence)
	}
}
