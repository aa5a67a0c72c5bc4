package dub

import (
	"context"
	"time"

	"livedub/session/record"
	"livedub/session/spec"
)

// resumable is how long before now a phrase may have ended that came to nothing yet.
const resumable = 30 * time.Second

// Resume has a dub that has not started go on with what was said before: phrases
// that have not begun to sound are spoken, at the place that they had and in the
// words that they had, if they had them.
func (d *Dub) Resume(all *record.Phrases) {
	if d.Original {
		return
	}
	d.records = all.Records(d.Lang)
	if n := d.env.Config.KeepRecords; n > 0 {
		d.records = d.records[max(0, len(d.records)-n):]
	}
	now, delay := d.env.Clock.Now(), d.env.Config.Delay
	for _, said := range all.All {
		had := said.Dubs[d.Lang]
		if had == nil {
			had = &record.Dub{}
		}
		if had.Sounded {
			d.timeline.After(had.DubEnd + delay)
			continue
		}
		unheard := had.Outcome == "" || had.Outcome == spec.Played
		if said.OwnVoice || said.Lang == d.Lang || !unheard || now-said.End > resumable+delay || !d.Speaks() {
			continue
		}
		j := &job{phrase: said.Phrase, hold: d.env.Clock.Hold(now), heard: now}
		j.record = spec.Record{Text: had.Text, HeardAt: said.HeardAt, TranslateTook: had.TranslateTook, Engines: d.env.Engines.Names}
		if had.Outcome == spec.Played {
			d.timeline.Keep(said.ID, had.DubStart+delay)
		}
		d.timeline.Expect(now, said.Phrase)
		d.admit(context.Background(), d.translating, d.phrases, j)
	}
}
