package onnx

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	maxDepth  = 64       // of messages in messages
	maxString = 64 << 10 // bytes of a name
)

var errTruncated = errors.New("the file ends in the middle: copy or export it again")

// wire reads a protobuf as a stream: what nobody asks for, weights above all, is never held.
type wire struct {
	r     *bufio.Reader
	off   int64
	depth int
}

// message reads a message of n bytes. field is called for each varint (v its
// value) and each length-delimited field (v its length); it may read from w
// and need not: what it leaves of its field is skipped.
func (w *wire) message(n int64, field func(num int, bytes bool, v uint64) error) error {
	if w.depth++; w.depth > maxDepth {
		return fmt.Errorf("messages lie more than %d deep in one another: this is no net", maxDepth)
	}
	defer func() { w.depth-- }()
	end := w.off + n
	for w.off < end {
		tag, err := w.varint()
		if err != nil {
			return err
		}
		num := int(tag >> 3 & (1<<29 - 1))
		if num == 0 {
			return errors.New("this is not an ONNX file")
		}
		var v uint64
		switch tag & 7 {
		case 0:
			if v, err = w.varint(); err == nil {
				err = field(num, false, v)
			}
		case 1:
			err = w.skip(8)
		case 5:
			err = w.skip(4)
		case 2:
			if v, err = w.varint(); err != nil {
				break
			}
			if v > uint64(end-w.off) {
				return errTruncated
			}
			next := w.off + int64(v)
			if err = field(num, true, v); err == nil {
				err = w.skip(next - w.off)
			}
		default:
			err = errors.New("this is not an ONNX file")
		}
		if err != nil {
			return err
		}
	}
	if w.off != end {
		return errTruncated
	}
	return nil
}

func (w *wire) varint() (uint64, error) {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b, err := w.r.ReadByte()
		if err != nil {
			return 0, errTruncated
		}
		w.off++
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, errors.New("this is not an ONNX file")
}

func (w *wire) skip(n int64) error {
	for n > 0 {
		k, err := w.r.Discard(int(min(n, 1<<20)))
		w.off += int64(k)
		n -= int64(k)
		if err != nil {
			return errTruncated
		}
	}
	return nil
}

// text reads a string of n bytes.
func (w *wire) text(n uint64) (string, error) {
	if n > maxString {
		return "", fmt.Errorf("a name of %d bytes", n)
	}
	b, err := w.bytes(n)
	return string(b), err
}

func (w *wire) bytes(n uint64) ([]byte, error) {
	b := make([]byte, n)
	k, err := io.ReadFull(w.r, b)
	w.off += int64(k)
	if err != nil {
		return nil, errTruncated
	}
	return b, nil
}

// ints reads a repeated integer field, packed or not, and adds it to list, of at most most.
func (w *wire) ints(list []int64, packed bool, v uint64, most int) ([]int64, error) {
	if !packed {
		if len(list) == most {
			return nil, fmt.Errorf("a list of more than %d numbers", most)
		}
		return append(list, int64(v)), nil
	}
	for end := w.off + int64(v); w.off < end; {
		n, err := w.varint()
		if err != nil {
			return nil, err
		}
		if list, err = w.ints(list, false, n, most); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// int64s reads little-endian raw data.
func int64s(b []byte) []int64 {
	list := make([]int64, len(b)/8)
	for i := range list {
		list[i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return list
}
