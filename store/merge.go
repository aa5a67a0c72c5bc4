package store

import (
	"cmp"
	"slices"
)

// Over returns what is kept of a session where old was: r, or old if its fence is
// higher, and of old what r leaves empty. So do the methods of other rows.
func (r Session) Over(old Session) Session {
	if old.Fence > r.Fence {
		return old
	}
	fill(&r.Name, old.Name)
	fill(&r.Node, old.Node)
	fill(&r.From, old.From)
	fillList(&r.To, old.To)
	fill(&r.Profile, old.Profile)
	fill(&r.DelayMS, old.DelayMS)
	fill(&r.Created, old.Created)
	fill(&r.Ended, old.Ended)
	fill(&r.Phrases, old.Phrases)
	fill(&r.Lost, old.Lost)
	return r
}

// Over is as Session's.
func (r Dub) Over(old Dub) Dub {
	if old.Fence > r.Fence {
		return old
	}
	fill(&r.Began, old.Began)
	fill(&r.Ended, old.Ended)
	fill(&r.Played, old.Played)
	fill(&r.Skipped, old.Skipped)
	fill(&r.Ladder, old.Ladder)
	return r
}

// Over is as Session's.
func (r Phrase) Over(old Phrase) Phrase {
	if old.Fence > r.Fence {
		return old
	}
	fill(&r.SourceLang, old.SourceLang)
	fill(&r.SourceText, old.SourceText)
	fill(&r.Text, old.Text)
	fill(&r.Start, old.Start)
	fill(&r.End, old.End)
	fill(&r.DubStart, old.DubStart)
	fill(&r.DubEnd, old.DubEnd)
	fill(&r.Late, old.Late)
	fill(&r.Outcome, old.Outcome)
	fill(&r.Recognizer, old.Recognizer)
	fill(&r.Translator, old.Translator)
	fill(&r.Voice, old.Voice)
	return r
}

// Over is as Session's; whether consent was given goes with the time of it.
func (r Consent) Over(old Consent) Consent {
	if old.Fence > r.Fence {
		return old
	}
	if r.At.IsZero() {
		r.Given, r.At = old.Given, old.At
	}
	return r
}

// Over is as Session's.
func (r Event) Over(old Event) Event {
	if old.Fence > r.Fence {
		return old
	}
	fill(&r.At, old.At)
	fill(&r.Lang, old.Lang)
	fill(&r.Kind, old.Kind)
	fillList(&r.Data, old.Data)
	return r
}

// Over is as Session's; languages and engines are each replaced as a whole.
func (r Recording) Over(old Recording) Recording {
	if old.Fence > r.Fence {
		return old
	}
	fill(&r.Session, old.Session)
	fill(&r.From, old.From)
	fillList(&r.Languages, old.Languages)
	fill(&r.Created, old.Created)
	fill(&r.Ended, old.Ended)
	fill(&r.State, old.State)
	fill(&r.Why, old.Why)
	fill(&r.Consent, old.Consent)
	if len(r.Engines) == 0 {
		r.Engines = old.Engines
	}
	return r
}

func fill[T comparable](now *T, old T) { *now = cmp.Or(*now, old) }

func fillList[T ~[]E, E any](now *T, old T) {
	if len(*now) == 0 {
		*now = old
	}
}

// Sort orders the rows by their keys; those of the same key stay in their order.
func (b *Batch) Sort() {
	slices.SortStableFunc(b.Sessions, func(x, y Session) int { return cmp.Compare(x.Epoch, y.Epoch) })
	slices.SortStableFunc(b.Dubs, compareDubs)
	slices.SortStableFunc(b.Phrases, comparePhrases)
	slices.SortStableFunc(b.Consents, compareConsents)
	slices.SortStableFunc(b.Events, compareEvents)
	slices.SortStableFunc(b.Recordings, func(x, y Recording) int { return cmp.Compare(x.ID, y.ID) })
}

func compareDubs(x, y Dub) int {
	return cmp.Or(cmp.Compare(x.Epoch, y.Epoch), cmp.Compare(x.Lang, y.Lang))
}

func comparePhrases(x, y Phrase) int {
	return cmp.Or(cmp.Compare(x.Epoch, y.Epoch), cmp.Compare(x.Lang, y.Lang), cmp.Compare(x.ID, y.ID))
}

func compareConsents(x, y Consent) int {
	return cmp.Or(cmp.Compare(x.Epoch, y.Epoch), cmp.Compare(x.Seq, y.Seq))
}

func compareEvents(x, y Event) int {
	return cmp.Or(cmp.Compare(x.Epoch, y.Epoch), cmp.Compare(x.Seq, y.Seq))
}

// fold leaves one of neighbours with the same key.
func (b *Batch) fold() {
	b.Sessions = fold(b.Sessions, func(x, y Session) int { return cmp.Compare(x.Epoch, y.Epoch) }, Session.Over)
	b.Dubs = fold(b.Dubs, compareDubs, Dub.Over)
	b.Phrases = fold(b.Phrases, comparePhrases, Phrase.Over)
	b.Consents = fold(b.Consents, compareConsents, Consent.Over)
	b.Events = fold(b.Events, compareEvents, Event.Over)
	b.Recordings = fold(b.Recordings, func(x, y Recording) int { return cmp.Compare(x.ID, y.ID) }, Recording.Over)
}

func fold[R any](rows []R, compare func(R, R) int, over func(R, R) R) []R {
	var out []R
	for _, r := range rows {
		if n := len(out); n > 0 && compare(out[n-1], r) == 0 {
			out[n-1] = over(r, out[n-1])
		} else {
			out = append(out, r)
		}
	}
	return out
}

// Epochs returns the sessions that a batch has rows of, sorted.
func (b Batch) Epochs() []string {
	seen := map[string]bool{}
	for _, r := range b.Sessions {
		seen[r.Epoch] = true
	}
	for _, r := range b.Dubs {
		seen[r.Epoch] = true
	}
	for _, r := range b.Phrases {
		seen[r.Epoch] = true
	}
	for _, r := range b.Consents {
		seen[r.Epoch] = true
	}
	for _, r := range b.Events {
		seen[r.Epoch] = true
	}
	for _, r := range b.Recordings {
		seen[r.ID] = true
	}
	out := make([]string, 0, len(seen))
	for epoch := range seen {
		out = append(out, epoch)
	}
	slices.Sort(out)
	return out
}

// Len returns the number of rows.
func (b Batch) Len() int {
	return len(b.Sessions) + len(b.Dubs) + len(b.Phrases) + len(b.Consents) + len(b.Events) + len(b.Recordings)
}

// Of returns the rows of one session.
func (b Batch) Of(epoch string) Batch {
	return b.keep(func(e string) bool { return e == epoch })
}

// Without returns the rows of other sessions.
func (b Batch) Without(epoch string) Batch {
	return b.keep(func(e string) bool { return e != epoch })
}

func (b Batch) keep(want func(epoch string) bool) Batch {
	return Batch{
		Sessions:   only(b.Sessions, func(r Session) bool { return want(r.Epoch) }),
		Dubs:       only(b.Dubs, func(r Dub) bool { return want(r.Epoch) }),
		Phrases:    only(b.Phrases, func(r Phrase) bool { return want(r.Epoch) }),
		Consents:   only(b.Consents, func(r Consent) bool { return want(r.Epoch) }),
		Events:     only(b.Events, func(r Event) bool { return want(r.Epoch) }),
		Recordings: only(b.Recordings, func(r Recording) bool { return want(r.ID) }),
	}
}

func only[R any](rows []R, want func(R) bool) (out []R) {
	for _, r := range rows {
		if want(r) {
			out = append(out, r)
		}
	}
	return out
}

// Add appends the rows of another batch.
func (b *Batch) Add(more Batch) {
	b.Sessions = append(b.Sessions, more.Sessions...)
	b.Dubs = append(b.Dubs, more.Dubs...)
	b.Phrases = append(b.Phrases, more.Phrases...)
	b.Consents = append(b.Consents, more.Consents...)
	b.Events = append(b.Events, more.Events...)
	b.Recordings = append(b.Recordings, more.Recordings...)
}
