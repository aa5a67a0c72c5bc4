package broadcast

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"livedub/inference"
	"livedub/session/record"
	"livedub/session/report"
	"livedub/session/spec"
)

// remember is for how long behind its end a caption is there.
const remember = 30 * time.Second

// captions are those of the last seconds in every language, in output time.
type captions struct {
	from  string
	delay time.Duration

	mu   sync.Mutex
	cues map[string][]cue // by language, as they came
}

type cue struct {
	phrase int
	report.Cue
}

// take takes what a record says of a caption; now is the session's time.
func (c *captions) take(x record.Record, now time.Duration) {
	switch {
	case x.Committed != nil:
		c.put(c.from, x.Committed.ID, report.SaidCue(inference.Lang(c.from), *x.Committed), now)
	case x.Placed != nil:
		c.put(string(x.Lang), x.Phrase, report.Cue{Start: x.Placed.DubStart, End: x.Placed.DubEnd, Text: x.Placed.Text}, now)
	case x.Skipped != nil:
		for _, u := range report.DubCues([]spec.Record{*x.Skipped}) {
			c.put(string(x.Lang), x.Phrase, u, now)
		}
	case x.Dumped != nil:
		c.drop(x.Dumped.Phrases)
	}
}

// drop takes the captions of phrases away that nobody is to read anymore.
func (c *captions) drop(phrases []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for lang, cues := range c.cues {
		c.cues[lang] = slices.DeleteFunc(cues, func(u cue) bool { return slices.Contains(phrases, u.phrase) })
	}
}

// put adds a caption, whose times are of the source, or takes it for the one of the same phrase.
func (c *captions) put(lang string, phrase int, u report.Cue, now time.Duration) {
	u.Start, u.End = u.Start+c.delay, u.End+c.delay
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cues == nil {
		c.cues = map[string][]cue{}
	}
	c.cues[lang] = append(slices.DeleteFunc(c.cues[lang], func(o cue) bool { return o.phrase == phrase || o.End < now-remember }), cue{phrase, u})
}

// stamped is how WebVTT begins whose times are those of the media.
var stamped = []byte("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n")

// text returns the captions of a stretch of output time as WebVTT (RFC 8216, 3.5). One
// that reaches into the next stretch stands there too, with the same times.
func (c *captions) text(lang string, from, to time.Duration) []byte {
	c.mu.Lock()
	var cues []report.Cue
	for _, u := range c.cues[lang] {
		cues = append(cues, u.Cue)
	}
	c.mu.Unlock()
	// Each is cut where the next begins, wherever that is.
	all := report.Cut(cues)
	all = slices.DeleteFunc(all, func(u report.Cue) bool { return u.End <= from || u.Start >= to || u.Text == "" })
	return append(slices.Clone(stamped), bytes.TrimPrefix(report.VTT(all), []byte("WEBVTT\n"))...)
}
