// Package wire is what the server and its worker processes say to each other
// over the worker's standard input and output.
//
// Each message is a frame: its length as uint32, then so many bytes: Version,
// the Kind, the ID as uint32, and the body, which is the engine's own affair.
// All numbers are little-endian.
//
// A worker's first message, unasked, is a Hello, or a Refusal if it cannot
// work. The server numbers what it sends 1, 2, ... A worker takes messages in
// that order and answers each Request and each Cancel, in the same order, with
// one message of the same ID. It ends when its input does.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Version is the protocol's: server and worker must be of one release.
const Version = 2

// MaxHello is the longest body of a worker's first message, in bytes.
const MaxHello = 1 << 20

// Kind says what a message is for.
type Kind uint8

const (
	Hello   Kind = iota + 1 // worker: what it can do
	Request                 // server: wants a Reply or a Refusal
	Notice                  // server: wants no answer
	Cancel                  // server: nobody waits for anything sent before; wants an empty Reply
	Reply                   // worker: the answer
	Refusal                 // worker: why there is no answer, as text; the worker is well
)

func (k Kind) String() string {
	names := [...]string{"hello", "request", "notice", "cancel", "reply", "refusal"}
	if k < Hello || k > Refusal {
		return fmt.Sprintf("kind %d", uint8(k))
	}
	return names[k-1]
}

// Message is one frame.
type Message struct {
	Kind Kind
	ID   uint32
	Body []byte
}

// head is the length of what precedes the body, the frame's length excluded.
const head = 1 + 1 + 4

// ErrBroken is wrapped by every error about a message that is not as the
// protocol has it.
var ErrBroken = errors.New("broken message; are server and worker of one release?")

// Append appends a message's frame to b.
func Append(b []byte, m Message) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(head+len(m.Body)))
	b = append(b, Version, byte(m.Kind))
	b = binary.LittleEndian.AppendUint32(b, m.ID)
	return append(b, m.Body...)
}

// Write sends a message, in one call of w.Write.
func Write(w io.Writer, m Message) error {
	_, err := w.Write(Append(make([]byte, 0, 4+head+len(m.Body)), m))
	return err
}

// Read reads the next message, whose body has at most limit bytes. It takes
// memory only for what really arrives. io.EOF is the end between two messages.
func Read(r io.Reader, limit int) (Message, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return Message{}, err
	}
	n := binary.LittleEndian.Uint32(length[:])
	if n < head || int64(n) > int64(limit)+head {
		return Message{}, fmt.Errorf("%w (%d bytes)", ErrBroken, n)
	}
	var frame []byte
	for len(frame) < int(n) {
		at, step := len(frame), min(int(n)-len(frame), 1<<20)
		frame = append(frame, make([]byte, step)...)
		if _, err := io.ReadFull(r, frame[at:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return Message{}, err
		}
	}
	m := Message{Kind: Kind(frame[1]), ID: binary.LittleEndian.Uint32(frame[2:]), Body: frame[head:]}
	switch {
	case frame[0] != Version:
		return Message{}, fmt.Errorf("%w (version %d, want %d)", ErrBroken, frame[0], Version)
	case m.Kind < Hello || m.Kind > Refusal:
		return Message{}, fmt.Errorf("%w (%v)", ErrBroken, m.Kind)
	}
	return m, nil
}
