package recording

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"livedub/session/record"
	"livedub/store"
)

// phraseRows returns phrases as rows of the journal, as far as captions and transcripts need them.
func phraseRows(epoch string, p *record.Phrases) (out []store.Phrase) {
	if p == nil {
		return nil
	}
	for _, said := range p.All {
		row := store.Phrase{
			Epoch: epoch, Lang: string(said.Lang), ID: said.ID, SourceLang: string(said.Phrase.Lang), SourceText: said.Text,
			Start: said.Start, End: said.End,
		}
		if !said.OwnVoice {
			out = append(out, row)
		}
		for lang, d := range said.Dubs {
			dub := row
			dub.Lang, dub.Text, dub.Outcome, dub.Voice = string(lang), d.Text, string(d.Outcome), d.Voice
			if d.DubEnd > d.DubStart {
				dub.DubStart, dub.DubEnd = &d.DubStart, &d.DubEnd
			}
			out = append(out, dub)
		}
	}
	return out
}

// phrases returns what was said in a session: as its own records tell, and what they do
// not have, as the journal does, which may not have all of it yet.
func (r *Recorder) phrases(ctx context.Context, id string, said []store.Phrase) ([]store.Phrase, error) {
	if r.cfg.Journal == nil {
		return said, nil
	}
	b, err := r.cfg.Journal.Session(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound), err != nil && said != nil:
		return said, nil
	case err != nil:
		return nil, err
	}
	type key struct {
		lang string
		id   int
	}
	by := map[key]store.Phrase{}
	for _, p := range slices.Concat(b.Phrases, said) {
		by[key{p.Lang, p.ID}] = p
	}
	out := make([]store.Phrase, 0, len(by))
	for _, p := range by {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b store.Phrase) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Lang, b.Lang))
	})
	return out, nil
}

// words writes captions and transcripts.
func (r *Recorder) words(id string, m *Manifest, clock Clock, phrases []store.Phrase) error {
	for _, lang := range m.Languages {
		key := captionsKey(id, lang)
		if err := r.disk.write(key, NewCaptions(m.From, lang, clock, phrases)); err != nil {
			return err
		}
		r.announce(key)
		if err := r.keep(transcriptKey(id, lang), NewTranscript(id, m.From, lang, clock, phrases)); err != nil {
			return err
		}
	}
	return nil
}

// retell writes captions and transcripts anew by the journal.
func (r *Recorder) retell(ctx context.Context, id string, m Manifest, takes map[string][]Take) error {
	phrases, err := r.phrases(ctx, id, nil)
	if err != nil || len(phrases) == 0 {
		return err
	}
	var all []Take
	for _, of := range takes {
		all = append(all, of...)
	}
	return r.words(id, &m, NewClock(time.Duration(m.DelayMS)*time.Millisecond, all), phrases)
}
