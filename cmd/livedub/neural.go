package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"livedub/inference"
	"livedub/inference/onnx"
	"livedub/inference/recognize"
	"livedub/inference/recognize/openai"
	"livedub/inference/recognize/realtime"
	"livedub/inference/recognize/whisper"
	"livedub/internal/config"
	"livedub/internal/settings"
	"livedub/media"
	"livedub/media/codec"
)

const (
	// voiceCarries and hearingCarries are how many seconds of work a second of
	// speech may take for live calls: lips, frames and others have work too.
	voiceCarries   = .8
	hearingCarries = .4
)

// tooSlow has the neural engines speak and hear a sentence, and returns why they
// are too slow for live calls on this machine; "" where they are not. A recognizer that
// does not hear the sentence's language, or none, is not the tier's: it is not tried.
func (e *engines) tooSlow(ctx context.Context) (string, error) {
	const lang, text = "es", "El gobierno anunció ayer nuevas medidas."
	began := time.Now()
	speech, err := e.Synthesizer.Speak(ctx, inference.SpeechRequest{Lang: lang, Text: text})
	if err != nil {
		return "", fmt.Errorf("trying the voice: %w", err)
	}
	voice, hearing := time.Since(began).Seconds()/speech.Sound.Duration().Seconds(), 0.
	if e.Recognizer != nil && slices.Contains(e.Recognizer.Languages(), inference.Lang(lang)) {
		took, err := e.hear(ctx, lang, speech.Sound)
		if err != nil {
			return "", fmt.Errorf("trying the recognizer: %w", err)
		}
		hearing = took.Seconds() / speech.Sound.Duration().Seconds()
	}
	e.log.Info("neural engines tried", "voice_s_per_s", math.Round(voice*100)/100, "recognizer_s_per_s", math.Round(hearing*100)/100)
	if voice > voiceCarries || hearing > hearingCarries {
		return fmt.Sprintf("the neural engines are too slow for live calls on this machine: a second of speech takes the voice %.2f s (%.1f at most) and the recognizer %.2f s (%.1f at most); session.engines: neural takes them all the same",
			voice, voiceCarries, hearing, hearingCarries), nil
	}
	return "", nil
}

// hear has the recognizer hear a speech and returns how long that took.
func (e *engines) hear(ctx context.Context, lang inference.Lang, speech media.Samples) (time.Duration, error) {
	low := codec.NewResampler(16000, 1)
	defer low.Close()
	heard, err := low.Resample(speech)
	if err != nil {
		return 0, err
	}
	stream, err := e.Recognizer.Open(ctx, inference.Listening{Lang: lang})
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	began := time.Now()
	if _, err = stream.Write(ctx, heard); err == nil {
		_, err = stream.Flush(ctx)
	}
	return time.Since(began), err
}

// openWhisper opens the neural recognizer.
func (e *engines) openWhisper(ctx context.Context, c config.Config) error {
	dir, err := e.tier.model(c.Recognize.Model)
	if err != nil {
		return err
	}
	detector, err := e.openDetector(ctx, c)
	if err != nil {
		return err
	}
	r, err := onnx.NewRuntime(onnx.Config{Library: c.ONNX.Library})
	if err != nil {
		return settings.Hint(err)
	}
	e.closers = append(e.closers, r)
	m, err := whisper.Open(ctx, dir, func(ctx context.Context, path string, example func(int) []inference.Tensor) (inference.Model, error) {
		mc := settings.Model(c.ONNX)
		mc.Path, mc.Example, mc.AnySize = path, example, true
		return r.Open(ctx, mc)
	})
	if err != nil {
		return broken(c.Recognize.Model, settings.Hint(err))
	}
	w, err := recognize.NewWhisper(recognize.WhisperConfig{Model: m, Detector: detector})
	if err != nil {
		return err
	}
	e.Recognizer, e.closers = w, append(e.closers, w)
	return nil
}

// callsAtOnce is how many units a recognition server gets at a time.
const callsAtOnce = 8

// openRemoteRecognizer opens the recognition server that the settings name.
func (e *engines) openRemoteRecognizer(ctx context.Context, c config.Config) error {
	if c.Recognize.URL == "" {
		return noAddress(c)
	}
	detector, err := e.openDetector(ctx, c)
	if err != nil {
		return err
	}
	m, err := openai.New(openai.Config{Base: c.Recognize.URL, Key: c.Recognize.Key, Model: c.Recognize.Model, Languages: c.Recognize.Languages})
	if err != nil {
		return err
	}
	w, err := recognize.NewWhisper(recognize.WhisperConfig{Model: m, AtOnce: callsAtOnce, Detector: detector})
	if err != nil {
		return err
	}
	e.Recognizer, e.closers = w, append(e.closers, w)
	return nil
}

func noAddress(c config.Config) error {
	return fmt.Errorf("recognize.engine is %s: set recognize.url to the server's address", c.Recognize.Engine)
}

// openRealtime opens the server that hears while somebody speaks.
func (e *engines) openRealtime(ctx context.Context, c config.Config) error {
	if c.Recognize.URL == "" {
		return noAddress(c)
	}
	detector, err := e.openDetector(ctx, c)
	if err != nil {
		return err
	}
	client, err := realtime.New(realtime.Config{Base: c.Recognize.URL, Key: c.Recognize.Key, Model: c.Recognize.Model})
	if err != nil {
		return err
	}
	r, err := recognize.NewRealtime(recognize.RealtimeConfig{
		Client: client, Languages: languages(c.Recognize.Languages), Detector: detector,
		Resample: func() recognize.Resampler { return codec.NewResampler(realtime.Rate, 1) },
	})
	if err != nil {
		return err
	}
	e.Recognizer, e.closers = r, append(e.closers, r)
	return nil
}

// openTransducer opens the streaming transducer that recognize.model names.
func (e *engines) openTransducer(ctx context.Context, c config.Config) error {
	dir, spoken, err := e.sherpaModel(c)
	if err != nil {
		return err
	}
	if spoken == nil {
		return errors.New("recognize.engine is transducer: set recognize.model to its folder and recognize.languages to those that it knows, its files do not tell; or recognize.model to a transducer of livedub models list")
	}
	detector, err := e.openDetector(ctx, c)
	if err != nil {
		return err
	}
	r, err := recognize.NewTransducer(recognize.TransducerConfig{
		Dir: dir, Languages: spoken, Worker: c.Recognize.Worker, Spare: c.Recognize.Spare,
		Memory: int64(c.Recognize.MemoryMB) << 20, Detector: detector,
	})
	if err != nil {
		return err
	}
	e.Recognizer, e.closers = r, append(e.closers, r)
	return nil
}

// openOffline opens the Parakeet or SenseVoice that recognize.model names.
func (e *engines) openOffline(ctx context.Context, c config.Config) error {
	dir, spoken, err := e.sherpaModel(c)
	if err != nil {
		return err
	}
	if dir == "" {
		return errors.New("recognize.engine is offline: set recognize.model to parakeet-v3 or sensevoice, or to the folder of such a model; of a Parakeet recognize.languages too")
	}
	detector, err := e.openDetector(ctx, c)
	if err != nil {
		return err
	}
	memory := int64(c.Recognize.MemoryMB) << 20
	if c.Recognize.MemoryMB == config.Default().Recognize.MemoryMB {
		memory = 0 // as its files want
	}
	r, err := recognize.NewOffline(recognize.OfflineConfig{
		Dir: dir, Languages: spoken, Worker: c.Recognize.Worker, Memory: memory,
		Threads: cmp.Or(c.ONNX.Threads, max(runtime.NumCPU()/2, 1)), Detector: detector,
	})
	if err != nil {
		return err
	}
	e.Recognizer, e.closers = r, append(e.closers, r)
	return nil
}

// sherpaModel returns where the model of sherpa-onnx is that recognize.model names, a
// folder of the operator's or a model of the catalogue, and its languages: those of
// the settings, else of the catalogue, else none. Nothing where no model is named.
func (e *engines) sherpaModel(c config.Config) (dir string, spoken []inference.Lang, err error) {
	model, usual := c.Recognize.Model, config.Default().Recognize
	if model == usual.Model {
		return "", nil, nil
	}
	if !slices.Equal(c.Recognize.Languages, usual.Languages) {
		spoken = languages(c.Recognize.Languages)
	} else if entry, err := e.tier.store.Entry(model); err == nil {
		spoken = languages(entry.Languages)
	}
	dir, err = e.tier.place(model)
	return dir, spoken, err
}

func languages(names []string) []inference.Lang {
	var langs []inference.Lang
	for _, l := range names {
		langs = append(langs, inference.Lang(l))
	}
	return langs
}
