package session

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"livedub/inference"
	"livedub/session/dub"
	"livedub/session/record"
	"livedub/session/spec"
)

// dumps is what nobody is to hear, see or read.
type dumps struct {
	mu     sync.Mutex
	last   record.Dumped
	n      int     // how often
	recent []heard // phrases that were told of, the oldest first
}

// heard is a phrase, or the part of it that is known.
type heard struct {
	id         int
	start, end time.Duration // source time
}

// mostHeard is how many phrases are remembered: those of a minute and more.
const mostHeard = 256

// told tells whether a record is to be told, and remembers which phrases were; the
// caller has the lock.
func (d *dumps) told(r record.Record) bool {
	if r.Phrase == 0 {
		return true
	}
	if r.Start < d.last.From {
		return false
	}
	if r.Partial == nil && r.Committed == nil && r.OwnVoice == nil {
		return true
	}
	now := heard{r.Phrase, r.Start, r.End}
	if i := slices.IndexFunc(d.recent, func(h heard) bool { return h.id == r.Phrase }); i >= 0 {
		d.recent[i] = now
	} else {
		d.recent = append(d.recent[max(0, len(d.recent)+1-mostHeard):], now)
	}
	return true
}

// apply takes note of a dump.
func (d *dumps) apply(is record.Dumped) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last.From, d.last.To = max(d.last.From, is.From), max(d.last.To, is.To)
	d.n++
}

func (d *dumps) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.n
}

// Dump drops what was said up to now and has not been put out, in every dub and the
// original: from now on, for D, there is silence and black frames, phrases that were
// begun before now are neither spoken nor told of, and those that were told of are
// withdrawn. What has been put out before From cannot be recalled. The zero value is
// returned of a session that has ended.
func (s *Session) Dump() record.Dumped {
	far := s.shared.Clock.Now() + s.cfg.Delay + time.Second
	for _, d := range s.all() {
		d.Hush(far) // at once: what is under way is reckoned after
	}
	s.dumps.mu.Lock()
	defer s.dumps.mu.Unlock()
	is := record.Dumped{From: s.shared.Clock.Now() + time.Millisecond} // what is being put out now is out
	is.To = is.From + s.cfg.Delay
	s.dumps.last, s.dumps.n = is, s.dumps.n+1
	for _, d := range s.all() {
		d.Unhush(is.To)
		is.Phrases = append(is.Phrases, d.Dump(is.From)...)
	}
	for _, h := range s.dumps.recent {
		if h.start < is.From && h.end > is.From-s.cfg.Delay {
			is.Phrases = append(is.Phrases, h.id)
		}
	}
	slices.Sort(is.Phrases)
	is.Phrases = slices.Compact(is.Phrases)
	for _, d := range s.all() {
		d.Withdraw(is.Phrases)
	}
	s.records.Append(record.Record{Dumped: &is})
	return is
}

// redump has a dub that has just come leave out what was dumped before.
func (s *Session) redump(d *dub.Dub) {
	s.dumps.mu.Lock()
	is := s.dumps.last
	s.dumps.mu.Unlock()
	if is.To > 0 {
		d.Hush(is.To)
		d.Dump(is.From)
	}
}

// Control changes how listeners have the dubs named, all of them or, with an error,
// none: change is called with the controls of each as they are. Of the original
// nothing can be changed.
func (s *Session) Control(langs []inference.Lang, change func(inference.Lang, spec.Controls) spec.Controls) error {
	next := map[inference.Lang]spec.Controls{}
	for _, lang := range langs {
		d := s.dub(lang)
		switch {
		case d == nil:
			return fmt.Errorf("session: %w: no dub in %q: there are %v", spec.ErrInvalid, lang, s.Languages())
		case d.Original:
			return fmt.Errorf("session: %w: %s is the original: name a dub", spec.ErrInvalid, lang)
		}
		c := change(lang, d.Controls())
		if err := c.Check(); err != nil {
			return fmt.Errorf("session: %w: %s: %w", spec.ErrInvalid, lang, err)
		}
		next[lang] = c
	}
	for lang, c := range next {
		if d := s.dub(lang); d != nil {
			d.Control(c)
			s.Tell(record.Record{Lang: lang, Controls: &c})
		}
	}
	return nil
}
