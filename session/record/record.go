// Package record is what happened in one session, in one order: typed records that
// are appended without waiting, kept in memory and behind that on disk, and read by
// whoever wants them, each at a pace of their own.
package record

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/session/spec"
)

// Record is one thing that happened; one of the pointers is set. What concerns a
// phrase has the key of the session's epoch, Lang and Phrase.
type Record struct {
	Seq    uint64         `json:"seq"` // 1, 2, ...; holes are where a session went on at another node; 0: a transient one
	At     time.Duration  `json:"at"`  // session time
	Lang   inference.Lang `json:"lang,omitempty"`
	Phrase int            `json:"phrase,omitempty"` // its ID
	Start  time.Duration  `json:"start,omitempty"`  // of the phrase, source time
	End    time.Duration  `json:"end,omitempty"`

	Partial *spec.Caption `json:"-"` // a guess of what is being said: transient, the next record of the phrase supersedes it

	Committed  *inference.Phrase  `json:"committed,omitempty"`  // recognized, for good; Lang is as the session's From
	OwnVoice   *inference.Phrase  `json:"own_voice,omitempty"`  // likewise, and left out: a dub that came back
	Translated *Translated        `json:"translated,omitempty"` // in Lang
	Voiced     *Voiced            `json:"voiced,omitempty"`     // its speech exists
	Placed     *spec.Record       `json:"placed,omitempty"`     // its dub has its time; a later one adds what was spoken in further parts
	Played     *Played            `json:"played,omitempty"`     // its dub has begun to sound
	Skipped    *spec.Record       `json:"skipped,omitempty"`    // it is not dubbed, and why
	Ladder     *spec.LadderChange `json:"ladder,omitempty"`
	Gap        *Gap               `json:"gap,omitempty"` // of the source's sound
	Publisher  *Publisher         `json:"publisher,omitempty"`
	Viewers    *Viewers           `json:"viewers,omitempty"` // of the dub in Lang
	Consent    *spec.Consent      `json:"consent,omitempty"`
	KeepMouths *KeepMouths        `json:"keep_mouths,omitempty"`
	Targets    *Targets           `json:"targets,omitempty"`
	Words      *glossary.Words    `json:"words,omitempty"`
	Output     *Output            `json:"output,omitempty"`
	Lips       *Lips              `json:"lips,omitempty"`     // of the dub in Lang
	Controls   *spec.Controls     `json:"controls,omitempty"` // of the dub in Lang
	Dumped     *Dumped            `json:"dumped,omitempty"`
	Drain      *spec.Drain        `json:"drain,omitempty"`
	Moved      *Moved             `json:"moved,omitempty"` // the last one here
	Lost       *Lost              `json:"lost,omitempty"`  // in place of records
}

// Translated is a phrase in a target language.
type Translated struct {
	Text string `json:"text"`
}

// Voiced is a phrase, or its first part, as it was spoken.
type Voiced struct {
	Voice string        `json:"voice"`
	Rate  float64       `json:"rate"`
	Long  time.Duration `json:"long"`
}

// Played says no more than that it was.
type Played struct{}

// Gap is a stretch of source time without sound that should have had some.
type Gap struct {
	From time.Duration `json:"from"`
	To   time.Duration `json:"to"`
}

// Publisher tells that one came, or has left.
type Publisher struct {
	Here bool `json:"here"`
}

// Viewers tells how many there are now.
type Viewers struct {
	N int `json:"n"`
}

// Targets are the target languages from now on.
type Targets struct {
	To []inference.Lang `json:"to"`
}

// KeepMouths tells that the speaker agreed to their mouths being kept for further sessions.
type KeepMouths struct {
	At time.Time `json:"at"`
}

// Lips tells that the mouth's re-rendering was switched on or off.
type Lips struct {
	On bool `json:"on"`
}

// Output tells how an output of the session does, which is sent to a server elsewhere.
type Output struct {
	ID    string `json:"id"`
	State string `json:"state"` // "added", "waiting", "connecting", "live", "refused", "ended"
}

// Dumped tells that nobody hears, sees or reads what was said up to now and had not
// been put out. Readers are told no more of its phrases, nor of any that was begun
// before From by the source's time.
type Dumped struct {
	From    time.Duration `json:"from"` // output time, from which on it is silent and black,
	To      time.Duration `json:"to"`   // up to here
	Phrases []int         `json:"phrases"`
}

// Moved tells that the session goes on at another node.
type Moved struct {
	Fence int64 `json:"fence"` // of its claim there
}

// Lost stands for records that memory and disk had no room for.
type Lost struct {
	Records int `json:"records"` // at most so many
}

// Caption returns the line of text that a record is, nil for one that is none.
func (r Record) Caption() *spec.Caption {
	c := spec.Caption{Lang: r.Lang, ID: r.Phrase, Final: true, Start: r.Start, End: r.End}
	said := cmp.Or(r.Committed, r.OwnVoice)
	switch {
	case r.Partial != nil:
		return r.Partial
	case said != nil:
		c.Text, c.Words, c.Skipped = said.Text, said.Words, r.OwnVoice != nil
		if r.Lang == inference.Auto {
			c.Spoken = said.Lang
		}
	case r.Translated != nil:
		c.Text = r.Translated.Text
	case r.Skipped != nil:
		c.Text, c.Skipped = cmp.Or(r.Skipped.Text, "…"), r.Skipped.Outcome != spec.SkippedSame
	default:
		return nil
	}
	return &c
}

// Said returns the record of a phrase that was recognized; lang is the session's From.
func Said(lang inference.Lang, p inference.Phrase) Record {
	r := Record{Lang: cmp.Or(lang, p.Lang), Phrase: p.ID, Start: p.Start, End: p.End}
	if lang != inference.Auto {
		r.Lang = p.Lang
	}
	if !p.Final {
		r.Partial = &spec.Caption{Lang: r.Lang, ID: p.ID, Text: p.Text, Start: p.Start, End: p.End}
		if r.Lang == inference.Auto {
			r.Partial.Spoken = p.Lang
		}
		return r
	}
	r.Committed = &p
	return r
}

// Of returns a record of a phrase in the dub in lang.
func Of(lang inference.Lang, p inference.Phrase) Record {
	return Record{Lang: lang, Phrase: p.ID, Start: p.Start, End: p.End}
}

// Slim returns the record without what only a report wants: phonemes and words' times.
func (r Record) Slim() Record {
	said := func(p *inference.Phrase) *inference.Phrase {
		if p == nil {
			return nil
		}
		slim := *p
		slim.Words = nil
		return &slim
	}
	came := func(p *spec.Record) *spec.Record {
		if p == nil {
			return nil
		}
		slim := *p
		slim.Words, slim.Marks = nil, nil
		return &slim
	}
	r.Committed, r.OwnVoice, r.Placed, r.Skipped = said(r.Committed), said(r.OwnVoice), came(r.Placed), came(r.Skipped)
	return r
}

// maxLine is how many bytes a record may have.
const maxLine = 128 << 10

var errLong = fmt.Errorf("the record has more than %d bytes", maxLine)

// Encode writes a record as one line of JSON, without the line's end. What is
// too long goes without what Slim leaves out.
func Encode(r Record) ([]byte, error) {
	line, err := json.Marshal(r)
	if err == nil && len(line) > maxLine {
		line, err = json.Marshal(r.Slim())
	}
	if err == nil && len(line) > maxLine {
		err = errLong
	}
	return line, err
}

var errEmpty = errors.New("the record has no number")

// Decode reads what Encode wrote.
func Decode(line []byte) (Record, error) {
	if len(line) > maxLine {
		return Record{}, errLong
	}
	var r Record
	d := json.NewDecoder(bytes.NewReader(line))
	if err := d.Decode(&r); err != nil {
		return Record{}, fmt.Errorf("a record of %d bytes: %w", len(line), err)
	}
	if d.More() {
		return Record{}, fmt.Errorf("a record of %d bytes: more behind it", len(line))
	}
	if r.Seq == 0 {
		return Record{}, errEmpty
	}
	return r, nil
}
