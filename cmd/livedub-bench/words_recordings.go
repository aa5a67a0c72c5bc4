package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"livedub/inference"
	"livedub/internal/bench/words"
	"livedub/internal/cli"
	"livedub/media"
	"livedub/media/codec"
	"livedub/media/file"
)

// readRecordings reads people's speech: LANG/NAME.EXT beside LANG/NAME.txt.
func readRecordings(ctx context.Context, dir string) ([]words.Recording, error) {
	texts, err := filepath.Glob(filepath.Join(dir, "*", "*.txt"))
	if err != nil {
		return nil, err
	}
	var out []words.Recording
	for _, path := range texts {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		sounds, err := filepath.Glob(strings.TrimSuffix(path, ".txt") + ".*")
		if err != nil {
			return nil, err
		}
		if len(sounds) != 2 {
			return nil, cli.Usagef("bench words: %s has %d files of the same name beside it: one recording is needed", path, len(sounds)-1)
		}
		sound := sounds[0]
		if sound == path {
			sound = sounds[1]
		}
		pcm, err := readSound(ctx, sound)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", sound, err)
		}
		out = append(out, words.Recording{Lang: inference.Lang(filepath.Base(filepath.Dir(path))), Text: strings.TrimSpace(string(text)), Sound: pcm})
	}
	if len(out) == 0 {
		return nil, cli.Usagef("bench words: no recordings in %s: put es/any.wav there, and es/any.txt, which says what is said", dir)
	}
	return out, nil
}

// readSound decodes a file's sound to mono of 16 kHz.
func readSound(ctx context.Context, path string) (media.Samples, error) {
	out := media.Samples{Rate: 16000, Channels: 1}
	src, err := file.Open(path)
	if err != nil {
		return out, err
	}
	defer src.Close()
	var dec *codec.AudioDecoder
	for _, t := range src.Tracks() {
		if t.Kind == media.Audio && dec == nil {
			if dec, err = codec.NewAudioDecoder(t); err != nil {
				return out, err
			}
			defer dec.Close()
		}
	}
	if dec == nil {
		return out, errors.New("there is no sound in it")
	}
	r := codec.NewResampler(out.Rate, out.Channels)
	defer r.Close()
	keep := func(blocks []media.Samples, err error) error {
		for _, b := range blocks {
			if err == nil {
				b, err = r.Resample(b)
				out.Data = append(out.Data, b.Data...)
			}
		}
		return err
	}
	for {
		p, err := src.Read(ctx)
		if errors.Is(err, io.EOF) {
			if err := keep(dec.Flush()); err != nil {
				return out, err
			}
			tail, err := r.Flush()
			out.Data = append(out.Data, tail.Data...)
			return out, err
		}
		if err != nil {
			return out, err
		}
		if p.Kind == media.Audio {
			if err := keep(dec.Decode(p)); err != nil {
				return out, err
			}
		}
	}
}
