package whisper

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"livedub/inference"
)

// OpenNet opens one .onnx file. Sizes left open differ from run to run and may
// be 0 (onnx.ModelConfig.AnySize); example makes inputs for warming it.
type OpenNet func(ctx context.Context, path string, example func(batch int) []inference.Tensor) (inference.Model, error)

// Model is an open Whisper. One goroutine uses it at a time.
type Model struct {
	info     *Info
	tokens   [][]byte // below Info.EndOfText
	encoder  inference.Model
	decoder  inference.Model
	suppress []int // never said: those of Info, and all special ones but the end
	langs    []language
}

type language struct {
	code  string
	token int
}

// Open opens the model that ConvertCT2 put into the folder dir.
func Open(ctx context.Context, dir string, open OpenNet) (*Model, error) {
	m, err := load(ctx, dir, open, encoderFile, decoderFile)
	if err != nil {
		return nil, fmt.Errorf("whisper: %w", err)
	}
	return m, nil
}

func load(ctx context.Context, dir string, open OpenNet, encoder, decoder string) (*Model, error) {
	info, err := readInfo(filepath.Join(dir, infoFile))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, tokensFile)
	text, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	tokens, err := parseTokens(text, info.EndOfText)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	enc, err := open(ctx, filepath.Join(dir, encoder), info.encoderExample)
	if err != nil {
		return nil, err
	}
	dec, err := open(ctx, filepath.Join(dir, decoder), info.decoderExample)
	if err != nil {
		return nil, errors.Join(err, enc.Close())
	}
	m, err := newModel(info, tokens, enc, dec)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", dir, err), enc.Close(), dec.Close())
	}
	return m, nil
}

// newModel returns a model of two nets, whose owner it is if there is no error.
func newModel(info *Info, tokens [][]byte, encoder, decoder inference.Model) (*Model, error) {
	var in, made []string
	for _, half := range []string{"cross", "past", "new"} {
		for l := range info.DecoderLayers {
			for _, c := range []string{"k", "v"} {
				name := fmt.Sprintf("%s_%s_%d", half, c, l)
				if half == "new" {
					made = append(made, name)
				} else {
					in = append(in, name)
				}
			}
		}
	}
	for _, p := range []struct {
		what string
		got  []inference.TensorInfo
		want []string
	}{
		{"encoder takes", encoder.Inputs(), []string{"mel"}},
		{"encoder gives", encoder.Outputs(), in[:2*info.DecoderLayers]},
		{"decoder takes", decoder.Inputs(), slices.Concat([]string{"tokens"}, in)},
		{"decoder gives", decoder.Outputs(), slices.Concat([]string{"logits", "attention"}, made)},
	} {
		var names []string
		for _, t := range p.got {
			names = append(names, t.Name)
		}
		if !slices.Equal(names, p.want) {
			return nil, fmt.Errorf("the %s %q, not %q: convert the model again", p.what, names, p.want)
		}
	}
	m := &Model{info: info, tokens: tokens, encoder: encoder, decoder: decoder}
	m.suppress = slices.Clone(info.Suppress)
	for id := info.EndOfText + 1; id < info.Vocabulary; id++ {
		m.suppress = append(m.suppress, id)
	}
	for code, id := range info.Languages {
		m.langs = append(m.langs, language{code, id})
	}
	slices.SortFunc(m.langs, func(a, b language) int { return a.token - b.token })
	return m, nil
}

// Languages returns what the model knows, by ISO 639 codes: English alone, or dozens.
func (m *Model) Languages() []string {
	if len(m.langs) == 0 {
		return []string{"en"}
	}
	list := make([]string, len(m.langs))
	for i, l := range m.langs {
		list[i] = l.code
	}
	return list
}

// Close closes the nets.
func (m *Model) Close() error { return errors.Join(m.encoder.Close(), m.decoder.Close()) }

func (i *Info) encoderExample(batch int) []inference.Tensor {
	return []inference.Tensor{zeros(batch, i.Mels, min(200, 2*i.AudioContext))}
}

func (i *Info) decoderExample(batch int) []inference.Tensor {
	each, frames := i.Width/i.Heads, min(100, i.AudioContext)
	in := []inference.Tensor{zeros(batch, 1)}
	for range i.DecoderLayers {
		in = append(in, zeros(batch, i.Heads, each, frames), zeros(batch, i.Heads, frames, each))
	}
	for range 2 * i.DecoderLayers {
		in = append(in, zeros(batch, 1, i.Width))
	}
	return in
}

func zeros(shape ...int) inference.Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return inference.Tensor{Shape: shape, Data: make([]float32, n)}
}
