package record

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"livedub/inference"
	"livedub/session/spec"
)

// Phrases is what became of each phrase, told by the records in their order.
type Phrases struct {
	All  []*Phrase // in the order said
	Lost int       // records that are missing
	by   map[int]*Phrase
}

// Phrase is one phrase and its dubs.
type Phrase struct {
	inference.Phrase
	HeardAt  time.Duration
	OwnVoice bool
	Dubs     map[inference.Lang]*Dub
}

// Dub is a phrase in one language.
type Dub struct {
	spec.Record      // Outcome is "" while it is on its way; Text once it is translated
	Sounded     bool // it has begun to
}

// Add takes the next record.
func (p *Phrases) Add(r Record) {
	switch {
	case r.Lost != nil:
		p.Lost += r.Lost.Records
		return
	case r.Dumped != nil:
		p.All = slices.DeleteFunc(p.All, func(said *Phrase) bool { return slices.Contains(r.Dumped.Phrases, said.ID) })
		for _, id := range r.Dumped.Phrases {
			delete(p.by, id)
		}
		return
	case r.Committed != nil || r.OwnVoice != nil:
		said := &Phrase{Phrase: *cmp.Or(r.Committed, r.OwnVoice), HeardAt: r.At, OwnVoice: r.OwnVoice != nil, Dubs: map[inference.Lang]*Dub{}}
		if p.by == nil {
			p.by = map[int]*Phrase{}
		}
		if p.by[r.Phrase] == nil {
			p.All = append(p.All, said)
			p.by[r.Phrase] = said
		}
		return
	}
	said := p.by[r.Phrase]
	if said == nil { // of no phrase, or what was said is lost
		return
	}
	d := said.Dubs[r.Lang]
	if d == nil {
		d = &Dub{}
	}
	switch {
	case r.Translated != nil:
		d.Text = r.Translated.Text
	case r.Placed != nil:
		d.Record = *r.Placed
	case r.Skipped != nil:
		d.Record = *r.Skipped
	case r.Played != nil:
		d.Sounded = true
	default:
		return
	}
	d.Phrase = said.Phrase
	said.Dubs[r.Lang] = d
}

// Records returns what became of the phrases in the dub in lang, as far as it is known.
func (p *Phrases) Records(lang inference.Lang) (out []spec.Record) {
	for _, said := range p.All {
		if d := said.Dubs[lang]; d != nil && d.Outcome != "" {
			out = append(out, d.Record)
		}
	}
	return out
}

// Languages returns those that phrases were dubbed to.
func (p *Phrases) Languages() (out []inference.Lang) {
	for _, said := range p.All {
		for lang := range said.Dubs {
			if !slices.Contains(out, lang) {
				out = append(out, lang)
			}
		}
	}
	slices.Sort(out)
	return out
}

// All returns the records that there are now, the oldest first.
func (s *Stream) All(ctx context.Context) func(yield func(Record) bool) {
	return func(yield func(Record) bool) {
		r, last := s.From(1), s.Last()
		defer r.Close()
		for r.next <= last {
			got, err := r.Next(ctx)
			if err != nil || !yield(got) {
				return
			}
		}
	}
}

// Phrases returns what became of all phrases so far.
func (s *Stream) Phrases(ctx context.Context) (*Phrases, error) {
	p := &Phrases{}
	for r := range s.All(ctx) {
		p.Add(r)
	}
	return p, ctx.Err()
}

// Follow calls tell with each record from now on, until ctx ends or the stream does.
func (s *Stream) Follow(ctx context.Context, tell func(Record)) error {
	r := s.From(s.Last() + 1)
	defer r.Close()
	for {
		got, err := r.Next(ctx)
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		tell(got)
	}
}
