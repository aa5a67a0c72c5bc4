package onnx

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"livedub/inference"
)

// Open loads a net, proves on which device it runs, and warms it.
func (r *Runtime) Open(ctx context.Context, c ModelConfig) (*Model, error) {
	m, err := r.open(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", c.Path, err)
	}
	return m, nil
}

func (r *Runtime) open(ctx context.Context, c ModelConfig) (*Model, error) {
	if r.closed.Load() {
		return nil, errors.New("the runtime is closed")
	}
	if err := c.complete(); err != nil {
		return nil, err
	}
	limit := halfMemory()
	if c.MemoryLimitMB > 0 {
		limit = int64(c.MemoryLimitMB) << 20
	}
	net, err := scan(c.Path, limit)
	if err != nil {
		return nil, err
	}
	m := &Model{cfg: c}
	if m.inputs, err = infos(net.inputs, "input"); err != nil {
		return nil, err
	}
	if m.outputs, err = infos(net.outputs, "output"); err != nil {
		return nil, err
	}
	asked := c.Provider
	if asked == CUDA {
		err := r.CUDA()
		switch {
		case err != nil && !c.AllowFallback:
			return nil, fmt.Errorf("it is to run on cuda, which is not there: %w", err)
		case err != nil:
			m.cfg.Provider, m.fallback = CPU, err.Error()
		}
	}
	err = m.start(ctx, net, limit)
	if err != nil && m.cfg.Provider == CUDA && c.AllowFallback && ctx.Err() == nil && !errors.Is(err, ErrTimeLimit) {
		m.cfg.Provider, m.fallback = CPU, err.Error()
		err = m.start(ctx, net, limit)
	}
	if err != nil {
		return nil, err
	}
	if m.fallback == "" {
		if m.fallback, err = judge(asked, c.AllowFallback, m.providers); err != nil {
			return nil, errors.Join(err, m.Close())
		}
	}
	return m, nil
}

// complete puts in what is left open and refuses what makes no sense.
func (c *ModelConfig) complete() error {
	if c.Provider == "" {
		c.Provider = CPU
	}
	if c.Provider != CPU && c.Provider != CUDA {
		return fmt.Errorf("there is no provider %q: set cpu or cuda", c.Provider)
	}
	if c.TimeLimit <= 0 {
		c.TimeLimit = defaultTimeLimit
	}
	if c.Threads <= 0 {
		c.Threads = max(1, runtime.NumCPU()/2)
	}
	if len(c.Warm) == 0 {
		c.Warm = []int{1}
	}
	if slices.Min(c.Warm) < 1 {
		return fmt.Errorf("a batch of %d cannot be warmed", slices.Min(c.Warm))
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	return nil
}

// infos are what others see of ports.
func infos(ports []port, kind string) ([]inference.TensorInfo, error) {
	if len(ports) == 0 {
		return nil, fmt.Errorf("the net has no %s", kind)
	}
	var list []inference.TensorInfo
	for _, p := range ports {
		name, ok := elemNames[p.elem]
		if !p.tensor || !ok {
			return nil, fmt.Errorf("%s %q is of a type that livedub cannot give or take: export it as a tensor of fp32, fp16, int64 or int32", kind, p.name)
		}
		t := inference.TensorInfo{Name: p.name, Type: name}
		for _, d := range p.dims {
			t.Shape = append(t.Shape, int(d))
		}
		list = append(list, t)
	}
	return list, nil
}

// start proves the provider in a session of its own, whose profile is written
// when it closes, then opens the one that stays and warms it.
func (m *Model) start(ctx context.Context, net netFile, limit int64) error {
	dir, err := os.MkdirTemp("", "livedub-profile-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m.cfg.Progress("proving on " + m.cfg.Provider)
	s, err := openSession(m.cfg, net, limit, filepath.Join(dir, "run"))
	if err != nil {
		return err
	}
	least := slices.Min(m.cfg.Warm)
	for range 3 { // the first does not count
		if err = m.warm(ctx, s, least); err != nil {
			break
		}
	}
	auto := s.auto
	if err = errors.Join(err, s.close()); err != nil {
		return err
	}
	if m.providers, err = readShares(dir); err != nil {
		return err
	}
	if s, err = openSession(m.cfg, net, limit, ""); err != nil {
		return err
	}
	s.auto = auto
	for _, n := range m.cfg.Warm {
		m.cfg.Progress("warming a batch of " + strconv.Itoa(n))
		if err := m.warm(ctx, s, n); err != nil {
			return errors.Join(err, s.close())
		}
	}
	m.s = s
	return nil
}

// warm runs a batch. A net may make other shapes than it declares; it then
// runs without room made for them.
func (m *Model) warm(ctx context.Context, s *session, batch int) error {
	in := m.example(batch)
	_, err := s.run(ctx, in)
	if err != nil && !s.auto && strings.Contains(err.Error(), "shape") && ctx.Err() == nil {
		s.auto = true
		if _, again := s.run(ctx, in); again != nil {
			s.auto = false
		} else {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("trying a batch of %d: %w", batch, err)
	}
	return nil
}

func (m *Model) example(batch int) []inference.Tensor {
	if m.cfg.Example != nil {
		return m.cfg.Example(batch)
	}
	var in []inference.Tensor
	for _, info := range m.inputs {
		t := inference.Tensor{}
		n := 1
		for i, d := range info.Shape {
			if d < 0 && i == 0 {
				d = batch
			}
			t.Shape = append(t.Shape, max(d, 1))
			n *= max(d, 1)
		}
		t.Data = make([]float32, n)
		in = append(in, t)
	}
	return in
}

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
	if profile != "" {
		err = errors.Join(err, o.EnableProfiling(profile))
	}
	if err != nil {
		return nil, classify(err)
	}
	s := &session{net: net, limit: c.TimeLimit, memory: limit}
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
	if c.NoTF32 {
		options["use_tf32"] = "0"
	}
	if c.MemoryLimitMB > 0 {
		options["gpu_mem_limit"] = strconv.FormatInt(int64(c.MemoryLimitMB)<<20, 10)
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
