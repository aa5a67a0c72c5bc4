package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"livedub/inference"
	"livedub/inference/engine"
	"livedub/inference/onnx"
	"livedub/inference/speak"
	"livedub/inference/speak/kokoro"
	"livedub/inference/speak/piper"
	"livedub/internal/config"
	"livedub/internal/settings"
	"livedub/media/codec"
)

// gpuVoiceModel is the weights of the neural voice for GPUs: int8 is for CPUs.
const gpuVoiceModel = "kokoro-fp16"

// voiceProvider returns where the settings have nets that speak run.
func voiceProvider(c config.Config) string {
	if c.Speak.Device == "auto" {
		return c.ONNX.Provider
	}
	return c.Speak.Device
}

// voiceNets opens nets that speak.
type voiceNets struct {
	c        config.ONNX
	runtime  *onnx.Runtime
	provider string
	log      *slog.Logger

	// device has nets that run where they were asked to take turns with others there; nil: none does.
	device *engine.Device
	loops  []*engine.Batcher // of such nets
}

// openVoices loads what runs nets that speak; e closes it.
func (e *engines) openVoices(c config.Config) (*voiceNets, error) {
	r, err := onnx.NewRuntime(onnx.Config{Library: c.ONNX.Library})
	if err != nil {
		return nil, settings.Hint(err)
	}
	e.closers = append(e.closers, r)
	n := &voiceNets{c: c.ONNX, runtime: r, provider: voiceProvider(c), log: e.log}
	if n.provider == onnx.CUDA { // the cores of a CPU are shared by the system
		n.device = new(engine.Device)
	}
	return n, nil
}

// shared notes the device that nets which speak share with others.
func (e *engines) shared(n *voiceNets) {
	if e.voiceLoops = n.loops; len(n.loops) > 0 {
		e.device = n.device
	}
}

// open opens a net. Where the GPU cannot run it, the CPU does, and the log tells
// why: a slow voice is better than none.
func (n *voiceNets) open(ctx context.Context, path string, example func(int) []inference.Tensor) (inference.Model, error) {
	m, err := n.openNet(ctx, path, example)
	if err != nil {
		return nil, err
	}
	if n.device == nil || m.Provider() != n.provider {
		return m, nil
	}
	first := m
	s, err := engine.NewSingle(ctx, engine.Config{
		Name: fmt.Sprintf("voice-%d", len(n.loops)+1), Device: n.device, Example: example(1), TimeLimit: n.c.TimeLimit + time.Second, Log: n.log,
		Open: func(ctx context.Context) (inference.Model, error) {
			if m := first; m != nil {
				first = nil
				return m, nil
			}
			return n.openNet(ctx, path, example)
		},
	})
	if err != nil {
		return nil, err
	}
	n.loops = append(n.loops, s.Batcher)
	return s, nil
}

func (n *voiceNets) openNet(ctx context.Context, path string, example func(int) []inference.Tensor) (*onnx.Model, error) {
	mc := settings.Model(n.c)
	mc.Path, mc.Example, mc.AnySize = path, example, true
	mc.Provider, mc.AllowFallback = n.provider, true
	if mc.Threads == 0 { // a phrase waits for it, and it works in bursts
		mc.Threads = runtime.NumCPU()
	}
	m, err := n.runtime.Open(ctx, mc)
	if err != nil {
		return nil, settings.Hint(err)
	}
	if why := m.Fallback(); why != "" {
		n.log.Warn("a voice does not run where it was asked to", "runs_on", m.Provider(), "why", why)
	}
	return m, nil
}

// kokoroModel returns which of Kokoro's weights are for a provider, and what is to
// be told of that. missing is why those for GPUs are not there, noGPU why there is no GPU.
func kokoroModel(provider string, missing, noGPU error) (name, why string) {
	switch {
	case provider != onnx.CUDA:
		return voiceModel, ""
	case noGPU != nil:
		return voiceModel, noGPU.Error()
	case missing != nil:
		return voiceModel, fmt.Sprintf("%s is int8, for CPUs: livedub models pull %s brings weights for GPUs", voiceModel, gpuVoiceModel)
	}
	return gpuVoiceModel, ""
}

// openKokoro opens the neural voice; espeak tells it how text is pronounced, and
// speaks the languages that it lacks.
func (e *engines) openKokoro(ctx context.Context, c config.Config, espeak *speak.Espeak) (inference.Synthesizer, error) {
	nets, err := e.openVoices(c)
	if err != nil {
		return nil, err
	}
	var noGPU, missing error
	if nets.provider == onnx.CUDA {
		noGPU = nets.runtime.CUDA()
		_, missing = e.tier.store.Path(gpuVoiceModel)
	}
	name, why := kokoroModel(nets.provider, missing, noGPU)
	if why != "" {
		e.log.Warn("the voice does not run where it was asked to", "runs_on", onnx.CPU, "why", why)
	}
	if name != gpuVoiceModel {
		nets.provider = onnx.CPU
	}
	dir, err := e.tier.model(name)
	if err != nil {
		return nil, err
	}
	net, err := kokoro.Load(ctx, dir, nets.open)
	if err != nil {
		return nil, broken(name, err)
	}
	k, err := kokoro.New(kokoro.Config{Dir: dir, Net: net, Phonemes: espeak, Stretch: codec.Stretch})
	if err != nil {
		return nil, broken(name, err)
	}
	e.shared(nets)
	return k, nil
}

// openPiper opens the voices that speak.model names: a file, a folder of files, or
// a model of the catalogue.
func (e *engines) openPiper(ctx context.Context, c config.Config, espeak *speak.Espeak) (_ inference.Synthesizer, err error) {
	path := c.Speak.Model
	if path == "" {
		return nil, errors.New("speak.engine is piper: set speak.model to a voice's .onnx, a folder of them, or a name of livedub models list")
	}
	if path, err = e.tier.place(path); err != nil {
		return nil, err
	}
	files, err := piper.Find(path)
	if err != nil {
		return nil, err
	}
	nets, err := e.openVoices(c)
	if err != nil {
		return nil, err
	}
	pc := piper.Config{Phonemes: espeak, Reference: espeak, Stretch: codec.Stretch}
	for _, f := range files {
		v, err := piper.Load(ctx, f, nets.open)
		if err != nil {
			for _, v := range pc.Voices {
				err = errors.Join(err, v.Net.Close())
			}
			return nil, err
		}
		pc.Voices = append(pc.Voices, v)
	}
	p, err := piper.New(ctx, pc)
	if err != nil {
		return nil, err
	}
	e.shared(nets)
	times := "the nets' own"
	if !p.Exact() {
		times = "by alignment, of those that tell none"
	}
	e.log.Info("Piper speaks", "voices", len(files), "languages", p.Languages(), "times", times)
	return p, nil
}
