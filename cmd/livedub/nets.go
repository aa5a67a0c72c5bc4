package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/inference"
	"livedub/inference/engine"
	"livedub/inference/kserve"
	"livedub/inference/lips/neural"
	"livedub/inference/onnx"
	"livedub/internal/config"
)

// lipNet is the net that makes the mouths, with all that runs it.
type lipNet struct {
	net  *neural.Net
	loop *engine.Loop

	mu     sync.Mutex
	uses   string            // where it really runs
	missed map[string]uint64 // pictures that it was asked for and did not make, by why
}

// openLipNet opens the net of a manifest and warms it for batches of at most so
// many, which may take a minute on a GPU.
func openLipNet(ctx context.Context, c config.Config, most int, log *slog.Logger) (*lipNet, []io.Closer, error) {
	m, err := neural.Load(c.Lips.Manifest)
	if err != nil {
		return nil, nil, err
	}
	n := &lipNet{missed: map[string]uint64{"late": 0, "busy": 0, "gone": 0, "numbers": 0, "range": 0, "failed": 0}}
	var closers []io.Closer
	open := n.remote(m)
	if m.Remote == nil {
		runtime, err := onnx.NewRuntime(onnx.Config{Library: c.ONNX.Library})
		if err != nil {
			return nil, nil, err
		}
		closers = append(closers, runtime)
		open = n.local(m, c, runtime, log)
	}
	n.loop, err = engine.New(ctx, engine.Config{
		Name: "lips", Open: open, MaxBatch: min(m.Batch, most), TimeLimit: c.ONNX.TimeLimit + time.Second, Log: log,
		Progress: func(step string) { log.Info("lips net", "step", step) },
	})
	if err != nil {
		return nil, closers, fmt.Errorf("lips net: %w", err)
	}
	closers = append(closers, n.loop)
	if n.net, err = neural.New(m, n.loop); err != nil {
		return nil, closers, fmt.Errorf("%s: %w", c.Lips.Manifest, err)
	}
	log.Info("lips net ready", "runs_on", n.runsOn(), "fps", n.loop.Capacity())
	return n, closers, nil
}

// anyBatch leaves the largest batch to the manifest.
const anyBatch = 1 << 10

// tryLipNet opens the net, runs it once and tells where, and how fast one face is.
func tryLipNet(ctx context.Context, c config.Config) (string, error) {
	n, closers, err := openLipNet(ctx, c, 1, slog.New(slog.DiscardHandler))
	defer func() {
		for _, c := range slices.Backward(closers) {
			c.Close()
		}
	}()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, runs on %s: %.0f faces a second, one by one", c.Lips.Manifest, n.runsOn(), n.loop.Capacity()), nil
}

func (n *lipNet) local(m *neural.Manifest, c config.Config, r *onnx.Runtime, log *slog.Logger) func(context.Context) (inference.Model, error) {
	return func(ctx context.Context) (inference.Model, error) {
		path, err := m.Path()
		if err != nil {
			return nil, err
		}
		model, err := r.Open(ctx, onnx.ModelConfig{
			Path: path, Provider: c.ONNX.Provider, Device: c.ONNX.Device, AllowFallback: c.ONNX.AllowFallback, NHWC: c.ONNX.ChannelsLast,
			MemoryLimitMB: c.ONNX.MemoryMB, Sizes: bits.Len(uint(min(m.Batch, 32))), // of batches: 1, 2, 4, ... 32
			Threads: c.ONNX.Threads, TimeLimit: c.ONNX.TimeLimit,
			Progress: func(step string) { log.Info("lips net", "step", step) },
		})
		if err != nil {
			return nil, err
		}
		n.set(shares(model.Providers()))
		if why := model.Fallback(); why != "" {
			log.Warn("the lips net does not run where it was asked to", "runs_on", model.Provider(), "why", why)
		}
		return model, nil
	}
}

// shares says which part of a net's nodes each provider runs: "cuda 97 %, cpu 3 %".
func shares(of map[string]float64) string {
	var parts []string
	for _, p := range slices.SortedFunc(maps.Keys(of), func(a, b string) int { return cmp.Compare(of[b], of[a]) }) {
		parts = append(parts, fmt.Sprintf("%s %.0f %%", p, 100*of[p]))
	}
	return strings.Join(parts, ", ")
}

func (n *lipNet) remote(m *neural.Manifest) func(context.Context) (inference.Model, error) {
	return func(ctx context.Context) (inference.Model, error) {
		n.set("kserve " + m.Remote.Addr)
		return kserve.Open(ctx, kserve.Config{Addr: m.Remote.Addr, Model: m.Remote.Model, Version: m.Remote.Version, TLS: m.Remote.TLS})
	}
}

func (n *lipNet) set(uses string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.uses = uses
}

// runsOn returns where the net really runs.
func (n *lipNet) runsOn() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.uses
}

// miss counts a picture that the net did not make.
func (n *lipNet) miss(err error) {
	why := "failed"
	for kind, is := range map[string]error{
		"late": inference.ErrModelLate, "busy": inference.ErrModelBusy, "gone": inference.ErrModelGone,
		"numbers": engine.ErrNumbers, "range": neural.ErrOutOfRange,
	} {
		if errors.Is(err, is) {
			why = kind
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.missed[why]++
}

var descNetMissed = prometheus.NewDesc("livedub_net_missed_total", "Pictures that a net was asked for and did not make, by why.", []string{"why"}, nil)

// Describe is part of prometheus.Collector.
func (n *lipNet) Describe(ch chan<- *prometheus.Desc) { ch <- descNetMissed }

// Collect is part of prometheus.Collector.
func (n *lipNet) Collect(ch chan<- prometheus.Metric) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for why, count := range n.missed {
		ch <- prometheus.MustNewConstMetric(descNetMissed, prometheus.CounterValue, float64(count), why)
	}
}
