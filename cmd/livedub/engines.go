package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"livedub/inference"
	"livedub/inference/engine"
	"livedub/inference/face"
	"livedub/inference/fake"
	"livedub/inference/lips"
	"livedub/inference/recognize"
	"livedub/inference/speak"
	speech "livedub/inference/speak/openai"
	"livedub/inference/translate"
	"livedub/inference/translate/libretranslate"
	"livedub/inference/translate/openai"
	"livedub/internal/config"
	"livedub/media/codec"
	"livedub/session/spec"
)

// engines are the stages that the configuration names, with their ends.
type engines struct {
	spec.Engines
	tier    tier
	log     *slog.Logger
	closers []io.Closer // in the order of their making
	lipNet  *lipNet     // nil without one
	mouths  *mouthCount // nil where none are made

	device     *engine.Device    // that nets which speak share with other nets; nil: they do not
	voiceLoops []*engine.Batcher // of nets that speak there
}

// openEngines starts what the configuration names. The caller closes it.
func openEngines(ctx context.Context, c config.Config, log *slog.Logger) (*engines, error) {
	t, err := chooseTier(c)
	if err != nil {
		return nil, err
	}
	e, err := openTier(ctx, c, t, log)
	if t.name != "neural" || c.Session.Engines != "auto" || ctx.Err() != nil {
		return e, err
	}
	if err != nil { // weights that are there, and no good
		return openTier(ctx, c, t.light(c, fmt.Sprintf("the neural engines do not work: %v", err)), log)
	}
	slow, err := e.tooSlow(ctx)
	if err != nil || slow == "" {
		return e, err
	}
	if err := e.Close(); err != nil {
		return nil, err
	}
	return openTier(ctx, c, t.light(c, slow), log)
}

// openTier starts what a tier names.
func openTier(ctx context.Context, c config.Config, t tier, log *slog.Logger) (*engines, error) {
	e := &engines{tier: t, log: log}
	e.Names = spec.EngineNames{Recognizer: t.recognizer, Translator: c.Translate.Engine, Voice: t.voice}
	for _, open := range []func(context.Context, config.Config) error{tryCodecs, e.openRecognizer, e.openTranslator, e.openSynthesizer, e.openMouth} {
		if err := open(ctx, c); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	return e, nil
}

func (e *engines) openRecognizer(ctx context.Context, c config.Config) error {
	switch e.tier.recognizer {
	case "whisper":
		return e.openWhisper(ctx, c)
	case "openai":
		return e.openRemoteRecognizer(ctx, c)
	case "openai-realtime":
		return e.openRealtime(ctx, c)
	case "transducer":
		return e.openTransducer(ctx, c)
	case "offline":
		return e.openOffline(ctx, c)
	case "off":
		return nil
	case "fake":
		e.Recognizer = &fake.Recognizer{}
		return nil
	}
	detector, err := e.openDetector(ctx, c)
	if err != nil {
		return err
	}
	r, err := recognize.NewPocketSphinx(recognize.Config{
		ModelDir: c.Recognize.ModelDir, Worker: c.Recognize.Worker, Spare: c.Recognize.Spare,
		Memory: int64(c.Recognize.MemoryMB) << 20, Detector: detector,
	})
	if err != nil {
		return err
	}
	e.Recognizer, e.closers = r, append(e.closers, r)
	return nil
}

func (e *engines) openTranslator(ctx context.Context, c config.Config) error {
	if c.Translate.Engine == "fake" {
		e.Translator = &fake.Translator{}
		return nil
	}
	remote, err := openRemoteTranslator(ctx, c.Translate)
	if err != nil {
		return err
	}
	if remote != nil {
		e.Translator, e.closers = remote, append(e.closers, remote)
	}
	t, err := translate.NewApertium(translate.Config{ModesDir: c.Translate.ModesDir})
	switch {
	case err != nil && remote != nil:
		e.log.Info("no Apertium stands in for the translation server", "err", err)
		return nil
	case err != nil:
		return err
	}
	e.closers = append(e.closers, t)
	if e.Translator = t; remote != nil {
		e.Translator = translate.Chain{remote, t}
	}
	return nil
}

// openRemoteTranslator opens the translation server that the settings name; nil for none.
func openRemoteTranslator(ctx context.Context, c config.Translate) (inference.Translator, error) {
	if c.Engine != "openai" && c.Engine != "libretranslate" {
		return nil, nil
	}
	if c.URL == "" {
		return nil, fmt.Errorf("translate.engine is %s: set translate.url to the server's address", c.Engine)
	}
	if c.Engine == "libretranslate" {
		ctx, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		return libretranslate.New(ctx, c.URL, c.Key)
	}
	return openai.New(openai.Config{Base: c.URL, Key: c.Key, Model: c.Model, Languages: languages(c.Languages)})
}

// openRemoteVoice opens the speech server that the settings name; espeak tells
// the times of what it says.
func openRemoteVoice(c config.Speak, espeak *speak.Espeak) (inference.Synthesizer, error) {
	return speech.New(speech.Config{
		Base: c.URL, Key: c.Key, Model: c.Model, Female: c.Female, Male: c.Male, Languages: languages(c.Languages), Reference: espeak, Stretch: codec.Stretch,
	})
}

// askTime is how long a server may take to tell what it can.
const askTime = 10 * time.Second

func (e *engines) openSynthesizer(ctx context.Context, c config.Config) error {
	if e.tier.voice == "fake" {
		e.Synthesizer = &fake.Synthesizer{}
		return nil
	}
	if e.tier.voice == "openai" && c.Speak.URL == "" {
		return errors.New("speak.engine is openai: set speak.url to the server's address")
	}
	s, err := speak.NewEspeak(speak.Config{Worker: c.Speak.Worker, Workers: c.Speak.Workers})
	if err != nil {
		return err
	}
	e.Synthesizer, e.closers = s, append(e.closers, s)
	var better inference.Synthesizer
	switch e.tier.voice {
	case "kokoro":
		better, err = e.openKokoro(ctx, c, s)
	case "piper":
		better, err = e.openPiper(ctx, c, s)
	case "openai":
		better, err = openRemoteVoice(c.Speak, s)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	e.Synthesizer, e.closers = speak.Chain{better, s}, append(e.closers, better)
	return nil
}

func (e *engines) openMouth(ctx context.Context, c config.Config) error {
	if c.Lips.Manifest != "" && c.Lips.Engine != "own" {
		return fmt.Errorf("lips.manifest names a net, but lips.engine is %s: set it to own, which stands in for the net", c.Lips.Engine)
	}
	switch c.Lips.Engine {
	case "off":
		return nil
	case "fake":
		e.Faces, e.Lips = fake.Faces{}, &fake.Lips{}
		return nil
	}
	faces, err := face.New()
	if err != nil {
		return err
	}
	e.Faces, e.closers = faces, append(e.closers, faces)
	e.mouths = newMouthCount()
	cfg := lips.Config{Trace: e.mouths.see}
	if c.Lips.Manifest != "" {
		n, closers, err := openLipNet(ctx, c, anyBatch, e.device, e.log)
		e.closers = append(e.closers, closers...)
		if err != nil {
			return err
		}
		e.lipNet, cfg.Net, cfg.Missed = n, n.net, n.miss
	}
	mouths := lips.New(cfg)
	e.Lips, e.closers = mouths, append(e.closers, mouths)
	return nil
}

// tryCodecs has the GPU encode and decode frames where the settings insist on
// that: a call or a file would be begun in vain.
func tryCodecs(_ context.Context, c config.Config) error {
	if c.Video.Encoder == "nvenc" {
		if err := codec.ProbeVideoEncoder("h264_nvenc"); err != nil {
			return fmt.Errorf("video.encoder is nvenc, but no GPU encodes here: %w: set auto or x264; livedub doctor tells what is missing", err)
		}
	}
	if c.Video.Decoder == "nvdec" {
		if err := codec.ProbeVideoDecoder("h264_cuvid"); err != nil {
			return fmt.Errorf("video.decoder is nvdec, but no GPU decodes here: %w: set auto or cpu; livedub doctor tells what is missing", err)
		}
	}
	return nil
}

// cpu returns what the engines' own processes have used, by stage.
func (e *engines) cpu() map[string]time.Duration {
	out := map[string]time.Duration{}
	for stage, engine := range map[string]any{"recognize": e.Recognizer, "translate": e.Translator, "speak": e.Synthesizer} {
		if c, ok := engine.(inference.Coster); ok {
			out[stage] = c.CPU()
		}
	}
	return out
}

// refused returns how many units of speech had a text that was not believed; 0
// where the recognizer believes all.
func (e *engines) refused() uint64 {
	if r, ok := e.Recognizer.(interface{ Refused() uint64 }); ok {
		return r.Refused()
	}
	return 0
}

// lacking returns how many symbols of pronunciation the voice left out.
func (e *engines) lacking() uint64 {
	chain, _ := e.Synthesizer.(speak.Chain)
	for _, s := range chain {
		if s, ok := s.(interface{ Lacking() uint64 }); ok {
			return s.Lacking()
		}
	}
	return 0
}

// unread returns how many letters the voices left out that they do not read.
func (e *engines) unread() uint64 {
	chain, ok := e.Synthesizer.(speak.Chain)
	if !ok {
		chain = speak.Chain{e.Synthesizer}
	}
	for _, s := range chain {
		if s, ok := s.(interface{ Unread() uint64 }); ok {
			return s.Unread()
		}
	}
	return 0
}

// Close ends all engines and their processes.
func (e *engines) Close() error {
	var errs []error
	for _, c := range slices.Backward(e.closers) {
		if err := c.Close(); err != nil {
			errs = append(errs, fmt.Errorf("closing an engine: %w", err))
		}
	}
	return errors.Join(errs...)
}
