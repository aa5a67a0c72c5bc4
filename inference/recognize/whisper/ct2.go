package whisper

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// Element types of CTranslate2's files, by its numbers.
const (
	ct2Float = 0
	ct2Int8  = 1
	ct2Int16 = 2
	ct2Int32 = 3
	ct2Half  = 4
)

var ct2Sizes = map[byte]int64{ct2Float: 4, ct2Int8: 1, ct2Int16: 2, ct2Int32: 4, ct2Half: 2}

const (
	ct2Version   = 6
	ct2Spec      = "WhisperSpec"
	ct2Revision  = 3
	maxVariables = 1 << 14
	maxRank      = 8
)

// variable is one tensor or number of a file; its data stays there.
type variable struct {
	typ   byte
	shape []int
	at    int64 // where its data begins
	size  int64 // bytes
}

// ct2File is a model.bin whose table of contents has been read.
type ct2File struct {
	r    io.ReaderAt
	vars map[string]variable
}

// readCT2 reads the table of contents of a file of size bytes. It believes
// nothing: sizes must agree, names must be new, and the file must end where
// its contents do.
func readCT2(r io.ReaderAt, size int64) (*ct2File, error) {
	s := &ct2Scanner{r: bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 64<<10), left: size}
	f := &ct2File{r: r, vars: map[string]variable{}}
	version := s.u32()
	if s.err == nil && version != ct2Version {
		return nil, fmt.Errorf("it is no CTranslate2 model of version %d (it says %d): convert it with a CTranslate2 of 2023 or later", ct2Version, version)
	}
	spec, revision := s.text(), s.u32()
	if s.err == nil && (spec != ct2Spec || revision != ct2Revision) {
		return nil, fmt.Errorf("it holds a %q of revision %d, not a %s of revision %d: this is no Whisper model", spec, revision, ct2Spec, ct2Revision)
	}
	n := s.u32()
	if s.err == nil && n > maxVariables {
		return nil, fmt.Errorf("it lists %d variables, more than %d: the file is damaged", n, maxVariables)
	}
	for range n {
		name, v, err := s.variable(size)
		if err != nil {
			return nil, err
		}
		if _, ok := f.vars[name]; ok {
			return nil, fmt.Errorf("it lists the variable %q twice: the file is damaged", name)
		}
		f.vars[name] = v
	}
	aliases := s.u32()
	if s.err == nil && aliases > maxVariables {
		return nil, fmt.Errorf("it lists %d aliases, more than %d: the file is damaged", aliases, maxVariables)
	}
	for range aliases {
		alias, name := s.text(), s.text()
		if s.err != nil {
			break
		}
		v, ok := f.vars[name]
		if _, taken := f.vars[alias]; !ok || taken {
			return nil, fmt.Errorf("its alias %q of %q is taken or leads nowhere: the file is damaged", alias, name)
		}
		f.vars[alias] = v
	}
	if s.err != nil {
		return nil, s.err
	}
	if s.left != 0 {
		return nil, fmt.Errorf("%d bytes follow its end: the file is damaged", s.left)
	}
	return f, nil
}

var errCut = errors.New("it ends in the middle: download or copy it again")

// ct2Scanner reads a file from its beginning. After an error all that it reads is empty.
type ct2Scanner struct {
	r    *bufio.Reader
	left int64 // bytes
	err  error
}

func (s *ct2Scanner) bytes(n int64) []byte {
	if s.err == nil && n > s.left {
		s.err = errCut
	}
	if s.err != nil {
		return make([]byte, min(n, 8))
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(s.r, b); err != nil {
		s.err = err
	}
	s.left -= n
	return b
}

func (s *ct2Scanner) u8() byte    { return s.bytes(1)[0] }
func (s *ct2Scanner) u32() uint32 { return binary.LittleEndian.Uint32(s.bytes(4)) }

// text reads a string of at most 64 KiB that ends with a zero byte.
func (s *ct2Scanner) text() string {
	n := binary.LittleEndian.Uint16(s.bytes(2))
	if s.err != nil {
		return ""
	}
	text, end := strings.CutSuffix(string(s.bytes(int64(n))), "\x00")
	if s.err == nil && (!end || strings.ContainsRune(text, 0)) {
		s.err = errors.New("a name in it does not end as names do: the file is damaged")
	}
	return text
}

func (s *ct2Scanner) variable(size int64) (string, variable, error) {
	name := s.text()
	var v variable
	rank := s.u8()
	if s.err == nil && rank > maxRank {
		return "", v, fmt.Errorf("%q has %d dimensions: the file is damaged", name, rank)
	}
	count := int64(1)
	for range rank {
		d := int64(s.u32())
		if d > 0 && count > math.MaxInt32/d {
			return "", v, fmt.Errorf("%q has more than %d elements: the file is damaged", name, math.MaxInt32)
		}
		count *= d
		v.shape = append(v.shape, int(d))
	}
	v.typ, v.size = s.u8(), int64(s.u32())
	if s.err != nil {
		return "", v, s.err
	}
	each, ok := ct2Sizes[v.typ]
	if !ok {
		return "", v, fmt.Errorf("%q is of the element type %d, which is not known here: take the model in float16", name, v.typ)
	}
	if count*each != v.size {
		return "", v, fmt.Errorf("%q has %d bytes where its shape %v wants %d: the file is damaged", name, v.size, v.shape, count*each)
	}
	v.at = size - s.left
	if v.size > s.left {
		return "", v, errCut
	}
	for left := v.size; left > 0; {
		n, err := s.r.Discard(int(min(left, 1<<20)))
		if err != nil {
			return "", v, err
		}
		left -= int64(n)
	}
	s.left -= v.size
	return name, v, nil
}

// number reads a variable that is one whole number.
func (f *ct2File) number(name string) (int, error) {
	v, ok := f.vars[name]
	if !ok || len(v.shape) != 0 || v.typ == ct2Float || v.typ == ct2Half {
		return 0, fmt.Errorf("it has no whole number %q: this is no Whisper model", name)
	}
	b := make([]byte, 4)
	if _, err := f.r.ReadAt(b[:v.size], v.at); err != nil {
		return 0, err
	}
	switch v.typ {
	case ct2Int8:
		return int(int8(b[0])), nil
	case ct2Int16:
		return int(int16(binary.LittleEndian.Uint16(b))), nil
	}
	return int(int32(binary.LittleEndian.Uint32(b))), nil
}

// raw reads the rows from..to of a variable, as they lie in the file.
func (f *ct2File) raw(name string, from, to int) ([]byte, error) {
	v := f.vars[name]
	row := v.size / int64(v.shape[0])
	b := make([]byte, int64(to-from)*row)
	if _, err := f.r.ReadAt(b, v.at+int64(from)*row); err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	return b, nil
}

// floats reads the rows from..to of a variable of fp32 or fp16.
func (f *ct2File) floats(name string, from, to int) ([]float32, error) {
	b, err := f.raw(name, from, to)
	if err != nil {
		return nil, err
	}
	if f.vars[name].typ == ct2Float {
		out := make([]float32, len(b)/4)
		for i := range out {
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
		return out, nil
	}
	out := make([]float32, len(b)/2)
	for i := range out {
		out[i] = fromHalf(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return out, nil
}

// fromHalf returns the value of an IEEE 754 half.
func fromHalf(h uint16) float32 {
	sign, exp, man := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch exp {
	case 0: // subnormal: man x 2^-24
		return math.Float32frombits(sign | math.Float32bits(float32(man)*0x1p-24))
	case 31:
		return math.Float32frombits(sign | 0xff<<23 | man<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | man<<13)
}
