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
		if m.fallback, err = verify(asked, c.AllowFallback, m.providers); err != nil {
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
	b := &batches{
		open: func() (*session, error) { return openSession(m.cfg, net, limit, "") },
		each: m.cfg.Provider == CUDA, auto: auto, all: map[int]*session{},
	}
	for _, n := range m.cfg.Warm {
		m.cfg.Progress("warming a batch of " + strconv.Itoa(n))
		s, err := b.of(n)
		if err == nil {
			err = m.warm(ctx, s, n)
			b.auto = b.auto || s.auto
		}
		if err != nil {
			return errors.Join(err, b.close())
		}
	}
	m.batches = b
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
