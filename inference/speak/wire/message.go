package wire

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"livedub/internal/worker/wire"
)

// Encode returns h's body.
func (h Hello) Encode() []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(h.Rate))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(h.Voices)))
	for _, v := range h.Voices {
		b = wire.AppendString(wire.AppendString(b, v.Lang), v.Name)
	}
	return b
}

// DecodeHello reads a worker's first message.
func DecodeHello(body []byte) (Hello, error) {
	s := wire.Scan(body)
	h := Hello{Rate: s.U32()}
	for range s.U16() {
		h.Voices = append(h.Voices, Voice{Lang: s.Str(), Name: s.Str()})
		if s.Bad() {
			return Hello{}, ErrBroken
		}
	}
	if h.Rate < 8000 || h.Rate > 192000 {
		return Hello{}, fmt.Errorf("%w (%d Hz)", ErrBroken, h.Rate)
	}
	if s.End() != nil {
		return Hello{}, ErrBroken
	}
	return h, nil
}

// Encode returns q's body. It fails if the text is longer than MaxText.
func (q Request) Encode() ([]byte, error) {
	if n := utf8.RuneCountInString(q.Text); n > MaxText {
		return nil, fmt.Errorf("espeakworker: text of %d characters; split it at %d", n, MaxText)
	}
	b := wire.AppendString(wire.AppendString(nil, q.Voice), q.Text)
	b = binary.LittleEndian.AppendUint16(b, uint16(q.Speed))
	b = append(b, byte(q.Pitch), byte(q.Range))
	if q.Phonemes {
		return append(b, 1), nil
	}
	return append(b, 0), nil
}

// DecodeRequest reads a request.
func DecodeRequest(body []byte) (Request, error) {
	s := wire.Scan(body)
	q := Request{Voice: s.Str(), Text: s.Str(), Speed: s.U16(), Pitch: s.U8(), Range: s.U8(), Phonemes: s.U8() == 1}
	if s.End() != nil {
		return Request{}, ErrBroken
	}
	if q.Speed < 80 || q.Speed > 450 || q.Pitch > 99 || q.Range > 99 || utf8.RuneCountInString(q.Text) > MaxText {
		return Request{}, fmt.Errorf("%w (a value out of range)", ErrBroken)
	}
	return q, nil
}

// EncodeClauses returns the body of an answer about phonemes.
func EncodeClauses(all []Clause) []byte {
	b := binary.LittleEndian.AppendUint16(nil, uint16(len(all)))
	for _, c := range all {
		b = wire.AppendString(binary.LittleEndian.AppendUint16(b, uint16(c.Runes)), c.IPA)
	}
	return b
}

// DecodeClauses reads the answer about the phonemes of a text of so many runes.
// What it returns covers no more than the text.
func DecodeClauses(body []byte, runes int) ([]Clause, error) {
	s := wire.Scan(body)
	n := s.U16()
	if n > maxClause {
		return nil, fmt.Errorf("%w (%d clauses)", ErrBroken, n)
	}
	var out []Clause
	for range n {
		c := Clause{Runes: s.U16(), IPA: s.Str()}
		if s.Bad() || c.Runes > runes || !utf8.ValidString(c.IPA) {
			return nil, ErrBroken
		}
		runes -= c.Runes
		out = append(out, c)
	}
	if s.End() != nil {
		return nil, ErrBroken
	}
	return out, nil
}

// Encode returns p's body.
func (p Reply) Encode() []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(p.Events)))
	for _, e := range p.Events {
		b = append(b, byte(e.Kind))
		b = binary.LittleEndian.AppendUint32(b, uint32(e.Sample))
		if e.Kind == Phoneme {
			b = wire.AppendString(b, e.IPA)
		} else {
			b = binary.LittleEndian.AppendUint16(b, uint16(e.Pos))
			b = binary.LittleEndian.AppendUint16(b, uint16(e.Len))
		}
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p.PCM)))
	return wire.AppendPCM(b, p.PCM)
}

// DecodeReply reads the answer to a request. In what it returns, events are in
// order of time and lie within the sound.
func DecodeReply(body []byte) (Reply, error) {
	s := wire.Scan(body)
	var p Reply
	n := s.U32()
	if n > maxEvents {
		return Reply{}, fmt.Errorf("%w (%d events)", ErrBroken, n)
	}
	for range n {
		e := Event{Kind: Kind(s.U8()), Sample: s.U32()}
		switch e.Kind {
		case Phoneme:
			e.IPA = s.Str()
		case Word:
			e.Pos, e.Len = s.U16(), s.U16()
		default:
			return Reply{}, ErrBroken
		}
		if s.Bad() {
			return Reply{}, ErrBroken
		}
		p.Events = append(p.Events, e)
	}
	p.PCM = s.PCM(s.U32())
	if s.End() != nil {
		return Reply{}, ErrBroken
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
