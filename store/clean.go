package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// MaxText is how many bytes a text of a row may have; what is longer is cut.
	MaxText = 64 << 10
	// MaxName is likewise for names, engines and reasons.
	MaxName = 1 << 10
	// maxData is how many bytes the data of an event may have as they are written, and
	// maxList how many languages or engines a row may name.
	maxData, maxList = 64 << 10, 100
)

// Clean returns a batch as a Journal keeps it: keys are right, or it fails with
// ErrInvalid; texts are UTF-8 without NUL, with U+FFFD in place of what is none, and
// no longer than they may be; times are UTC in whole microseconds; of rows with the
// same key one is left, that has what Write would have left of them; rows are ordered
// by their keys. The batch itself stays as it is.
func Clean(b Batch) (Batch, error) {
	c := cleaner{}
	out := Batch{
		Sessions: clean(b.Sessions, c.session), Dubs: clean(b.Dubs, c.dub), Phrases: clean(b.Phrases, c.phrase),
		Consents: clean(b.Consents, c.consent), Events: clean(b.Events, c.event), Recordings: clean(b.Recordings, c.recording),
	}
	if c.err != nil {
		return Batch{}, c.err
	}
	out.Sort()
	out.fold()
	return out, nil
}

func clean[R any](rows []R, one func(*R)) []R {
	out := slices.Clone(rows)
	for i := range out {
		one(&out[i])
	}
	return out
}

// cleaner keeps the first thing that cannot be kept.
type cleaner struct{ err error }

func (c *cleaner) fail(err error) { c.err = cmp.Or(c.err, err) }

func (c *cleaner) session(r *Session) {
	c.key(r.Epoch, r.Fence)
	c.names(&r.Name, &r.Node, &r.From, &r.Profile)
	r.To = c.list(r.To)
	c.times(&r.Created, &r.Ended)
	c.positive("session", int64(r.DelayMS), int64(r.Phrases), int64(r.Lost))
}

func (c *cleaner) dub(r *Dub) {
	c.key(r.Epoch, r.Fence)
	c.fail(checkLang(r.Lang))
	c.names(&r.Ladder)
	c.positive("dub", int64(r.Played), int64(r.Skipped))
}

func (c *cleaner) phrase(r *Phrase) {
	c.key(r.Epoch, r.Fence)
	c.fail(checkLang(r.Lang))
	c.positive("phrase", int64(r.ID))
	c.names(&r.SourceLang, &r.Outcome, &r.Recognizer, &r.Translator, &r.Voice)
	r.SourceText, r.Text = Text(r.SourceText, MaxText), Text(r.Text, MaxText)
}

func (c *cleaner) consent(r *Consent) {
	c.key(r.Epoch, r.Fence)
	c.seq(r.Seq)
	c.times(&r.At)
}

func (c *cleaner) event(r *Event) {
	c.key(r.Epoch, r.Fence)
	c.seq(r.Seq)
	c.names(&r.Lang, &r.Kind)
	r.Data = c.data(r.Data)
}

func (c *cleaner) recording(r *Recording) {
	c.key(r.ID, r.Fence)
	c.names(&r.Session, &r.From, &r.State, &r.Why)
	c.times(&r.Created, &r.Ended, &r.Consent)
	if len(r.Languages) > maxList || len(r.Engines) > maxList {
		c.fail(fmt.Errorf("%w: recording %s has %d languages and %d engines, %d at most", ErrInvalid, r.ID, len(r.Languages), len(r.Engines), maxList))
		return
	}
	r.Languages = slices.Clone(r.Languages)
	for i := range r.Languages {
		l := &r.Languages[i]
		c.fail(checkLang(l.Lang))
		if l.File != "" {
			c.fail(CheckKey(l.File))
		}
		c.positive("recording", l.Bytes, int64(l.Segments), int64(l.Duration))
	}
	engines := map[string]string{}
	for stage, name := range r.Engines {
		engines[Text(stage, MaxName)] = Text(name, MaxName)
	}
	if r.Engines = engines; len(engines) == 0 {
		r.Engines = nil
	}
}

func (c *cleaner) key(epoch string, fence int64) {
	c.fail(CheckEpoch(epoch))
	c.positive("fence", fence)
}

// maxNumber is the largest number of a row: what JSON holds exactly.
const maxNumber = 1 << 53

func (c *cleaner) positive(what string, numbers ...int64) {
	for _, n := range numbers {
		if n < 0 || n > maxNumber {
			c.fail(fmt.Errorf("%w: a %s has the number %d: it must be 0 to %d", ErrInvalid, what, n, int64(maxNumber)))
		}
	}
}

func (c *cleaner) seq(n uint64) {
	if n > maxNumber {
		c.fail(fmt.Errorf("%w: record %d: its number must be 0 to %d", ErrInvalid, n, int64(maxNumber)))
	}
}

func (c *cleaner) names(all ...*string) {
	for _, s := range all {
		*s = Text(*s, MaxName)
	}
}

func (c *cleaner) list(all []string) []string {
	if len(all) > maxList {
		c.fail(fmt.Errorf("%w: a row names %d languages, %d at most", ErrInvalid, len(all), maxList))
		return nil
	}
	out := slices.Clone(all)
	for i := range out {
		out[i] = Text(out[i], MaxName)
	}
	return out
}

func (c *cleaner) times(all ...*time.Time) {
	for _, t := range all {
		if t.IsZero() {
			*t = time.Time{}
			continue
		}
		*t = t.Round(0).UTC().Truncate(time.Microsecond)
		if y := t.Year(); y < 1 || y > 9999 {
			c.fail(fmt.Errorf("%w: a time lies in the year %d", ErrInvalid, y))
		}
	}
}

// data returns the data of an event as any database takes it: compact, and without
// an escaped NUL or half a surrogate pair.
func (c *cleaner) data(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err := d.Decode(&v)
	if err == nil && d.More() {
		err = fmt.Errorf("more behind it")
	}
	var out []byte
	if err == nil {
		out, err = json.Marshal(v)
	}
	switch {
	case err != nil:
		c.fail(fmt.Errorf("%w: the data of an event, %d bytes, are no JSON: %w", ErrInvalid, len(raw), err))
		return nil
	case len(out) > maxData:
		c.fail(fmt.Errorf("%w: the data of an event have %d bytes, %d at most", ErrInvalid, len(out), maxData))
		return nil
	}
	// What is still escaped is a NUL of the text, or a backslash and "u0000" behind it.
	return bytes.ReplaceAll(bytes.ReplaceAll(bytes.ReplaceAll(out, []byte(`\\`), []byte("\x00")), []byte(`\u0000`), []byte("\ufffd")), []byte("\x00"), []byte(`\\`))
}

// Text returns s as UTF-8 without NUL, most bytes long at most.
func Text(s string, most int) string {
	if len(s) > most {
		s = s[:most]
		for i := 0; i < utf8.UTFMax && len(s) > 0; i++ { // not half a letter at its end
			if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n != 1 {
				break
			}
			s = s[:len(s)-1]
		}
	}
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) > most { // a byte that was none has become three
		return Text(s, most)
	}
	return s
}
