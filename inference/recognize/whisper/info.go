package whisper

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
)

const (
	formatNow = 1
	infoFile  = "whisper.json"
	// maxJSON bounds the small files beside a net.
	maxJSON = 32 << 20
)

// Info is what a converted model's whisper.json says of it.
type Info struct {
	Format        int `json:"format"`         // of the graphs' inputs and outputs
	Mels          int `json:"mels"`           // bands of the features
	AudioContext  int `json:"audio_context"`  // encoder frames of 20 ms, 1500
	TextContext   int `json:"text_context"`   // tokens, 448
	Width         int `json:"width"`          // numbers that stand for a token or frame
	Heads         int `json:"heads"`          // of an attention
	EncoderLayers int `json:"encoder_layers"` //
	DecoderLayers int `json:"decoder_layers"` //
	Vocabulary    int `json:"vocabulary"`     // tokens, the special ones included

	// AlignmentHeads are the attentions that follow the words through the
	// sound, as [layer, head] of the decoder.
	AlignmentHeads [][2]int `json:"alignment_heads"`

	EndOfText       int            `json:"end_of_text"` // the least special token
	Start           int            `json:"start"`
	Transcribe      int            `json:"transcribe"`
	StartOfPrevious int            `json:"start_of_previous"`
	NoSpeech        int            `json:"no_speech"`
	NoTimestamps    int            `json:"no_timestamps"` // times follow it
	Languages       map[string]int `json:"languages"`     // by code; none where it knows English only
	Suppress        []int          `json:"suppress"`      // never said
	SuppressBegin   []int          `json:"suppress_begin"`
}

// check refuses what the decoder could not work with.
func (i *Info) check() error {
	if i.Format != formatNow {
		return fmt.Errorf("it is of format %d, this program reads %d: convert the model again", i.Format, formatNow)
	}
	for _, c := range []struct {
		name      string
		v         int
		low, high int
	}{
		{"mels", i.Mels, 1, 256}, {"audio_context", i.AudioContext, 2, 1500}, {"text_context", i.TextContext, 16, 1 << 12},
		{"width", i.Width, 1, 1 << 13}, {"heads", i.Heads, 1, 256}, {"encoder_layers", i.EncoderLayers, 1, 128},
		{"decoder_layers", i.DecoderLayers, 1, 100}, {"vocabulary", i.Vocabulary, 2, 1 << 18},
		{"end_of_text", i.EndOfText, 1, i.Vocabulary - 1}, {"start", i.Start, i.EndOfText, i.Vocabulary - 1},
		{"transcribe", i.Transcribe, i.EndOfText, i.Vocabulary - 1}, {"start_of_previous", i.StartOfPrevious, i.EndOfText, i.Vocabulary - 1},
		{"no_speech", i.NoSpeech, i.EndOfText, i.Vocabulary - 1}, {"no_timestamps", i.NoTimestamps, i.EndOfText, i.Vocabulary - 1},
	} {
		if c.v < c.low || c.v > c.high {
			return fmt.Errorf("%s is %d, not within %d..%d", c.name, c.v, c.low, c.high)
		}
	}
	if i.Width%i.Heads != 0 {
		return fmt.Errorf("a width of %d cannot be shared by %d heads", i.Width, i.Heads)
	}
	if len(i.AlignmentHeads) == 0 || len(i.AlignmentHeads) > i.DecoderLayers*i.Heads {
		return fmt.Errorf("it names %d alignment heads, from which words have their times: take a model that CTranslate2 converted in 2023 or later", len(i.AlignmentHeads))
	}
	for n, h := range i.AlignmentHeads {
		if h[0] < 0 || h[0] >= i.DecoderLayers || h[1] < 0 || h[1] >= i.Heads || slices.Contains(i.AlignmentHeads[:n], h) {
			return fmt.Errorf("the alignment head %v is not there or named twice", h)
		}
	}
	for code, id := range i.Languages {
		if id <= i.EndOfText || id >= i.Vocabulary {
			return fmt.Errorf("the language %q has the token %d, which is none", code, id)
		}
	}
	for _, id := range slices.Concat(i.Suppress, i.SuppressBegin) {
		if id < 0 || id >= i.Vocabulary {
			return fmt.Errorf("the suppressed token %d is none", id)
		}
	}
	return nil
}

// readInfo reads a whisper.json.
func readInfo(path string) (*Info, error) {
	info := &Info{}
	if err := readJSON(path, info); err != nil {
		return nil, err
	}
	if err := info.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return info, nil
}

// readJSON reads a file of at most maxJSON bytes into v.
func readJSON(path string, v any) error {
	b, err := readSmall(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxJSON+1))
	if err == nil && len(b) > maxJSON {
		err = errors.New("it is larger than 32 MB")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// infoOf puts together what a CTranslate2 folder says of its model.
func infoOf(f *ct2File, config ct2Config, tokens ct2Tokenizer) (*Info, error) {
	i := &Info{Format: formatNow, AlignmentHeads: config.AlignmentHeads, Languages: map[string]int{},
		Suppress: config.Suppress, SuppressBegin: config.SuppressBegin}
	conv, pos := f.vars["encoder/conv1/weight"].shape, f.vars["encoder/position_encodings/encodings"].shape
	text, words := f.vars["decoder/position_encodings/encodings"].shape, f.vars["decoder/embeddings/weight"].shape
	if len(conv) != 3 || len(pos) != 2 || len(text) != 2 || len(words) != 2 {
		return nil, errors.New("model.bin lacks the convolutions, positions or embeddings of a Whisper model")
	}
	i.Width, i.Mels, i.AudioContext, i.TextContext, i.Vocabulary = conv[0], conv[1], pos[0], text[0], words[0]
	var err error
	if i.Heads, err = f.number("encoder/num_heads"); err != nil {
		return nil, err
	}
	heads, err := f.number("decoder/num_heads")
	if err != nil {
		return nil, err
	}
	if heads != i.Heads {
		return nil, fmt.Errorf("model.bin has %d heads in the encoder and %d in the decoder: no Whisper model does", i.Heads, heads)
	}
	i.EncoderLayers, i.DecoderLayers = f.layers("encoder"), f.layers("decoder")
	for name, to := range map[string]*int{"<|endoftext|>": &i.EndOfText, "<|startoftranscript|>": &i.Start, "<|transcribe|>": &i.Transcribe,
		"<|startofprev|>": &i.StartOfPrevious, "<|notimestamps|>": &i.NoTimestamps, "<|nospeech|>": &i.NoSpeech} {
		id, ok := tokens.special[name]
		if !ok && name == "<|nospeech|>" { // its name in the first models
			id, ok = tokens.special["<|nocaptions|>"]
		}
		if !ok {
			return nil, fmt.Errorf("tokenizer.json has no %s", name)
		}
		*to = id
	}
	// Models for English alone have the languages' tokens too, with one token less in all.
	if i.Vocabulary >= multilingual {
		for name, id := range tokens.special {
			if code, ok := languageOf(name); ok && slices.Contains(config.LangIDs, id) {
				i.Languages[code] = id
			}
		}
	}
	if err := i.check(); err != nil {
		return nil, err
	}
	return i, f.checkShapes(i)
}

const multilingual = 51865 // tokens of the smallest model with several languages

// languageOf returns "es" for "<|es|>".
func languageOf(token string) (string, bool) {
	if len(token) < 6 || len(token) > 7 || token[:2] != "<|" || token[len(token)-2:] != "|>" {
		return "", false
	}
	code := token[2 : len(token)-2]
	for _, c := range code {
		if c < 'a' || c > 'z' {
			return "", false
		}
	}
	return code, true
}

// layers counts the layers of one half.
func (f *ct2File) layers(half string) int {
	n := 0
	for n < math.MaxInt8 {
		if _, ok := f.vars[fmt.Sprintf("%s/layer_%d/self_attention/linear_0/weight", half, n)]; !ok {
			break
		}
		n++
	}
	return n
}
