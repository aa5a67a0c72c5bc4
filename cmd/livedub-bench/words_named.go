package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"livedub/inference"
	"livedub/inference/recognize"
	"livedub/inference/recognize/realtime"
	"livedub/inference/speak"
	"livedub/inference/speak/piper"
	"livedub/internal/bench/words"
	"livedub/internal/config"
	"livedub/media/codec"
)

// openConfigured opens a recognizer that nothing but the settings name.
func (e *wordEngines) openConfigured(c config.Config) error {
	set := c.Recognize
	if set.Engine == "openai-realtime" {
		client, err := realtime.New(realtime.Config{Base: set.URL, Key: set.Key, Model: set.Model})
		if err != nil {
			return fmt.Errorf("recognize.url: %w", err)
		}
		r, err := recognize.NewRealtime(recognize.RealtimeConfig{
			Client: client, Languages: languages(set.Languages), Resample: func() recognize.Resampler { return codec.NewResampler(realtime.Rate, 1) },
		})
		return e.add(set.Engine, r, err)
	}
	usual := config.Default().Recognize
	if set.Model == usual.Model {
		return fmt.Errorf("recognize.engine is %s: set recognize.model to its folder, or to a name of livedub models list", set.Engine)
	}
	dir, err := e.place(set.Model)
	if err != nil {
		return err
	}
	spoken := languages(set.Languages)
	if slices.Equal(set.Languages, usual.Languages) { // nobody has set them
		entry, _ := e.store.Entry(set.Model)
		spoken = languages(entry.Languages)
	}
	if set.Engine == "offline" {
		memory := int64(set.MemoryMB) << 20
		if set.MemoryMB == usual.MemoryMB {
			memory = 0 // as its files want
		}
		r, err := recognize.NewOffline(recognize.OfflineConfig{
			Dir: dir, Languages: spoken, Worker: set.Worker, Memory: memory, Threads: cmp.Or(c.ONNX.Threads, max(runtime.NumCPU()/2, 1)),
		})
		return e.add(filepath.Base(set.Model), r, err)
	}
	r, err := recognize.NewTransducer(recognize.TransducerConfig{Dir: dir, Languages: spoken, Worker: set.Worker, Memory: int64(set.MemoryMB) << 20})
	return e.add(filepath.Base(set.Model), r, err)
}

// add takes a recognizer in that was opened.
func (e *wordEngines) add(name string, r interface {
	inference.Recognizer
	io.Closer
}, err error) error {
	if err != nil {
		return err
	}
	e.recognizers, e.closers = append(e.recognizers, words.Recognizer{Name: name, Engine: r}), append(e.closers, r)
	return nil
}

func languages(names []string) []inference.Lang {
	var langs []inference.Lang
	for _, l := range names {
		langs = append(langs, inference.Lang(l))
	}
	return langs
}

// place returns where a setting's model is: a path as it is, or the folder of a name of the catalogue.
func (e *wordEngines) place(model string) (string, error) {
	if _, err := os.Stat(model); err == nil || strings.ContainsRune(model, os.PathSeparator) {
		return model, nil
	}
	dir, err := e.store.Path(model)
	if err != nil {
		return "", fmt.Errorf("%w: run livedub models pull %s", err, model)
	}
	e.used = append(e.used, model)
	return dir, nil
}

// openPiper opens the voices that speak.model names.
func (e *wordEngines) openPiper(ctx context.Context, c config.Config, espeak *speak.Espeak) (err error) {
	if c.Speak.Model == "" {
		return errors.New("speak.engine is piper: set speak.model to a voice's .onnx, a folder of them, or a name of livedub models list")
	}
	path, err := e.place(c.Speak.Model)
	if err != nil {
		return err
	}
	files, err := piper.Find(path)
	if err != nil {
		return err
	}
	open, err := e.opener(c, voiceThreads(c))
	if err != nil {
		return err
	}
	pc := piper.Config{Phonemes: espeak, Reference: espeak, Stretch: codec.Stretch}
	for _, f := range files {
		v, err := piper.Load(ctx, f, open)
		if err != nil {
			for _, v := range pc.Voices {
				err = errors.Join(err, v.Net.Close())
			}
			return err
		}
		pc.Voices = append(pc.Voices, v)
	}
	p, err := piper.New(ctx, pc)
	if err != nil {
		return err
	}
	e.voices, e.closers = append(e.voices, words.Voice{Name: "piper", Engine: p, CPU: espeak.CPU}), append(e.closers, p)
	return nil
}
