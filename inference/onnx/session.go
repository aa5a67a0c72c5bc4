package onnx

import (
	"errors"
	"fmt"
	"strconv"

	ort "github.com/yalue/onnxruntime_go"
)

// maxFolded bounds each tensor that the runtime works out while it loads a net,
// in memory that nothing else bounds. What is larger is worked out at each run.
const maxFolded = 64 << 20

// openSession has the runtime load the net; profile, if it is not empty, is how the names of its profiles begin.
func openSession(c ModelConfig, net netFile, limit int64, profile string) (*session, error) {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, classify(err)
	}
	defer o.Destroy()
	threads := c.Threads
	if c.Provider == CUDA {
		threads = 1
	}
	err = errors.Join(
		o.SetLogSeverityLevel(ort.LoggingLevelFatal), // errors are returned too
		o.SetIntraOpNumThreads(threads),
		o.SetInterOpNumThreads(1),
		o.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"),
		o.AddSessionConfigEntry("session.inter_op.allow_spinning", "0"),
		o.AddSessionConfigEntry("session.use_env_allocators", "1"),
		o.AddSessionConfigEntry("optimization.constant_folding_max_output_size_in_bytes", strconv.Itoa(maxFolded)),
	)
	if c.AnySize {
		err = errors.Join(err, o.SetMemPattern(false))
	}
	if profile != "" {
		err = errors.Join(err, o.EnableProfiling(profile))
	}
	if err != nil {
		return nil, classify(err)
	}
	s := &session{net: net, limit: c.TimeLimit, memory: limit, empty: c.AnySize}
	// One at a time: CUDA sessions that are created side by side have failed.
	keepSignals(func() {
		main := limit
		if c.Provider == CUDA {
			main = halfMemory() // the limit is the GPU's
			if err = appendCUDA(o, c); err != nil {
				return
			}
		}
		err = withMemory(main, func() (err error) {
			s.s, err = ort.NewDynamicAdvancedSession(c.Path, names(net.inputs), names(net.outputs), o)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("ONNX Runtime refuses the net: %w", classify(err))
	}
	return s, nil
}

func appendCUDA(o *ort.SessionOptions, c ModelConfig) error {
	cuda, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer cuda.Destroy()
	options := map[string]string{
		"device_id":              strconv.Itoa(c.Device),
		"arena_extend_strategy":  "kSameAsRequested",
		"cudnn_conv_algo_search": "HEURISTIC",
		"use_tf32":               "1",
	}
	if c.Exhaustive {
		options["cudnn_conv_algo_search"] = "EXHAUSTIVE"
	}
	if c.NHWC {
		options["prefer_nhwc"] = "1"
	}
	if c.NoTF32 {
		options["use_tf32"] = "0"
	}
	if c.MemoryLimitMB > 0 {
		options["gpu_mem_limit"] = strconv.FormatInt(int64(c.MemoryLimitMB)<<20/int64(max(c.Sizes, 1)), 10)
	}
	if err := cuda.Update(options); err != nil {
		return err
	}
	return o.AppendExecutionProviderCUDA(cuda)
}

func names(ports []port) []string {
	list := make([]string, len(ports))
	for i, p := range ports {
		list[i] = p.name
	}
	return list
}

func (s *session) close() error {
	if err := s.s.Destroy(); err != nil {
		return classify(err)
	}
	return nil
}
