package journal

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"livedub/inference"
	"livedub/session/record"
	"livedub/session/spec"
	"livedub/store"
)

// mostPhrases is how many phrases are remembered, to write them as a whole when
// something more is known of them.
const mostPhrases = 1024

// rows makes rows of the records of one session.
type rows struct {
	engines spec.EngineNames
	session store.Session
	dubs    map[string]*dub
	changed bool // session or dubs, since head

	phrases map[int]map[string]*store.Phrase // by ID and language
	ids     []int                            // of them, in the order they came
	floor   int                              // phrases below were written by another node, and are not told of again
	consent *store.Consent                   // the last one
	before  bool                             // what is told was told at another node already
	moved   bool

	batch store.Batch // that is to be written
}

type dub struct {
	store.Dub
	changed bool
}

func newRows(head store.Session, engines spec.EngineNames) *rows {
	return &rows{engines: engines, session: head, dubs: map[string]*dub{}, phrases: map[int]map[string]*store.Phrase{}}
}

// resume has records count as told at another node until the session begins here.
func (r *rows) resume() { r.before = true }

// goOn goes on behind what another node has written.
func (r *rows) goOn(b store.Batch) {
	r.resume()
	for _, s := range b.Sessions {
		r.session.Phrases, r.session.Lost = s.Phrases, s.Lost
	}
	for _, d := range b.Dubs {
		d.Played, d.Skipped = 0, 0
		r.dubs[d.Lang] = &dub{Dub: d}
	}
	if n := len(b.Consents); n > 0 {
		r.consent = &b.Consents[n-1]
	}
	heard := map[int]bool{}
	for _, p := range b.Phrases {
		if p.Lang == p.SourceLang {
			heard[p.ID] = true
		}
		r.outcome(p.Lang, p.Outcome)
	}
	r.session.Phrases = max(r.session.Phrases, len(heard))
	slices.SortStableFunc(b.Phrases, func(x, y store.Phrase) int { return cmp.Compare(x.ID, y.ID) })
	if over := len(b.Phrases) - mostPhrases; over > 0 {
		b.Phrases = b.Phrases[over:]
		r.floor = b.Phrases[0].ID + 1 // of which some rows may be left out
	}
	for _, p := range b.Phrases {
		r.remember(p.ID)[p.Lang] = &p
	}
}

// take makes rows of a record.
func (r *rows) take(e record.Record) {
	switch {
	case e.Partial != nil, r.before && e.Lost != nil, e.Phrase > 0 && r.before && e.Phrase < r.floor:
	case e.Lost != nil:
		r.lost(e.Lost.Records)
		r.event(e, "lost", e.Lost)
	case e.Committed != nil:
		r.said(*e.Committed, "")
	case e.OwnVoice != nil:
		r.said(*e.OwnVoice, string(spec.OwnVoice))
	case e.Translated != nil:
		r.dubbed(e, func(p *store.Phrase) { p.Text, p.Translator = e.Translated.Text, r.engines.Translator })
	case e.Voiced != nil:
		r.dubbed(e, func(p *store.Phrase) { p.Voice = e.Voiced.Voice })
	case e.Placed != nil:
		r.dubbed(e, func(p *store.Phrase) { place(p, *e.Placed) })
	case e.Skipped != nil:
		r.dubbed(e, func(p *store.Phrase) {
			p.Text, p.Outcome = cmp.Or(e.Skipped.Text, p.Text), string(e.Skipped.Outcome)
		})
	case e.Played != nil:
		r.dubbed(e, func(p *store.Phrase) { p.Outcome = string(spec.Played) })
	case e.Dumped != nil:
		r.withdraw(e)
	case e.Consent != nil:
		r.before = false // a session begins with it, wherever
		r.consented(e)
	case e.Targets != nil:
		r.targets(e)
	default:
		r.other(e)
	}
}

// other makes a row of what concerns no phrase.
func (r *rows) other(e record.Record) {
	switch {
	case e.Ladder != nil:
		if d := r.dub(string(e.Lang)); d.Ladder != string(e.Ladder.Level) {
			d.Ladder, d.changed, r.changed = string(e.Ladder.Level), true, true
		}
		r.event(e, "ladder", e.Ladder)
	case e.Gap != nil:
		r.event(e, "gap", e.Gap)
	case e.Publisher != nil:
		r.event(e, "publisher", e.Publisher)
	case e.Viewers != nil:
		r.event(e, "viewers", e.Viewers)
	case e.Words != nil:
		r.event(e, "words", e.Words)
	case e.Lips != nil:
		r.event(e, "lips", e.Lips)
	case e.KeepMouths != nil:
		r.event(e, "keep_mouths", e.KeepMouths)
	case e.Controls != nil:
		r.event(e, "controls", e.Controls)
	case e.Drain != nil:
		r.event(e, "drain", e.Drain)
	case e.Moved != nil:
		r.moved = true
		r.event(e, "moved", e.Moved)
	}
}

// said makes a row of a phrase as it was recognized.
func (r *rows) said(p inference.Phrase, outcome string) {
	r.changes(p.ID, store.Phrase{Lang: string(p.Lang), Start: p.Start, End: p.End}, func(row *store.Phrase) {
		if row.SourceLang == "" {
			r.session.Phrases, r.changed = r.session.Phrases+1, true
		}
		row.SourceLang, row.SourceText, row.Recognizer = string(p.Lang), p.Text, r.engines.Recognizer
		row.Text, row.Outcome = cmp.Or(row.Text, p.Text), cmp.Or(row.Outcome, outcome)
	})
}

// dubbed makes a row of a phrase in a dub.
func (r *rows) dubbed(e record.Record, change func(*store.Phrase)) {
	r.changes(e.Phrase, store.Phrase{Lang: string(e.Lang), Start: e.Start, End: e.End}, change)
}

// changes has a phrase's row written as a whole.
func (r *rows) changes(id int, fresh store.Phrase, change func(*store.Phrase)) {
	all := r.remember(id)
	row := all[fresh.Lang]
	if row == nil {
		fresh.Epoch, fresh.ID = r.session.Epoch, id
		row = &fresh
		all[fresh.Lang] = row
		for _, said := range all { // what was said stands in the row of every dub
			if said.Lang == said.SourceLang {
				row.SourceLang, row.SourceText, row.Recognizer = said.SourceLang, said.SourceText, said.Recognizer
			}
		}
	}
	was := row.Outcome
	change(row)
	if was == "" {
		r.outcome(row.Lang, row.Outcome)
	}
	r.batch.Phrases = append(r.batch.Phrases, *row)
}

// withdrawn stands in rows for the words of phrases that were dumped: what is empty
// leaves a row as it was.
const withdrawn = "—"

// withdraw takes the words out of the rows of phrases that were dumped.
func (r *rows) withdraw(e record.Record) {
	for _, id := range e.Dumped.Phrases {
		for lang, row := range r.phrases[id] {
			r.changes(id, store.Phrase{Lang: lang}, func(p *store.Phrase) {
				*p = store.Phrase{Epoch: row.Epoch, ID: id, Lang: lang, Start: row.Start, End: row.End, SourceLang: row.SourceLang, SourceText: withdrawn, Text: withdrawn, Outcome: string(spec.Dumped)}
			})
		}
	}
	r.event(e, "dumped", e.Dumped)
}

// remember returns the rows of a phrase, and forgets the oldest phrases.
func (r *rows) remember(id int) map[string]*store.Phrase {
	if r.phrases[id] == nil {
		r.phrases[id] = map[string]*store.Phrase{}
		if r.ids = append(r.ids, id); len(r.ids) > mostPhrases {
			delete(r.phrases, r.ids[0])
			r.ids = slices.Delete(r.ids, 0, 1)
		}
	}
	return r.phrases[id]
}

// outcome counts what became of a phrase.
func (r *rows) outcome(lang, outcome string) {
	if outcome == "" || outcome == string(spec.OwnVoice) {
		return
	}
	d := r.dub(lang)
	if outcome == string(spec.Played) {
		d.Played++
	} else {
		d.Skipped++
	}
	d.changed, r.changed = true, true
}

func (r *rows) dub(lang string) *dub {
	if r.dubs[lang] == nil {
		r.dubs[lang] = &dub{Dub: store.Dub{Epoch: r.session.Epoch, Lang: lang}, changed: true}
	}
	return r.dubs[lang]
}

// place notes when a dub sounds. A later one has its further parts.
func place(p *store.Phrase, is spec.Record) {
	p.Text, p.Voice = cmp.Or(is.Text, p.Text), cmp.Or(is.Voice, p.Voice, is.Engines.Voice)
	p.Recognizer, p.Translator = cmp.Or(is.Engines.Recognizer, p.Recognizer), cmp.Or(is.Engines.Translator, p.Translator)
	start, end, late := is.DubStart, is.DubEnd, is.Late
	p.DubStart, p.DubEnd, p.Late = &start, &end, &late
}

// consented keeps what the speaker agrees to, once.
func (r *rows) consented(e record.Record) {
	row := store.Consent{Epoch: r.session.Epoch, Seq: e.Seq, Given: e.Consent.Given, At: e.Consent.At}
	if row.At.IsZero() {
		row.At = r.session.Created
	}
	if last := r.consent; last != nil && last.Given == row.Given && last.At.Equal(row.At.Round(0).Truncate(time.Microsecond)) {
		return // told again where the session goes on
	}
	kept := row
	kept.At = row.At.Round(0).Truncate(time.Microsecond)
	r.consent = &kept
	r.batch.Consents = append(r.batch.Consents, row)
}

// targets keeps which dubs there are.
func (r *rows) targets(e record.Record) {
	r.session.To = names(e.Targets.To)
	for _, lang := range r.session.To {
		if r.dubs[lang] == nil {
			r.dub(lang).Began = e.At
		}
	}
	for lang, d := range r.dubs {
		if d.Ended == 0 && !slices.Contains(r.session.To, lang) {
			d.Ended, d.changed = e.At, true
		}
	}
	r.head()
}

// head adds the rows of the session, and of dubs that have changed.
func (r *rows) head() {
	r.batch.Sessions = append(r.batch.Sessions, r.session)
	for _, d := range r.dubs {
		if d.changed {
			r.batch.Dubs = append(r.batch.Dubs, d.Dub)
			d.changed = false
		}
	}
	r.changed = false
}

// over notes that the session has ended, unless it goes on elsewhere.
func (r *rows) over(now time.Time) {
	if r.moved {
		return
	}
	r.session.Ended = now
	for _, d := range r.dubs {
		if d.Ended == 0 {
			d.Ended, d.changed = now.Sub(r.session.Created), true
		}
	}
}

func (r *rows) lost(n int) { r.session.Lost, r.changed = r.session.Lost+n, true }

// event keeps what else happened.
func (r *rows) event(e record.Record, kind string, data any) {
	raw, err := json.Marshal(data)
	if err != nil {
		raw = nil // what happened is kept, without more of it
	}
	r.batch.Events = append(r.batch.Events, store.Event{Epoch: r.session.Epoch, Seq: e.Seq, At: e.At, Lang: string(e.Lang), Kind: kind, Data: raw})
}

func names(all []inference.Lang) (out []string) {
	for _, lang := range all {
		out = append(out, string(lang))
	}
	return out
}

// stamp puts a fence on rows.
func stamp(b *store.Batch, fence int64) {
	for i := range b.Sessions {
		b.Sessions[i].Fence = fence
	}
	for i := range b.Dubs {
		b.Dubs[i].Fence = fence
	}
	for i := range b.Phrases {
		b.Phrases[i].Fence = fence
	}
	for i := range b.Consents {
		b.Consents[i].Fence = fence
	}
	for i := range b.Events {
		b.Events[i].Fence = fence
	}
}

// single returns a batch for each row.
func single(b store.Batch) (out []store.Batch) {
	for _, r := range b.Sessions {
		out = append(out, store.Batch{Sessions: []store.Session{r}})
	}
	for _, r := range b.Dubs {
		out = append(out, store.Batch{Dubs: []store.Dub{r}})
	}
	for _, r := range b.Phrases {
		out = append(out, store.Batch{Phrases: []store.Phrase{r}})
	}
	for _, r := range b.Consents {
		out = append(out, store.Batch{Consents: []store.Consent{r}})
	}
	for _, r := range b.Events {
		out = append(out, store.Batch{Events: []store.Event{r}})
	}
	return out
}
