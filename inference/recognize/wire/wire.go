// Package wire is what the server and a recognition worker say to each other:
// the bodies of the messages of livedub/internal/worker/wire. The hello is
// empty. A notice or request is one byte, the Op, and what it needs; the answer
// to OpWords and OpEnd is the utterance's words, that to OpLang a language's code,
// that to OpReset nothing.
package wire

import (
	"encoding/binary"
	"fmt"
	"math"

	"livedub/internal/worker/wire"
)

// Op is what a worker is to do.
type Op byte

const (
	OpReset Op = iota + 1 // request: forget the last speaker, whatever state the decoder is in
	OpStart               // notice: an utterance begins
	OpFeed                // notice: more sound of the utterance
	OpWords               // request: what was heard so far
	OpEnd                 // request: the utterance ends; what was heard
	OpLang                // request: the language of what was heard last, where the engine tells it
)

const (
	// MaxFeed is how much sound one notice may hold, in samples.
	MaxFeed = 1 << 16
	// MaxReply is the longest answer, in bytes.
	MaxReply = 256 << 10
	maxFrame = 1 << 24 // of 10 ms: two days
)

// Segment is one recognized word in frames of 10 ms since the utterance's first sample.
type Segment struct {
	Word       string
	Start, End int     // End is exclusive
	Confidence float64 // posterior probability, 0..1; meaningless before the utterance's end
}

// ErrBroken is wrapped by every error about a body that is not as this package writes it.
var ErrBroken = fmt.Errorf("recognition worker: %w", wire.ErrBroken)

// Encode returns the body for an op without sound.
func (op Op) Encode() []byte { return []byte{byte(op)} }

// EncodeFeed returns the body of an OpFeed; pcm has at most MaxFeed samples.
func EncodeFeed(pcm []int16) []byte {
	return wire.AppendPCM(append(make([]byte, 0, 1+2*len(pcm)), byte(OpFeed)), pcm)
}

// Decode reads a notice or a request; pcm is OpFeed's sound.
func Decode(body []byte) (op Op, pcm []int16, err error) {
	s := wire.Scan(body)
	op = Op(s.U8())
	if op == OpFeed {
		pcm = s.PCM(min(s.Left()/2, MaxFeed))
	}
	if s.End() != nil || op < OpReset || op > OpLang {
		return 0, nil, ErrBroken
	}
	return op, pcm, nil
}

// EncodeWords returns the body of an answer.
func EncodeWords(words []Segment) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(words)))
	for _, w := range words {
		b = wire.AppendString(b, w.Word)
		b = binary.LittleEndian.AppendUint32(b, uint32(w.Start))
		b = binary.LittleEndian.AppendUint32(b, uint32(w.End))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(w.Confidence))
	}
	return b
}

// DecodeWords reads an answer to OpWords or OpEnd. In what it returns no word is
// empty or ends before it starts, and confidences are numbers of 0 to 1.
func DecodeWords(body []byte) ([]Segment, error) {
	s := wire.Scan(body)
	var words []Segment
	for range s.U32() {
		w := Segment{Word: s.Str(), Start: s.U32(), End: s.U32(), Confidence: s.F64()}
		if s.Bad() || w.Word == "" || w.End < w.Start || w.End > maxFrame || !(w.Confidence >= 0 && w.Confidence <= 1) {
			return nil, ErrBroken
		}
		words = append(words, w)
	}
	if s.End() != nil {
		return nil, ErrBroken
	}
	return words, nil
}
