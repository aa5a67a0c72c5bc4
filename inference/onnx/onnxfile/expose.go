package onnxfile

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// Op is an operation of a file's outermost graph.
type Op struct {
	Type    string // "Ceil"
	In, Out []string
}

// File is what a model's file says of its outermost graph.
type File struct {
	Ops     []Op     // in the order of the file
	Inputs  []string // declared; in old files the weights among them
	Outputs []Output // declared
}

// Output is a declared output.
type Output struct {
	Name string
	Type Type // 0 where it is no tensor
}

// ErrFile is returned for bytes that are no ONNX file, or not all of one.
var ErrFile = errors.New("onnxfile: this is no ONNX file, or it was cut")

// Numbers of the fields that are read and written here.
const (
	modelGraph  protowire.Number = 7
	graphNode   protowire.Number = 1
	graphInput  protowire.Number = 11
	graphOutput protowire.Number = 12
	nodeIn      protowire.Number = 1
	nodeOut     protowire.Number = 2
	nodeType    protowire.Number = 4
)

// Read reads the bytes of a model's file. Weights are passed over.
func Read(b []byte) (File, error) {
	var f File
	graphs := 0
	err := fields(b, func(num protowire.Number, v []byte) error {
		if num != modelGraph {
			return nil
		}
		graphs++
		return fields(v, func(num protowire.Number, v []byte) error {
			switch num {
			case graphNode:
				op, err := readOp(v)
				f.Ops = append(f.Ops, op)
				return err
			case graphInput:
				i, err := readValue(v)
				f.Inputs = append(f.Inputs, i.Name)
				return err
			case graphOutput:
				o, err := readValue(v)
				f.Outputs = append(f.Outputs, o)
				return err
			}
			return nil
		})
	})
	if err == nil && graphs == 0 {
		err = ErrFile
	}
	return f, err
}

func readOp(b []byte) (op Op, err error) {
	err = fields(b, func(num protowire.Number, v []byte) error {
		switch num {
		case nodeIn:
			op.In = append(op.In, string(v))
		case nodeOut:
			op.Out = append(op.Out, string(v))
		case nodeType:
			op.Type = string(v)
		}
		return nil
	})
	return op, err
}

// readValue reads a ValueInfoProto: a name (1), a type (2) that is a tensor's (1), whose elem_type is field 1.
func readValue(b []byte) (o Output, err error) {
	err = fields(b, func(num protowire.Number, v []byte) error {
		switch num {
		case 1:
			o.Name = string(v)
		case 2:
			return fields(v, func(num protowire.Number, v []byte) error {
				if num != 1 {
					return nil
				}
				return numbers(v, func(num protowire.Number, n uint64) {
					if num == 1 && n < 1<<8 {
						o.Type = Type(n)
					}
				})
			})
		}
		return nil
	})
	return o, err
}

// fields calls f for each length-delimited field of a message.
func fields(b []byte, f func(num protowire.Number, v []byte) error) error {
	return walk(b, f, func(protowire.Number, uint64) {})
}

// numbers calls f for each varint of a message.
func numbers(b []byte, f func(num protowire.Number, v uint64)) error {
	return walk(b, func(protowire.Number, []byte) error { return nil }, f)
}

func walk(b []byte, bytes func(protowire.Number, []byte) error, number func(protowire.Number, uint64)) error {
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return ErrFile
		}
		b = b[n:]
		switch kind {
		case protowire.BytesType:
			v, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return ErrFile
			}
			if err := bytes(num, v); err != nil {
				return err
			}
			b = b[n:]
		case protowire.VarintType:
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return ErrFile
			}
			number(num, v)
			b = b[n:]
		default:
			n := protowire.ConsumeFieldValue(num, kind, b)
			if n < 0 {
				return ErrFile
			}
			b = b[n:]
		}
	}
	return nil
}

// Expose returns what makes a value inside a model's graph one more output of it,
// when it is appended to the model's file: a protobuf reader merges a field that
// comes twice, so that a second graph with nothing but an output adds that output
// to the first, and the file before it stays as it is. sizes names the value's
// open dimensions; without any its shape is left open, which ONNX Runtime takes.
func Expose(value string, t Type, sizes ...string) []byte {
	tensor := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(t))
	if len(sizes) > 0 {
		var dims []byte
		for _, s := range sizes {
			dims = appendBytes(dims, 1, appendString(nil, 2, s))
		}
		tensor = appendBytes(tensor, 2, dims)
	}
	info := appendBytes(appendString(nil, 1, value), 2, appendBytes(nil, 1, tensor))
	return appendBytes(nil, modelGraph, appendBytes(nil, graphOutput, info))
}
