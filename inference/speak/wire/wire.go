// Package wire is what the server and its espeak-ng worker say to each other
// over the worker's standard input and output.
//
// Each message is a frame: its length as uint32, then so many bytes, of which
// the first is Version. All numbers are little-endian; a string is its length
// as uint16 and its UTF-8 bytes. The server sends a Request, the worker answers
// with one Reply, and so on until the server closes the pipe. A worker's first
// message, unasked, is a Hello.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

const (
	Version    = 1
	MaxText    = 2000     // runes
	maxRequest = 16 << 10 // bytes: MaxText runes of four bytes, and the rest
	maxReply   = 64 << 20 // bytes: more than 20 minutes of speech
	maxEvents  = 1 << 17
)

// Hello tells what a worker can do.
type Hello struct {
	Rate   int     // Hz, of all sound it will send
	Voices []Voice // that are installed
}

// Voice is one language espeak-ng speaks.
type Voice struct {
	Lang string // BCP 47, lower case, as "es" or "en-us"
	Name string // how espeak-ng finds it
}

// Request asks for one text to be spoken.
type Request struct {
	Voice string // as espeak-ng names it, variant included: "es+f3"
	Text  string // plain text
	Speed int    // words a minute, 80..450
	Pitch int    // 0..99, 50 is the voice's own
	Range int    // of the intonation, 0..99, 50 is the voice's own
}

// Reply is the speech, or what was wrong.
type Reply struct {
	Err    string // empty if all went well
	Events []Event
	PCM    []int16 // mono
}

// Kind of an Event.
type Kind uint8

const (
	Phoneme Kind = iota + 1
	Word
)

// Event is a phoneme or a word that starts at a sample.
type Event struct {
	Kind   Kind
	Sample int    // from the start of PCM
	IPA    string // of a Phoneme; "" is a pause
	Pos    int    // of a Word: first rune in the text, from 0
	Len    int    // of a Word: runes
}

// ErrBroken is wrapped by every error about a message that is not as this package writes it.
var ErrBroken = errors.New("espeakworker: broken message; are server and worker of one release?")

// readFrame reads one frame of at most limit bytes and returns its body. It
// takes memory only for what really arrives.
func readFrame(r io.Reader, limit int) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n == 0 || int64(n) > int64(limit) {
		return nil, fmt.Errorf("%w (%d bytes)", ErrBroken, n)
	}
	var body []byte
	for len(body) < int(n) {
		at, step := len(body), min(int(n)-len(body), 1<<20)
		body = append(body, make([]byte, step)...)
		if _, err := io.ReadFull(r, body[at:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	if body[0] != Version {
		return nil, fmt.Errorf("%w (version %d, want %d)", ErrBroken, body[0], Version)
	}
	return body[1:], nil
}

func writeFrame(w io.Writer, body []byte) error {
	b := make([]byte, 0, len(body)+5)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)+1))
	b = append(append(b, Version), body...)
	_, err := w.Write(b)
	return err
}

func putString(b []byte, s string) []byte {
	s = s[:min(len(s), math.MaxUint16)]
	return append(binary.LittleEndian.AppendUint16(b, uint16(len(s))), s...)
}

// scanner takes numbers and strings off the front of a body. After the first
// one that is not there, bad is set and all further are zero.
type scanner struct {
	b   []byte
	bad bool
}

func (s *scanner) take(n int) []byte {
	if s.bad || n > len(s.b) {
		s.bad = true
		return nil
	}
	p := s.b[:n]
	s.b = s.b[n:]
	return p
}

func (s *scanner) u8() int {
	if p := s.take(1); p != nil {
		return int(p[0])
	}
	return 0
}

func (s *scanner) u16() int {
	if p := s.take(2); p != nil {
		return int(binary.LittleEndian.Uint16(p))
	}
	return 0
}

func (s *scanner) u32() int {
	if p := s.take(4); p != nil {
		return int(binary.LittleEndian.Uint32(p))
	}
	return 0
}

func (s *scanner) str() string { return string(s.take(s.u16())) }

// end returns an error unless the body was exactly what it should be.
func (s *scanner) end() error {
	if s.bad || len(s.b) > 0 {
		return ErrBroken
	}
	return nil
}
