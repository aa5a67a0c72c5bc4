// Package wire is what the server and its espeak-ng worker say to each other:
// the bodies of the messages of livedub/internal/worker/wire. A Hello is a
// Hello's body, a Request a request's, a Reply a reply's; what cannot be spoken
// is refused. A string is its length as uint16 and its UTF-8 bytes.
package wire

import (
	"fmt"

	"livedub/internal/worker/wire"
)

const (
	MaxText   = 2000     // runes
	MaxReply  = 64 << 20 // bytes: more than 20 minutes of speech
	maxEvents = 1 << 17
	maxClause = 1 << 12 // of one text, clauses
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

	Phonemes bool // not to be spoken: the answer is Clauses
}

// Reply is the speech.
type Reply struct {
	Events []Event
	PCM    []int16 // mono
}

// Clause is how a part of a text is pronounced.
type Clause struct {
	Runes int    // of the text, its punctuation included
	IPA   string // words between spaces
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

// ErrBroken is wrapped by every error about a body that is not as this package writes it.
var ErrBroken = fmt.Errorf("espeakworker: %w", wire.ErrBroken)
