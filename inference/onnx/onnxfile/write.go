package onnxfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// A protobuf message ends at 2 GiB. Above inlineTotal the large weights go to
// a file of their own, beside the model; what is small is read with the graph.
const (
	inlineTotal = 1_500_000_000
	inlineSmall = 4096
	alignment   = 4096 // so that the data can be mapped
)

// Write writes the model to path, and to path + ".data" where the weights
// exceed 1.5 GB. A file that is in the way is overwritten; what could not be
// written whole is removed.
func (g *Graph) Write(path string) error { return g.writeAbove(path, inlineTotal) }

// writeAbove writes the weights to their own file where they exceed limit bytes.
func (g *Graph) writeAbove(path string, limit int64) (err error) {
	if len(g.outputs) == 0 {
		return fmt.Errorf("onnxfile: %s has no output", g.name)
	}
	var total int64
	for i := range g.weights {
		w := &g.weights[i]
		if w.fixed != nil && int64(len(w.fixed)) != w.size() {
			return fmt.Errorf("onnxfile: %s: %d bytes do not fill shape %v", w.name, len(w.fixed), w.shape)
		}
		total += w.size()
	}
	data := path + ".data"
	defer func() {
		if err != nil {
			os.Remove(path)
			os.Remove(data)
		}
	}()
	outside := total > limit
	if outside {
		if err := g.create(data, g.writeData); err != nil {
			return err
		}
	}
	return g.create(path, func(to io.Writer) error { return g.writeModel(to, outside, filepath.Base(data)) })
}

// create fills a new file.
func (g *Graph) create(path string, fill func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("onnxfile: %w", err)
	}
	b := bufio.NewWriterSize(f, 1<<20)
	if err := errors.Join(fill(b), b.Flush(), f.Close()); err != nil {
		return fmt.Errorf("onnxfile: %s: %w", path, err)
	}
	return nil
}

// writeData writes the large weights, each at its offset.
func (g *Graph) writeData(to io.Writer) error {
	at := int64(0)
	for i := range g.weights {
		w := &g.weights[i]
		if w.size() <= inlineSmall {
			continue
		}
		if _, err := to.Write(make([]byte, align(at)-at)); err != nil {
			return err
		}
		if err := w.write(to); err != nil {
			return err
		}
		at = align(at) + w.size()
	}
	return nil
}

// writeModel writes the ModelProto. Lengths come before their content in
// protobuf, so they are computed first and the weights streamed.
func (g *Graph) writeModel(to io.Writer, outside bool, data string) error {
	head := g.head()
	tensors := make([][]byte, len(g.weights)) // without raw_data
	length := int64(len(head))
	at := int64(0)
	for i := range g.weights {
		w := &g.weights[i]
		tensors[i] = w.head()
		inner := int64(len(tensors[i]))
		if outside && w.size() > inlineSmall {
			at = align(at)
			tensors[i] = appendElsewhere(tensors[i], data, at, w.size())
			at += w.size()
			inner = int64(len(tensors[i]))
		} else {
			inner += fieldSize(9, w.size())
		}
		length += fieldSize(5, inner)
	}
	model := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), irVersion)
	model = appendString(model, 2, "livedub")
	set := appendString(nil, 1, "")
	set = protowire.AppendVarint(protowire.AppendTag(set, 2, protowire.VarintType), opset)
	model = appendBytes(model, 8, set)
	for _, m := range g.meta {
		model = appendBytes(model, 14, m)
	}
	model = protowire.AppendVarint(protowire.AppendTag(model, 7, protowire.BytesType), uint64(length))
	if _, err := to.Write(append(model, head...)); err != nil {
		return err
	}
	for i := range g.weights {
		w := &g.weights[i]
		inline := !outside || w.size() <= inlineSmall
		inner := int64(len(tensors[i]))
		if inline {
			inner += fieldSize(9, w.size())
		}
		b := protowire.AppendVarint(protowire.AppendTag(nil, 5, protowire.BytesType), uint64(inner))
		b = append(b, tensors[i]...)
		if inline {
			b = protowire.AppendVarint(protowire.AppendTag(b, 9, protowire.BytesType), uint64(w.size()))
		}
		if _, err := to.Write(b); err != nil {
			return err
		}
		if !inline {
			continue
		}
		if err := w.write(to); err != nil {
			return err
		}
	}
	return nil
}

// head serialises the GraphProto without its initializers.
func (g *Graph) head() []byte {
	var b []byte
	for _, n := range g.nodes {
		b = appendBytes(b, 1, n)
	}
	b = appendString(b, 2, g.name)
	for _, v := range g.inputs {
		b = appendBytes(b, 11, v)
	}
	for _, v := range g.outputs {
		b = appendBytes(b, 12, v)
	}
	return b
}

// appendElsewhere says in a TensorProto where its data lies.
func appendElsewhere(b []byte, file string, offset, length int64) []byte {
	for _, kv := range [][2]string{
		{"location", file},
		{"offset", strconv.FormatInt(offset, 10)},
		{"length", strconv.FormatInt(length, 10)},
	} {
		b = appendBytes(b, 13, appendString(appendString(nil, 1, kv[0]), 2, kv[1]))
	}
	return protowire.AppendVarint(protowire.AppendTag(b, 14, protowire.VarintType), 1)
}

// fieldSize returns the bytes of a length-delimited field of n bytes, tag included.
func fieldSize(field protowire.Number, n int64) int64 {
	return int64(protowire.SizeTag(field)) + int64(protowire.SizeVarint(uint64(n))) + n
}

func align(at int64) int64 { return (at + alignment - 1) / alignment * alignment }
