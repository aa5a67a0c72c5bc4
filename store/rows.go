package store

import (
	"encoding/json"
	"time"
)

// Batch is rows to be kept together.
type Batch struct {
	Sessions   []Session   `json:"sessions,omitempty"`
	Dubs       []Dub       `json:"dubs,omitempty"`
	Phrases    []Phrase    `json:"phrases,omitempty"`
	Consents   []Consent   `json:"consents,omitempty"`
	Events     []Event     `json:"events,omitempty"`
	Recordings []Recording `json:"recordings,omitempty"`
}

// Session is one session. Its key is Epoch.
type Session struct {
	Epoch   string    `json:"epoch"` // a UUID
	Name    string    `json:"name"`
	Node    string    `json:"node,omitempty"` // that has it
	From    string    `json:"from"`
	To      []string  `json:"to,omitempty"`
	Profile string    `json:"profile,omitempty"`
	DelayMS int       `json:"delay_ms"`
	Created time.Time `json:"created"`
	Ended   time.Time `json:"ended,omitzero"` // zero while it goes on
	Phrases int       `json:"phrases"`        // recognized
	Lost    int       `json:"lost,omitempty"` // records of it that could not be kept
	Fence   int64     `json:"fence,omitempty"`
}

// Dub is one target language of a session. Its key is Epoch, Lang. Times are session time.
type Dub struct {
	Epoch   string        `json:"epoch"`
	Lang    string        `json:"lang"`
	Began   time.Duration `json:"began"`
	Ended   time.Duration `json:"ended,omitempty"`
	Played  int           `json:"played"`           // phrases
	Skipped int           `json:"skipped"`          // phrases
	Ladder  string        `json:"ladder,omitempty"` // where it stood last
	Fence   int64         `json:"fence,omitempty"`
}

// Phrase is a phrase in one dub, or, where Lang is the language that was spoken, as
// it was recognized. Its key is Epoch, Lang, ID. Times are source time; a dub is heard
// the session's delay later.
type Phrase struct {
	Epoch      string         `json:"epoch"`
	Lang       string         `json:"lang"`
	ID         int            `json:"id"`
	SourceLang string         `json:"source_lang,omitempty"`
	SourceText string         `json:"source_text,omitempty"`
	Text       string         `json:"text,omitempty"`
	Start      time.Duration  `json:"start"`
	End        time.Duration  `json:"end"`
	DubStart   *time.Duration `json:"dub_start,omitempty"`
	DubEnd     *time.Duration `json:"dub_end,omitempty"`
	Late       *time.Duration `json:"late,omitempty"`
	Outcome    string         `json:"outcome,omitempty"` // "played" or why not; "" while it is under way
	Recognizer string         `json:"recognizer,omitempty"`
	Translator string         `json:"translator,omitempty"`
	Voice      string         `json:"voice,omitempty"`
	Fence      int64          `json:"fence,omitempty"`
}

// Consent is what the speaker agreed to. Its key is Epoch, Seq.
type Consent struct {
	Epoch string    `json:"epoch"`
	Seq   uint64    `json:"seq"`
	Given bool      `json:"given"`
	At    time.Time `json:"at"`
	Fence int64     `json:"fence,omitempty"`
}

// Event is something else that happened. Its key is Epoch, Seq.
type Event struct {
	Epoch string          `json:"epoch"`
	Seq   uint64          `json:"seq"`
	At    time.Duration   `json:"at"` // session time
	Lang  string          `json:"lang,omitempty"`
	Kind  string          `json:"kind"` // "publisher", "viewers", "ladder", "gap", ...
	Data  json.RawMessage `json:"data,omitempty"`
	Fence int64           `json:"fence,omitempty"`
}

// Recording is what was recorded of a session. Its key is ID.
type Recording struct {
	ID        string             `json:"id"` // the session's epoch
	Session   string             `json:"session"`
	From      string             `json:"from"`
	Languages []RecordedLanguage `json:"languages"`
	Created   time.Time          `json:"created"`
	Ended     time.Time          `json:"ended,omitzero"` // zero while it grows
	State     string             `json:"state"`          // one of the constants
	Why       string             `json:"why,omitempty"`  // it is cut short
	Consent   time.Time          `json:"consent,omitzero"`
	Engines   map[string]string  `json:"engines,omitempty"` // by stage
	Fence     int64              `json:"fence,omitempty"`
}

// States of a recording.
const (
	Growing  = "growing"   // playable, by segments
	Whole    = "whole"     // it has ended
	CutShort = "cut_short" // it has ended, and something is missing
)

// RecordedLanguage is a language of a recording.
type RecordedLanguage struct {
	Lang     string        `json:"lang"`
	Original bool          `json:"original,omitempty"` // what was spoken, not a dub
	Duration time.Duration `json:"duration"`
	Bytes    int64         `json:"bytes"`
	Segments int           `json:"segments"`
	File     string        `json:"file,omitempty"` // key of the one MP4, below the recording's; "" until there is one
}
