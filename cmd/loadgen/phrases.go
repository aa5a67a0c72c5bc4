package main

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"
)

const (
	maxRecords = 20000 // phrases kept of one session: a day of speech has fewer
	same       = .5    // of the shorter of two phrases: they are of the same words
	matches    = .4    // of a sentence: it was heard
	settle     = 2 * time.Second
)

// ledger keeps what a session says became of its phrases, in one language.
type ledger struct {
	mu      sync.Mutex
	records map[recordKey]record
	unkept  int // phrases that were told and found no room
	ladder  string
	steps   int           // changes of the ladder
	offset  time.Duration // of the session clock: session time = time since zero + offset
	within  time.Duration // by which offset may be wrong: half of the time that the answer took
	zero    time.Time
	asked   time.Time // the last time that the session told
}

// recordKey tells phrases apart. A session that goes on elsewhere may begin to
// number anew, so the time counts too.
type recordKey struct {
	id     int
	second int
}

// take adds what a session told at a moment between two times of ours.
func (l *ledger) take(before, after time.Time, now *float64, d dub) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.zero.IsZero() {
		l.zero = before
	}
	if now != nil {
		within := after.Sub(before) / 2
		l.asked = before.Add(within)
		offset := seconds(*now) - l.asked.Sub(l.zero)
		// The quickest answer tells best, unless the clock is another one.
		if first := l.records == nil; first || within < l.within || (offset-l.offset).Abs() > within+l.within {
			l.offset, l.within = offset, within
		}
	}
	if l.records == nil {
		l.records = map[recordKey]record{}
	}
	if d.Ladder != l.ladder && l.ladder != "" {
		l.steps++
	}
	l.ladder = d.Ladder
	for _, r := range d.Phrases {
		key := recordKey{r.ID, int(math.Round(r.SourceStart))}
		if _, known := l.records[key]; !known && len(l.records) == maxRecords {
			l.unkept++
			continue
		}
		l.records[key] = r
	}
}

func seconds(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }

// firstDub returns when the first phrase that was dubbed sounds: D after its place.
func (l *ledger) firstDub(delay time.Duration) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first, found := time.Duration(math.MaxInt64), false
	for _, r := range l.records {
		if r.Fate == "played" && r.DubStart != nil {
			first, found = min(first, seconds(*r.DubStart)+delay), true
		}
	}
	if !found {
		return time.Time{}, false
	}
	return l.zero.Add(first - l.offset), true
}

// phraseFigures are what became of phrases. Said and Lost are nil where it is
// not known what the speaker said.
type phraseFigures struct {
	Said    *int `json:"said"`    // sentences whose dub was due
	Heard   int  `json:"heard"`   // units that the recognizer made of them
	Played  int  `json:"played"`  // of those
	Skipped int  `json:"skipped"` // likewise: the original sounds
	Lost    *int `json:"lost"`    // sentences of which no unit was heard
	Twice   int  `json:"twice"`   // units played once more
	Unkept  int  `json:"unkept"`  // tellings of units that are in none of these, for want of room
}

// figures judges the phrases of a material that began at a time of ours and was
// sent until end. Sentences whose dub was not due when the session last told are left out.
func (l *ledger) figures(m *material, began, end time.Time, delay time.Duration) phraseFigures {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := phraseFigures{Unkept: l.unkept}
	played := []record{}
	for _, r := range l.records {
		f.Heard++
		switch r.Fate {
		case "played":
			f.Played++
			played = append(played, r)
		default:
			f.Skipped++
		}
	}
	slices.SortFunc(played, func(a, b record) int { return cmp.Compare(a.SourceStart, b.SourceStart) })
	for i := 1; i < len(played); i++ {
		a, b := played[i-1], played[i]
		shorter := min(a.SourceEnd-a.SourceStart, b.SourceEnd-b.SourceStart)
		if overlap(a.SourceStart, a.SourceEnd, b.SourceStart, b.SourceEnd) > same*shorter {
			f.Twice++
		}
	}
	if m.said == nil || l.asked.IsZero() || began.IsZero() {
		return f
	}
	said, lost := 0, 0
	for i := 0; ; i++ {
		from, to := m.phrase(i)
		if began.Add(to).After(end) || began.Add(to+delay+settle).After(l.asked) {
			break
		}
		said++
		a := (began.Add(from).Sub(l.zero) + l.offset).Seconds()
		b := a + (to - from).Seconds()
		heard := 0.
		for _, r := range l.records {
			heard += overlap(a, b, r.SourceStart, r.SourceEnd)
		}
		if heard < matches*(b-a) {
			lost++
		}
	}
	f.Said, f.Lost = &said, &lost
	return f
}

// overlap returns how much of two stretches lies in both.
func overlap(a, b, c, d float64) float64 { return max(0, min(b, d)-max(a, c)) }
