package wire

import (
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf8"
)

// WriteHello sends h.
func WriteHello(w io.Writer, h Hello) error {
	b := binary.LittleEndian.AppendUint32(nil, uint32(h.Rate))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(h.Voices)))
	for _, v := range h.Voices {
		b = putString(putString(b, v.Lang), v.Name)
	}
	return writeFrame(w, b)
}

// ReadHello reads a worker's first message.
func ReadHello(r io.Reader) (Hello, error) {
	b, err := readFrame(r, 1<<20)
	if err != nil {
		return Hello{}, err
	}
	s := &scanner{b: b}
	h := Hello{Rate: s.u32()}
	for range s.u16() {
		h.Voices = append(h.Voices, Voice{Lang: s.str(), Name: s.str()})
		if s.bad {
			break
		}
	}
	if h.Rate < 8000 || h.Rate > 192000 {
		return Hello{}, fmt.Errorf("%w (%d Hz)", ErrBroken, h.Rate)
	}
	return h, s.end()
}

// WriteRequest sends q. It fails if the text is longer than MaxText.
func WriteRequest(w io.Writer, q Request) error {
	if n := utf8.RuneCountInString(q.Text); n > MaxText {
		return fmt.Errorf("espeakworker: text of %d characters; split it at %d", n, MaxText)
	}
	b := putString(putString(nil, q.Voice), q.Text)
	b = binary.LittleEndian.AppendUint16(b, uint16(q.Speed))
	b = append(b, byte(q.Pitch), byte(q.Range))
	return writeFrame(w, b)
}

// ReadRequest reads the next request; io.EOF is the end.
func ReadRequest(r io.Reader) (Request, error) {
	b, err := readFrame(r, maxRequest)
	if err != nil {
		return Request{}, err
	}
	s := &scanner{b: b}
	q := Request{Voice: s.str(), Text: s.str(), Speed: s.u16(), Pitch: s.u8(), Range: s.u8()}
	if err := s.end(); err != nil {
		return Request{}, err
	}
	if q.Speed < 80 || q.Speed > 450 || q.Pitch > 99 || q.Range > 99 || utf8.RuneCountInString(q.Text) > MaxText {
		return Request{}, fmt.Errorf("%w (a value out of range)", ErrBroken)
	}
	return q, nil
}

// WriteReply sends p.
func WriteReply(w io.Writer, p Reply) error {
	b := putString(nil, p.Err)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p.Events)))
	for _, e := range p.Events {
		b = append(b, byte(e.Kind))
		b = binary.LittleEndian.AppendUint32(b, uint32(e.Sample))
		if e.Kind == Phoneme {
			b = putString(b, e.IPA)
		} else {
			b = binary.LittleEndian.AppendUint16(b, uint16(e.Pos))
			b = binary.LittleEndian.AppendUint16(b, uint16(e.Len))
		}
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p.PCM)))
	for _, v := range p.PCM {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return writeFrame(w, b)
}

// ReadReply reads the answer to a request. In what it returns, events are in
// order of time and lie within the sound.
func ReadReply(r io.Reader) (Reply, error) {
	b, err := readFrame(r, maxReply)
	if err != nil {
		return Reply{}, err
	}
	s := &scanner{b: b}
	p := Reply{Err: s.str()}
	n := s.u32()
	if n > maxEvents {
		return Reply{}, fmt.Errorf("%w (%d events)", ErrBroken, n)
	}
	for range n {
		e := Event{Kind: Kind(s.u8()), Sample: s.u32()}
		switch e.Kind {
		case Phoneme:
			e.IPA = s.str()
		case Word:
			e.Pos, e.Len = s.u16(), s.u16()
		default:
			s.bad = true
		}
		if s.bad {
			return Reply{}, ErrBroken
		}
		p.Events = append(p.Events, e)
	}
	pcm := s.take(2 * s.u32())
	if err := s.end(); err != nil {
		return Reply{}, err
	}
	p.PCM = make([]int16, len(pcm)/2)
	for i := range p.PCM {
		p.PCM[i] = int16(binary.LittleEndian.Uint16(pcm[2*i:]))
	}
	last := 0
	for _, e := range p.Events {
		if e.Sample < last || e.Sample > len(p.PCM) {
			return Reply{}, fmt.Errorf("%w (an event at sample %d)", ErrBroken, e.Sample)
		}
		last = e.Sample
	}
	return p, nil
}
