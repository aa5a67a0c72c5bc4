package wire

import (
	"context"
	"errors"
)

// Library is what a worker recognizes by. Its calls come one after another.
type Library interface {
	// Reset forgets the last speaker.
	Reset() error
	// Start begins an utterance, End ends it.
	Start() error
	// Feed takes the utterance's next sound: 16 kHz mono.
	Feed(pcm []int16) error
	End() error
	// Words returns what was heard so far, after End the final words.
	Words() ([]Segment, error)
}

// Teller is a Library that tells the language of what it heard last, "" for none.
type Teller interface{ Lang() string }

// Listener does for a server what a worker is asked to: an engine of package
// livedub/internal/worker/child that hears one utterance after another.
type Listener struct {
	library Library
	within  bool  // an utterance
	err     error // of a notice: the next answer; until reset
}

// NewListener returns a listener that recognizes by a library.
func NewListener(l Library) *Listener { return &Listener{library: l} }

var errOrder = errors.New("what was asked is out of order")

// Notice takes what wants no answer.
func (l *Listener) Notice(body []byte) {
	op, pcm, err := Decode(body)
	switch {
	case l.err != nil:
	case err != nil:
		l.err = err
	case op == OpStart && !l.within:
		l.err = l.library.Start()
		l.within = l.err == nil
	case op == OpFeed && l.within:
		l.err = l.library.Feed(pcm)
	default:
		l.err = errOrder
	}
}

// Answer answers a request. No part of a library's work can be cut short.
func (l *Listener) Answer(_ context.Context, body []byte) ([]byte, error) {
	op, _, err := Decode(body)
	if err != nil {
		return nil, err
	}
	if op == OpReset {
		return nil, l.reset()
	}
	switch {
	case l.err != nil:
		return nil, l.err
	case op == OpLang:
		if t, ok := l.library.(Teller); ok {
			return []byte(t.Lang()), nil
		}
		return nil, nil
	case !l.within || op != OpWords && op != OpEnd:
		return nil, errOrder
	case op == OpEnd:
		l.within = false
		if l.err = l.library.End(); l.err != nil {
			return nil, l.err
		}
	}
	words, err := l.library.Words()
	if err != nil {
		return nil, err
	}
	return EncodeWords(words), nil
}

func (l *Listener) reset() error {
	if l.within {
		l.within = false
		if err := l.library.End(); err != nil {
			return err
		}
	}
	l.err = l.library.Reset()
	return l.err
}
