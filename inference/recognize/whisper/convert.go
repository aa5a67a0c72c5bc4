package whisper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"livedub/inference/onnx/onnxfile"
)

const (
	encoderFile = "encoder.int8.onnx"
	decoderFile = "decoder.int8.onnx"
)

// ConvertCT2 makes a model that Open opens, in the folder dst, from a Whisper
// model for CTranslate2 in the folder src: model.bin (fp16 or fp32), config.json
// and tokenizer.json. It writes encoder.int8.onnx, decoder.int8.onnx, whisper.json
// and tokens.txt, byte for byte the same for the same source; where the weights
// of a net exceed 1.5 GB, they lie beside it in a .data file. whisper.json comes
// last. Nothing of it is in dst after an error.
func ConvertCT2(ctx context.Context, src, dst string) error {
	if err := convert(ctx, src, dst, true, encoderFile, decoderFile); err != nil {
		return fmt.Errorf("whisper: converting %s: %w", src, err)
	}
	return nil
}

// convert writes the nets with weights in int8, or in fp32, under the names given.
func convert(ctx context.Context, src, dst string, int8 bool, encoder, decoder string) (err error) {
	model, err := os.Open(filepath.Join(src, "model.bin"))
	if err != nil {
		return err
	}
	defer model.Close()
	st, err := model.Stat()
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return errors.New("model.bin is no file")
	}
	f, err := readCT2(cancelled{ctx, model}, st.Size())
	if err != nil {
		return fmt.Errorf("model.bin: %w", err)
	}
	var config ct2Config
	if err := readJSON(filepath.Join(src, "config.json"), &config); err != nil {
		return err
	}
	tokens, err := readTokenizer(filepath.Join(src, "tokenizer.json"))
	if err != nil {
		return err
	}
	info, err := infoOf(f, config, tokens)
	if err != nil {
		return err
	}
	list, err := tokens.list(info.EndOfText)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dst, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(dst, ".converting-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for name, graph := range map[string]func(*ct2File, *Info, bool) (*onnxfile.Graph, error){encoder: encoderGraph, decoder: decoderGraph} {
		g, err := graph(f, info, int8)
		if err == nil {
			err = g.Write(filepath.Join(dir, name))
		}
		if err != nil {
			return err
		}
	}
	if err := writeFile(filepath.Join(dir, tokensFile), func(w io.Writer) error { return writeTokens(w, list) }); err != nil {
		return err
	}
	err = writeFile(filepath.Join(dir, infoFile), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(info)
	})
	if err != nil {
		return err
	}
	return moveAll(dir, dst)
}

// moveAll moves the files of one folder to another.
func moveAll(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for i, e := range entries {
		if err := os.Rename(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			for _, moved := range entries[:i] {
				err = errors.Join(err, os.Remove(filepath.Join(to, moved.Name())))
			}
			return err
		}
	}
	return nil
}

func writeFile(path string, fill func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(fill(f), f.Close())
}

// cancelled reads until ctx ends: what is written is read first, so that a
// conversion ends with it.
type cancelled struct {
	ctx context.Context
	r   io.ReaderAt
}

func (c cancelled) ReadAt(b []byte, at int64) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.ReadAt(b, at)
}
