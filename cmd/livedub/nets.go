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
	"livedub/internal/settings"
)

// lipNet is the net that makes the mouths, with all that runs it.
type lipNet struct {
	net   *neural.Net
	loops []*engine.Batcher // the net's, and its encoder's

	mu     sync.Mutex
	uses   string            // where it really runs
	missed map[string]uint64 // frames that it was asked for and did not make, by why
}

// openLipNet opens the nets of a manifest and warms them for batches of at most so
// many, which may take a minute on a GPU.
func openLipNet(ctx context.Context, c config.Config, most int, log *slog.Logger) (*lipNet, []io.Closer, error) {
	m, err := neural.Load(c.Lips.Manifest)
	if err != nil {
		return nil, nil, err
	}
	n := &lipNet{missed: map[string]uint64{"late": 0, "busy": 0, "gone": 0, "numbers": 0, "range": 0, "failed": 0}}
	o := netOpener{c: c, most: min(m.Batch, most), log: log}
	loop, err := o.open(ctx, "lips", m.Path, m.Remote, n.set)
	if err != nil {
		return nil, o.closers, err
	}
	n.loops = append(n.loops, loop)
	var sound inference.ModelQueue
	if e := m.Encoder; e != nil {
		heard, err := o.open(ctx, "lips-encoder", m.EncoderPath, e.Remote, func(string) {})
		if err != nil {
			return nil, o.closers, err
		}
		n.loops, sound = append(n.loops, heard), heard
	}
	if n.net, err = neural.New(m, loop, sound); err != nil {
		return nil, o.closers, fmt.Errorf("%s: %w", c.Lips.Manifest, err)
	}
	log.Info("lips net ready", "runs_on", n.runsOn(), "fps", n.capacity())
	return n, append(o.closers, n.net), nil
}

// capacity returns how many mouths a second the net makes.
func (n *lipNet) capacity() float64 {
	least := n.loops[0].Capacity()
	for _, l := range n.loops {
		least = min(least, l.Capacity())
	}
	return least
}

// places returns how many sessions of so many mouths a second the net carries.
func (n *lipNet) sessions(fps float64) int {
	least := n.loops[0].Sessions(fps)
	for _, l := range n.loops {
		least = min(least, l.Sessions(fps))
	}
	return least
}

// warm tells whether the net is there: it is not while it is opened anew. One that
// does not come back is done without.
func (n *lipNet) warm() bool {
	return !slices.ContainsFunc(n.loops, func(l *engine.Batcher) bool {
		s := l.State()
		return s == engine.Warming || s == engine.Lost
	})
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
	return fmt.Sprintf("%s, runs on %s: %.0f faces a second, one by one", c.Lips.Manifest, n.runsOn(), n.capacity()), nil
}

// netOpener opens nets, in this process or elsewhere, and remembers what is to be closed.
type netOpener struct {
	c       config.Config
	most    int // items in a batch
	log     *slog.Logger
	runtime *onnx.Runtime
	closers []io.Closer
}

// open opens a net by its file, or where remote says. uses hears where it really runs.
func (o *netOpener) open(ctx context.Context, name string, file func() (string, error), remote *neural.Remote, uses func(string)) (*engine.Batcher, error) {
	open := func(ctx context.Context) (inference.Model, error) {
		uses("kserve " + remote.Addr)
		return kserve.Open(ctx, kserve.Config{
			Addr: remote.Addr, Model: remote.Model, Version: remote.Version, TLS: remote.TLS, Timeout: o.c.ONNX.TimeLimit,
		})
	}
	if remote == nil {
		if o.runtime == nil {
			r, err := onnx.NewRuntime(onnx.Config{Library: o.c.ONNX.Library})
			if err != nil {
				return nil, settings.Hint(err)
			}
			o.runtime, o.closers = r, append(o.closers, r)
		}
		open = o.local(file, uses)
	}
	loop, err := engine.New(ctx, engine.Config{
		Name: name, Open: open, MaxBatch: o.most, TimeLimit: o.c.ONNX.TimeLimit + time.Second, Log: o.log,
		Progress: func(step string) { o.log.Info("lips net", "step", step) },
	})
	if err != nil {
		return nil, fmt.Errorf("lips net: %w", settings.Hint(err))
	}
	o.closers = append(o.closers, loop)
	return loop, nil
}

func (o *netOpener) local(file func() (string, error), uses func(string)) func(context.Context) (inference.Model, error) {
	return func(ctx context.Context) (inference.Model, error) {
		path, err := file()
		if err != nil {
			return nil, err
		}
		mc := settings.Model(o.c.ONNX)
		mc.Path, mc.Sizes = path, bits.Len(uint(min(o.most, 32))) // of batches: 1, 2, 4, ... 32
		mc.Progress = func(step string) { o.log.Info("lips net", "step", step) }
		model, err := o.runtime.Open(ctx, mc)
		if err != nil {
			return nil, err
		}
		uses(shares(model.Providers()))
		if why := model.Fallback(); why != "" {
			o.log.Warn("the lips net does not run where it was asked to", "runs_on", model.Provider(), "why", why)
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

// miss counts a frame that the net did not make.
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

var descNetMissed = prometheus.NewDesc("livedub_net_missed_total", "Frames that a net was asked for and did not make, by why.", []string{"why"}, nil)

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
