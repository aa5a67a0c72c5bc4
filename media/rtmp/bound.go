package rtmp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Bounds of what a peer may send.
const (
	leastChunk   = 128        // bytes, as each begins with; less only costs more to keep
	mostChunk    = 8 << 20    // of payload
	mostVideo    = 8 << 20    // bytes of a message
	mostAudio    = 256 << 10  // so
	mostCommand  = 64 << 10   // so, of commands and data: they may be nested and repeat, and are read to values
	mostControl  = 64         // so
	mostUnfinish = 16 << 20   // bytes of messages that have begun, together
	mostBefore   = 512 << 10  // bytes up to the publish command
	handshake    = 1 + 2*1536 // bytes
)

// Message types that matter here.
const (
	typeChunkSize = 1
	typeAbort     = 2
	lastControl   = 6
	typeAudio     = 8
	typeVideo     = 9
)

// ErrProtocol is wrapped by errors of what is no RTMP, or more of it than anyone needs.
var ErrProtocol = errors.New("not RTMP that can be taken")

// bound passes on what a peer sends, and fails before the reader behind it would have
// to hold or to read more than it should. It takes chunks apart as that does.
type bound struct {
	r     *bufio.Reader
	begun bool   // the handshake has
	free  int64  // bytes that may still come; <0 for any
	head  []byte // to be passed on
	body  int    // bytes that follow it

	size    int // of chunks
	streams [64]chunkStream
	held    int // bytes of messages that have begun
}

// chunkStream is the message that a chunk stream carries.
type chunkStream struct {
	known    bool
	extended bool // timestamps of four bytes more
	kind     byte
	length   int
	received int
}

func newBound(r io.Reader) *bound {
	return &bound{r: bufio.NewReader(r), free: mostBefore, size: leastChunk}
}

// unbounded lets any number of bytes come from now on.
func (b *bound) unbounded() { b.free = -1 }

func (b *bound) Read(p []byte) (int, error) {
	for len(b.head) == 0 && b.body == 0 {
		if err := b.next(); err != nil {
			return 0, err
		}
	}
	if len(p) == 0 {
		return 0, nil
	}
	var n int
	var err error
	if len(b.head) > 0 {
		n = copy(p, b.head)
		b.head = b.head[n:]
	} else {
		n, err = b.r.Read(p[:min(len(p), b.body)])
		b.body -= n
	}
	if b.free >= 0 {
		if b.free -= int64(n); b.free < 0 {
			return 0, fmt.Errorf("%w: more than %d bytes before anything is published", ErrProtocol, mostBefore)
		}
	}
	return n, err
}

// next reads one chunk's header.
func (b *bound) next() error {
	if !b.begun {
		b.begun = true
		version, err := b.r.ReadByte()
		if err != nil {
			return err
		}
		if version != 3 {
			return fmt.Errorf("%w: version %d of its handshake; 3 is the plain one", ErrProtocol, version)
		}
		b.head, b.body = []byte{version}, handshake-1
		return nil
	}
	first, err := b.r.ReadByte()
	if err != nil {
		return err
	}
	id := first & 0x3f
	if id < 2 {
		return fmt.Errorf("%w: a chunk stream beyond 63", ErrProtocol)
	}
	b.head = append(make([]byte, 0, 20), first)
	s := &b.streams[id]
	format := first >> 6
	switch {
	case format < 3 && s.received != 0:
		return fmt.Errorf("%w: a message within another", ErrProtocol)
	case format > 0 && !s.known:
		return fmt.Errorf("%w: a chunk that follows none", ErrProtocol)
	}
	if err := b.header(s, format); err != nil {
		return err
	}
	n := min(s.length-s.received, b.size)
	if s.received += n; s.received < s.length {
		b.held += n
	} else {
		b.held -= s.received - n
		s.received = 0
	}
	if b.held > mostUnfinish {
		return fmt.Errorf("%w: %d bytes of unfinished messages", ErrProtocol, b.held)
	}
	b.body = n
	if s.kind == typeChunkSize || s.kind == typeAbort {
		return b.control(s, n)
	}
	return nil
}

// header reads what a chunk of a format says of its message.
func (b *bound) header(s *chunkStream, format byte) error {
	if format == 3 {
		if s.extended {
			_, err := b.take(4)
			return err
		}
		return nil
	}
	h, err := b.take([]int{11, 7, 3}[format])
	if err != nil {
		return err
	}
	at := uint32(h[0])<<16 | uint32(h[1])<<8 | uint32(h[2])
	if format < 2 {
		s.known, s.kind, s.length = true, h[6], int(h[3])<<16|int(h[4])<<8|int(h[5])
	}
	if s.length > mostOf(s.kind) {
		return fmt.Errorf("%w: a message of type %d with %d bytes; %d at most", ErrProtocol, s.kind, s.length, mostOf(s.kind))
	}
	if s.extended = at == 0xffffff; s.extended {
		more, err := b.take(4)
		if err != nil {
			return err
		}
		s.extended = binary.BigEndian.Uint32(more) >= 0xffffff
	}
	return nil
}

// control obeys a message that tells how to read chunks.
func (b *bound) control(s *chunkStream, n int) error {
	if s.length != 4 || n != 4 {
		return fmt.Errorf("%w: a control message of %d bytes", ErrProtocol, s.length)
	}
	v, err := b.take(n)
	if err != nil {
		return err
	}
	b.body = 0
	value := binary.BigEndian.Uint32(v)
	switch {
	case s.kind == typeChunkSize && (value < leastChunk || value > mostChunk):
		return fmt.Errorf("%w: chunks of %d bytes; %d to %d", ErrProtocol, value, leastChunk, mostChunk)
	case s.kind == typeChunkSize:
		b.size = int(value)
	case value >= 2 && value < uint32(len(b.streams)) && b.streams[value].received != 0:
		cut := &b.streams[value]
		b.held -= cut.received
		cut.received, cut.length = 0, 0
	}
	return nil
}

// take reads n bytes that are passed on.
func (b *bound) take(n int) ([]byte, error) {
	from := len(b.head)
	b.head = b.head[:from+n]
	if _, err := io.ReadFull(b.r, b.head[from:]); err != nil {
		return nil, fmt.Errorf("a chunk's header: %w", err)
	}
	return b.head[from:], nil
}

func mostOf(kind byte) int {
	switch {
	case kind <= lastControl:
		return mostControl
	case kind == typeAudio:
		return mostAudio
	case kind == typeVideo:
		return mostVideo
	}
	return mostCommand
}
