package clusterrig

import (
	"time"

	"livedub/internal/testkit/caller"
)

// Figures are what a listener noticed of a fault.
type Figures struct {
	SoundGap   time.Duration // the longest time without any sound of the speaker or the dub
	PictureGap time.Duration // the longest time without a frame
	SourceGap  time.Duration // from the fault until the speaker sent again; 0: it never ceased
	Said       int           // phrases that were due
	Lost       []int         // of them: no dub was heard, or too little of one
	Twice      []int         // heard once more, or longer than one is
}

// Figures tells what the listener noticed from a fault until a later moment. Phrases
// are those that were due from then to then.
func (c *Call) Figures(fault, until time.Time) Figures {
	var f Figures
	pictures, _ := c.Listener.Paused()
	f.PictureGap = longest(pictures, fault, until)
	f.SoundGap = longest(c.Judge.Silences(), fault, until)
	for _, e := range c.Events() {
		if e.Role == "speaker" && e.Event.Event == "reconnected" && e.At.After(fault) && e.At.Before(until) {
			f.SourceGap = e.At.Sub(fault)
		}
	}
	d := c.Judge.Dubs(c.hears(fault)-time.Second, c.hears(until)-dueAfter)
	f.Said, f.Lost, f.Twice = d.Heard+len(d.Lost), d.Lost, d.Twice
	return f
}

// longest returns the longest pause that was not over at from and began before to.
func longest(all []caller.Pause, from, to time.Time) time.Duration {
	most := time.Duration(0)
	for _, p := range all {
		if p.To.After(from) && p.From.Before(to) {
			most = max(most, p.To.Sub(p.From))
		}
	}
	return most
}
