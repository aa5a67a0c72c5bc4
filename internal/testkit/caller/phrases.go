package caller

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
	seam       = 100 * time.Millisecond // by which the clock of a session that went on elsewhere may be off
)

// Ledger keeps what a session says became of its phrases, in one language.
type Ledger struct {
	mu      sync.Mutex
	records map[recordKey]Record
	unkept  int // phrases that were told and found no room
	ladder  string
	steps   int           // changes of the ladder
	clock   *sessionClock // the newest
	zero    time.Time
	asked   time.Time // the last time that the session told
}

// sessionClock is how the clock of a session stands to ours. A session that begins anew
// at another node may begin another one.
type sessionClock struct {
	offset time.Duration // session time = time since zero + offset
	within time.Duration // by which it may be wrong: half of the time that the answer took
}

// recordKey tells phrases apart. A session that goes on elsewhere may begin to
// number anew, so the time counts too.
type recordKey struct {
	clock  *sessionClock
	id     int
	second int
}

// Take adds what a session told at a moment between two times of ours.
func (l *Ledger) Take(before, after time.Time, now *float64, d Dub) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.records == nil {
		l.zero, l.records, l.clock = before, map[recordKey]Record{}, &sessionClock{within: math.MaxInt64 / 4}
	}
	if now != nil {
		within := after.Sub(before) / 2
		l.asked = before.Add(within)
		offset := seconds(*now) - l.asked.Sub(l.zero)
		if (offset - l.clock.offset).Abs() > within+l.clock.within+seam {
			l.clock = &sessionClock{offset, within}
		} else if within < l.clock.within { // the quickest answer tells best
			*l.clock = sessionClock{offset, within}
		}
	}
	if d.Ladder != l.ladder && l.ladder != "" {
		l.steps++
	}
	l.ladder = d.Ladder
	for _, r := range d.Phrases {
		key := recordKey{l.clock, r.ID, int(math.Round(r.SourceStart))}
		if _, known := l.records[key]; !known && len(l.records) == maxRecords {
			l.unkept++
			continue
		}
		l.records[key] = r
	}
}

// Steps returns how often the ladder changed.
func (l *Ledger) Steps() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.steps
}

func seconds(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }

// FirstDub returns when the first phrase that was dubbed sounds: D after its place.
func (l *Ledger) FirstDub(delay time.Duration) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first, found := time.Duration(math.MaxInt64), false
	for key, r := range l.records {
		if r.Fate == "played" && r.DubStart != nil {
			first, found = min(first, seconds(*r.DubStart)-key.clock.offset), true
		}
	}
	if !found {
		return time.Time{}, false
	}
	return l.zero.Add(first + delay), true
}

// PhraseFigures are what became of phrases. Said and Lost are nil where it is
// not known what the speaker said.
type PhraseFigures struct {
	Said    *int `json:"said"`    // sentences whose dub was due
	Heard   int  `json:"heard"`   // units that the recognizer made of them
	Played  int  `json:"played"`  // of those
	Skipped int  `json:"skipped"` // likewise: the original sounds
	Lost    *int `json:"lost"`    // sentences of which no unit was heard
	Twice   int  `json:"twice"`   // units played once more
	Unkept  int  `json:"unkept"`  // tellings of units that are in none of these, for want of room
}

// Figures judges the phrases of a material that began at a time of ours and was
// sent until end. Sentences whose dub was not due when the session last told are left out.
func (l *Ledger) Figures(m *Material, began, end time.Time, delay time.Duration) PhraseFigures {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := PhraseFigures{Unkept: l.unkept}
	type stretch struct{ from, to float64 } // seconds since zero
	var heard, played []stretch
	for key, r := range l.records {
		off := key.clock.offset.Seconds()
		at := stretch{r.SourceStart - off, r.SourceEnd - off}
		heard = append(heard, at)
		switch r.Fate {
		case "played":
			played = append(played, at)
		default:
			f.Skipped++
		}
	}
	f.Heard, f.Played = len(heard), len(played)
	slices.SortFunc(played, func(a, b stretch) int { return cmp.Compare(a.from, b.from) })
	for i := 1; i < len(played); i++ {
		a, b := played[i-1], played[i]
		if overlap(a.from, a.to, b.from, b.to) > same*min(a.to-a.from, b.to-b.from) {
			f.Twice++
		}
	}
	if m.Said == nil || l.asked.IsZero() || began.IsZero() {
		return f
	}
	said, lost := 0, 0
	for i := 0; ; i++ {
		from, to := m.phrase(i)
		if began.Add(to).After(end) || began.Add(to+delay+settle).After(l.asked) {
			break
		}
		said++
		a := began.Add(from).Sub(l.zero).Seconds()
		b := a + (to - from).Seconds()
		in := 0.
		for _, h := range heard {
			in += overlap(a, b, h.from, h.to)
		}
		if in < matches*(b-a) {
			lost++
		}
	}
	f.Said, f.Lost = &said, &lost
	return f
}

// Add adds the figures of another language or session.
func (f *PhraseFigures) Add(o PhraseFigures) {
	f.Heard, f.Played, f.Skipped, f.Twice, f.Unkept = f.Heard+o.Heard, f.Played+o.Played, f.Skipped+o.Skipped, f.Twice+o.Twice, f.Unkept+o.Unkept
	if o.Said == nil {
		return
	}
	if f.Said == nil {
		f.Said, f.Lost = new(int), new(int)
	}
	*f.Said, *f.Lost = *f.Said+*o.Said, *f.Lost+*o.Lost
}

// overlap returns how much of two stretches lies in both.
func overlap(a, b, c, d float64) float64 { return max(0, min(b, d)-max(a, c)) }
