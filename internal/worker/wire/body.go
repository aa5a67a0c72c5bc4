package wire

import (
	"encoding/binary"
	"math"
)

// AppendString appends a string as a Scanner reads it: its length as uint16 and
// its bytes, of which those beyond 65535 are left out.
func AppendString(b []byte, s string) []byte {
	s = s[:min(len(s), math.MaxUint16)]
	return append(binary.LittleEndian.AppendUint16(b, uint16(len(s))), s...)
}

// AppendPCM appends samples of 16 bits.
func AppendPCM(b []byte, pcm []int16) []byte {
	for _, v := range pcm {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return b
}

// Scanner takes numbers and strings off the front of a body. After the first
// one that is not there, Bad tells so and all further are zero.
type Scanner struct {
	rest []byte
	bad  bool
}

// Scan begins at the start of body.
func Scan(body []byte) *Scanner { return &Scanner{rest: body} }

// Take returns the next n bytes; nil if there are fewer.
func (s *Scanner) Take(n int) []byte {
	if s.bad || n < 0 || n > len(s.rest) {
		s.bad = true
		return nil
	}
	p := s.rest[:n]
	s.rest = s.rest[n:]
	return p
}

// U8 returns the next byte.
func (s *Scanner) U8() int {
	if p := s.Take(1); p != nil {
		return int(p[0])
	}
	return 0
}

// U16 returns the next uint16.
func (s *Scanner) U16() int {
	if p := s.Take(2); p != nil {
		return int(binary.LittleEndian.Uint16(p))
	}
	return 0
}

// U32 returns the next uint32.
func (s *Scanner) U32() int {
	if p := s.Take(4); p != nil {
		return int(binary.LittleEndian.Uint32(p))
	}
	return 0
}

// F64 returns the next number of IEEE 754, of 64 bits.
func (s *Scanner) F64() float64 {
	if p := s.Take(8); p != nil {
		return math.Float64frombits(binary.LittleEndian.Uint64(p))
	}
	return 0
}

// Str returns the next string.
func (s *Scanner) Str() string { return string(s.Take(s.U16())) }

// PCM returns the next n samples of 16 bits.
func (s *Scanner) PCM(n int) []int16 {
	b := s.Take(2 * n)
	pcm := make([]int16, len(b)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return pcm
}

// Left returns how many bytes are left.
func (s *Scanner) Left() int { return len(s.rest) }

// Bad tells whether something was not there.
func (s *Scanner) Bad() bool { return s.bad }

// End returns ErrBroken unless the body held what was taken and no more.
func (s *Scanner) End() error {
	if s.bad || len(s.rest) > 0 {
		return ErrBroken
	}
	return nil
}
