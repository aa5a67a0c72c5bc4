// Package inference holds the words of the dubbing chain (phrase, translation,
// speech, mark, viseme, face) and one interface a stage. Engines stand in the
// packages beside it and know nothing of each other; every time below is on
// the session clock unless it says otherwise.
package inference

import (
	"context"
	"errors"
	"time"

	"livedub/media"
)

// ErrUnsupported is wrapped by engines asked for a language or pair they do not
// have; the message lists what they do have.
var ErrUnsupported = errors.New("unsupported language")

// ErrRefused is wrapped by engines that refuse a text for what it is: too long, or
// nothing that they can say. They would refuse it again.
var ErrRefused = errors.New("the text is refused")

// Lang is a language by its ISO 639-1 code, as "en" or "es".
type Lang string

// Auto is asked for in place of a language: the recognizer tells it by ear.
const Auto Lang = "auto"

// Pair is a translation direction.
type Pair struct{ From, To Lang }

func (p Pair) String() string { return string(p.From) + "->" + string(p.To) }

// Word is one recognized word.
type Word struct {
	Text       string
	Start, End time.Duration
	Confidence float64 // 0..1; 0 where the engine tells none
}

// Pitch is the range of a voice's fundamental frequency, in Hz; zero if unknown.
type Pitch struct{ Low, Median, High float64 } // 10th, 50th, 90th percentile

// Phrase is one unit of speech: what is translated and spoken as one.
//
// A partial phrase is the recognizer's present guess of the unit that is being
// spoken and is replaced by the next one with the same ID; a final phrase never changes.
type Phrase struct {
	ID         int // 1, 2, ... in the order spoken
	Lang       Lang
	Text       string
	Words      []Word        // in order; may be empty in a partial phrase
	Start, End time.Duration // onset of the first word, end of the last
	Final      bool
	Pitch      Pitch // of the speaker over this unit
}

// Policy says when words of a unit that is still being spoken are final.
type Policy string

const (
	UnitPolicy     Policy = "unit"            // once the unit has ended, by a pause or by its length
	LocalAgreement Policy = "local_agreement" // once two guesses in a row agree on them
	WaitK          Policy = "wait_k"          // once so many more words were heard
)

// Policies are all of them.
var Policies = []Policy{UnitPolicy, LocalAgreement, WaitK}

// Listening says what one stream is to hear.
type Listening struct {
	Lang   Lang   // Auto: told by ear
	Among  []Lang // to be told from one another, with Auto; nil: all that the recognizer has
	Policy Policy // "" is UnitPolicy
}

// Recognizer turns speech to phrases.
type Recognizer interface {
	// Languages returns what can be recognized here and now; Auto, at its end, where languages are told by ear.
	Languages() []Lang
	// Open starts listening for one speaker. It fails with ErrUnsupported for an unknown language.
	Open(ctx context.Context, l Listening) (RecognizerStream, error)
	Close() error
}

// RecognizerStream hears one speaker. It is used by one goroutine.
type RecognizerStream interface {
	// Write hears mono 16 kHz sound and returns the phrases that it completes or
	// changes, oldest first. Sound must come in order; a gap in time counts as silence.
	Write(ctx context.Context, s media.Samples) ([]Phrase, error)
	// Flush ends the unit being spoken and returns what is left; the stream can be written to afterwards.
	Flush(ctx context.Context) ([]Phrase, error)
	Close() error
}

// AutoStream is what a RecognizerStream implements besides that tells by ear which
// language is spoken.
type AutoStream interface {
	RecognizerStream
	// Choose changes the languages to be told from one another.
	Choose(among []Lang)
	// Behind tells that Flush left sound unheard, since one call must not take long:
	// Flush is to be called again.
	Behind() bool
}

// Translator turns text of one language to another. It is safe for concurrent use.
type Translator interface {
	// Pairs returns the directions that work here and now.
	Pairs() []Pair
	// Translate returns the text of one phrase in r.Pair.To. It fails with ErrUnsupported
	// for an unknown pair, with ErrRefused for a text that is too long.
	Translate(ctx context.Context, r TranslationRequest) (string, error)
	Close() error
}

// TranslationRequest asks for one phrase to be translated. Pair and Text are all
// that an engine needs; it uses of the others what it can, but for Glossary.
type TranslationRequest struct {
	Pair     Pair
	Text     string
	Before   []Exchange    // the phrases before this one, oldest first; at most MaxBefore
	Glossary []Term        // what words become in Pair.To; every engine abides by it
	Fit      time.Duration // how long the dub should last; 0 for unknown
}

// MaxBefore is how many phrases before it a translation is told of.
const MaxBefore = 5

// Exchange is a phrase that was translated before.
type Exchange struct{ Source, Translation string }

// Term is a word, or a few, whose translation the user has named. It stands for
// itself where whole words of a text are From, whatever their case; To is put
// there as it is written. A To that is From is a name that stays as it is.
type Term struct{ From, To string }

// SpeechRequest asks for one phrase to be spoken.
type SpeechRequest struct {
	Lang   Lang
	Text   string
	Fit    time.Duration // how long the speech should last; 0 for the natural length
	Pitch  Pitch         // of the speaker to resemble; zero for the voice's own
	Gender Gender        // Unspecified: chosen by Pitch
}

// Gender is the kind of voice asked for.
type Gender uint8

const (
	Unspecified Gender = iota
	Female
	Male
)

// Speech is a phrase, spoken.
type Speech struct {
	Sound media.Samples // mono; Sound.PTS is 0: the dub's start is the origin of every time in a Speech
	Marks []Mark        // phonemes in order, contiguous, from the first to the last sounding sample
	Words []Word        // words of the spoken text, relative to the start of Sound
	Rate  float64       // speed against the voice's natural one, 0.9..1.35
	Voice string        // name of the voice that spoke
	// Unread is how many letters of the text were left out, because the voice does
	// not read their script.
	Unread int
}

// Mark is one phoneme of a Speech.
type Mark struct {
	IPA    string
	Viseme Viseme
	At     time.Duration // relative to the start of the sound
	Dur    time.Duration
}

// Clause is a part of a text, as it is pronounced.
type Clause struct {
	Text string // its punctuation included
	IPA  string // words between spaces, with stress marks
	// Unread is how many letters were left out of Text, because nobody here knows
	// how they are pronounced in the language.
	Unread int
}

// Phonemizer tells how text is pronounced. It is safe for concurrent use.
type Phonemizer interface {
	// Phonemes returns the clauses of a text in order. accent is a BCP 47 tag, as
	// "pt-br"; it fails with ErrUnsupported for one that it does not know, and with
	// ErrRefused for a text in letters that it cannot read.
	Phonemes(ctx context.Context, accent, text string) ([]Clause, error)
}

// Synthesizer speaks text. It is safe for concurrent use.
type Synthesizer interface {
	Languages() []Lang
	// Speak fails with ErrUnsupported for an unknown language, with ErrRefused
	// for a text that it refuses.
	Speak(ctx context.Context, r SpeechRequest) (Speech, error)
	Close() error
}

// Estimator is what a Synthesizer implements that takes long, and knows how long.
type Estimator interface {
	// Estimate returns how long Speak will work for a request, waiting for others not counted; 0 for unknown.
	Estimate(r SpeechRequest) time.Duration
}

// Coster is what a stage implements that works in other processes: the CPU
// time they used since the stage was opened.
type Coster interface{ CPU() time.Duration }
