package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"livedub/inference"
	"livedub/inference/onnx"
	"livedub/inference/recognize"
	remote "livedub/inference/recognize/openai"
	"livedub/inference/recognize/whisper"
	"livedub/inference/speak"
	"livedub/inference/speak/kokoro"
	speech "livedub/inference/speak/openai"
	"livedub/inference/translate"
	"livedub/inference/translate/libretranslate"
	"livedub/inference/translate/openai"
	"livedub/internal/bench/words"
	"livedub/internal/config"
	"livedub/internal/doctor"
	"livedub/internal/grades"
	"livedub/internal/models"
	"livedub/internal/settings"
	"livedub/media/codec"
)

// wordEngines are all engines that are here, and those that the settings name
// besides: the preferred of each kind first.
type wordEngines struct {
	recognizers []words.Recognizer
	translators []words.Translator
	voices      []words.Voice
	skipped     []grades.Skipped

	store   *models.Store
	used    []string // of its models
	net     *onnx.Runtime
	closers []io.Closer // in the order of their making
}

// openWordEngines starts them. What the settings name must start; what else is
// not here is told in skipped. The caller closes the engines.
func openWordEngines(ctx context.Context, c config.Config) (*wordEngines, error) {
	e := &wordEngines{}
	for _, open := range []func(context.Context, config.Config) error{e.openStore, e.openRecognizers, e.openTranslators, e.openVoices} {
		if err := open(ctx, c); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	return e, nil
}

func (e *wordEngines) openStore(_ context.Context, c config.Config) error {
	dir := c.Models.Dir
	var err error
	if dir == "" {
		if dir, err = models.DefaultDir(); err != nil {
			return fmt.Errorf("%w: name one with --models-dir", err)
		}
	}
	var more []models.Entry
	if c.Models.Catalogue != "" {
		if more, err = models.ReadFile(c.Models.Catalogue); err != nil {
			return err
		}
	}
	e.store, err = models.Open(dir, models.Builtin(), more)
	return err
}

// unless keeps an error where the settings name the engine, and notes it else.
func (e *wordEngines) unless(named bool, what string, err error) error {
	if err == nil || named {
		return err
	}
	e.skipped = append(e.skipped, grades.Skipped{What: what, Why: err.Error()})
	return nil
}

// known notes an engine that the settings name and this bench does not open.
func (e *wordEngines) known(setting, engine string, names ...string) {
	if !slices.Contains(names, engine) {
		e.skipped = append(e.skipped, grades.Skipped{What: engine, Why: "bench words does not measure this " + setting})
	}
}

func (e *wordEngines) openRecognizers(ctx context.Context, c config.Config) error {
	engine := c.Recognize.Engine
	e.known("recognize.engine", engine, "auto", "whisper", "pocketsphinx", "openai", "openai-realtime", "transducer", "offline")
	if engine == "openai" {
		m, err := remote.New(remote.Config{Base: c.Recognize.URL, Key: c.Recognize.Key, Model: c.Recognize.Model, Languages: c.Recognize.Languages})
		if err != nil {
			return fmt.Errorf("recognize.url: %w", err)
		}
		if err := e.addWhisper("openai", m); err != nil {
			return err
		}
	}
	if engine == "openai-realtime" || engine == "transducer" || engine == "offline" {
		return e.openConfigured(c)
	}
	if engine == "auto" || engine == "whisper" {
		if err := e.unless(engine != "auto", c.Recognize.Model, e.openWhisper(ctx, c)); err != nil {
			return err
		}
	}
	if engine == "auto" || engine == "pocketsphinx" {
		r, err := recognize.NewPocketSphinx(recognize.Config{
			ModelDir: c.Recognize.ModelDir, Worker: c.Recognize.Worker, Memory: int64(c.Recognize.MemoryMB) << 20,
		})
		if err == nil {
			e.recognizers, e.closers = append(e.recognizers, words.Recognizer{Name: "pocketsphinx", Engine: r}), append(e.closers, r)
		}
		return e.unless(engine != "auto", "pocketsphinx", err)
	}
	return nil
}

func (e *wordEngines) openWhisper(ctx context.Context, c config.Config) error {
	dir, open, err := e.model(c, c.Recognize.Model, c.ONNX.Threads)
	if err != nil {
		return err
	}
	m, err := whisper.Open(ctx, dir, open)
	if err != nil {
		return settings.Hint(err)
	}
	return e.addWhisper(c.Recognize.Model, m)
}

func (e *wordEngines) addWhisper(name string, m recognize.WhisperModel) error {
	w, err := recognize.NewWhisper(recognize.WhisperConfig{Model: m})
	if err != nil {
		return err
	}
	e.recognizers, e.closers = append(e.recognizers, words.Recognizer{Name: name, Engine: w}), append(e.closers, w)
	return nil
}

// netPatience is how long a run of a net may take at least: words are measured
// on busy machines too.
const netPatience = time.Minute

// opener opens a net that takes inputs of any size.
type opener = func(ctx context.Context, path string, example func(int) []inference.Tensor) (inference.Model, error)

// model returns the folder of installed weights, and what opens the nets in it.
func (e *wordEngines) model(c config.Config, name string, threads int) (string, opener, error) {
	dir, err := e.store.Path(name)
	if err != nil {
		return "", nil, fmt.Errorf("%w: run livedub models pull %s", err, name)
	}
	open, err := e.opener(c, threads)
	e.used = append(e.used, name)
	return dir, open, err
}

// opener returns what opens nets.
func (e *wordEngines) opener(c config.Config, threads int) (opener, error) {
	if e.net == nil {
		var err error
		if e.net, err = onnx.NewRuntime(onnx.Config{Library: c.ONNX.Library}); err != nil {
			return nil, settings.Hint(err)
		}
		e.closers = append(e.closers, e.net)
	}
	return func(ctx context.Context, path string, example func(int) []inference.Tensor) (inference.Model, error) {
		mc := settings.Model(c.ONNX)
		mc.Path, mc.Example, mc.AnySize, mc.Threads = path, example, true, threads
		mc.TimeLimit = max(mc.TimeLimit, netPatience)
		return e.net.Open(ctx, mc)
	}, nil
}

// voiceThreads returns how many threads nets that speak have, as in the server.
func voiceThreads(c config.Config) int { return cmp.Or(c.ONNX.Threads, runtime.NumCPU()) }

func (e *wordEngines) openTranslators(ctx context.Context, c config.Config) error {
	t := c.Translate
	var server inference.Translator
	var err error
	switch t.Engine {
	case "openai":
		server, err = openai.New(openai.Config{Base: t.URL, Key: t.Key, Model: t.Model, Languages: languages(t.Languages)})
	case "libretranslate":
		server, err = libretranslate.New(ctx, t.URL, t.Key)
	}
	if err != nil {
		return fmt.Errorf("translate.url: %w", err)
	}
	if server != nil {
		e.translators, e.closers = append(e.translators, words.Translator{Name: t.Engine, Engine: server}), append(e.closers, server)
	}
	a, err := translate.NewApertium(translate.Config{ModesDir: t.ModesDir})
	if err == nil {
		e.translators, e.closers = append(e.translators, words.Translator{Name: "apertium", Engine: a}), append(e.closers, a)
	}
	return e.unless(t.Engine == "apertium", "apertium", err)
}

// voiceModel is the weights of the neural voice.
const voiceModel = "kokoro"

func (e *wordEngines) openVoices(ctx context.Context, c config.Config) error {
	engine := c.Speak.Engine
	e.known("speak.engine", engine, "auto", "espeak", "kokoro", "piper", "openai")
	espeak, err := speak.NewEspeak(speak.Config{Worker: c.Speak.Worker, Workers: c.Speak.Workers})
	if err != nil {
		return e.unless(engine != "auto", "espeak-ng", err)
	}
	e.closers = append(e.closers, espeak)
	if engine == "openai" {
		s, err := speech.New(speech.Config{
			Base: c.Speak.URL, Key: c.Speak.Key, Model: c.Speak.Model, Female: c.Speak.Female, Male: c.Speak.Male, Languages: languages(c.Speak.Languages),
			Reference: espeak, Stretch: codec.Stretch,
		})
		if err != nil {
			return fmt.Errorf("speak.url: %w", err)
		}
		e.voices, e.closers = append(e.voices, words.Voice{Name: "openai", Engine: s, CPU: espeak.CPU}), append(e.closers, s)
	}
	if engine == "auto" || engine == "kokoro" {
		if err := e.unless(engine != "auto", voiceModel, e.openKokoro(ctx, c, espeak)); err != nil {
			return err
		}
	}
	if engine == "piper" {
		if err := e.openPiper(ctx, c, espeak); err != nil {
			return err
		}
	}
	e.voices = append(e.voices, words.Voice{Name: "espeak-ng", Robot: true, Engine: espeak})
	return nil
}

func (e *wordEngines) openKokoro(ctx context.Context, c config.Config, espeak *speak.Espeak) error {
	dir, open, err := e.model(c, voiceModel, voiceThreads(c))
	if err != nil {
		return err
	}
	net, err := open(ctx, filepath.Join(dir, "kokoro.onnx"), kokoro.Example)
	if err != nil {
		return settings.Hint(err)
	}
	k, err := kokoro.New(kokoro.Config{Dir: dir, Net: net, Phonemes: espeak, Stretch: codec.Stretch})
	if err != nil {
		return err
	}
	e.voices, e.closers = append(e.voices, words.Voice{Name: "kokoro", Engine: k, CPU: espeak.CPU}), append(e.closers, k)
	return nil
}

// versions tells which engines and weights were measured.
func (e *wordEngines) versions(ctx context.Context, c config.Config) map[string]string {
	out := map[string]string{}
	report := doctor.Run(ctx, doctor.Config{
		ModelDir: c.Recognize.ModelDir, Recognizer: c.Recognize.Worker, ModesDir: c.Translate.ModesDir, Worker: c.Speak.Worker, Runtime: c.ONNX.Library,
	})
	for _, check := range report.Checks {
		if check.Available && check.Version != "" && slices.Contains([]string{"recognize", "translate", "speak", "runtime"}, check.Kind) {
			out[check.Name] = check.Version
		}
	}
	for _, name := range e.used {
		if entry, err := e.store.Entry(name); err == nil {
			files := entry.Files()
			largest := slices.MaxFunc(files, func(a, b models.File) int { return int(a.Size - b.Size) })
			out[name] = fmt.Sprintf("%s sha256:%.12s", largest.Path, largest.SHA256)
		}
	}
	return out
}

// Close ends all engines and their processes.
func (e *wordEngines) Close() error {
	var errs []error
	for _, c := range slices.Backward(e.closers) {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
