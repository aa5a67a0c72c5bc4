package recording

import (
	"context"
	"time"

	"livedub/store"
)

const (
	orphansEvery = 10 * time.Minute // is looked for recordings whose node is gone
	// orphanAfter is for how long no node may have a session before what is there of its
	// recording counts as all of it.
	orphanAfter = time.Hour
)

// lostNode is why a recording is cut short whose node has not come back.
const lostNode = "the server that recorded it has not come back: what it had sent on can be played"

// orphans are the recordings that still grow by the journal, while no node has their
// session, since when that is so.
type orphans map[string]time.Time

// look closes in the journal what nobody adds to anymore: its players wait for more, else.
// Where the node comes back after all, it finishes the recording as any that was cut off.
func (o orphans) look(ctx context.Context, r *Recorder, now time.Time) error {
	if r.cfg.Journal == nil || r.cfg.Elsewhere == nil {
		return nil
	}
	seen := map[string]bool{}
	for f := (store.Filter{State: store.Growing, Before: now.Add(-orphanAfter), Limit: 1000}); ; {
		page, err := r.cfg.Journal.Recordings(ctx, f)
		if err != nil {
			return err
		}
		for _, row := range page.Recordings {
			if there, err := r.anywhere(ctx, row); err != nil || there {
				continue
			}
			seen[row.ID] = true
			if o[row.ID].IsZero() {
				o[row.ID] = now
			}
			if now.Sub(o[row.ID]) < orphanAfter {
				continue
			}
			if err := r.orphan(ctx, row); err != nil {
				return err
			}
		}
		if f.After = page.Next; f.After == "" {
			break
		}
	}
	for id := range o {
		if !seen[id] {
			delete(o, id)
		}
	}
	return nil
}

// anywhere tells whether some node records a recording still, or this one has to finish it.
func (r *Recorder) anywhere(ctx context.Context, row store.Recording) (bool, error) {
	if _, err := r.marked(row.ID); err == nil || r.busy(row.ID) {
		return true, nil
	}
	return r.cfg.Elsewhere(ctx, row.Session)
}

// orphan writes that a recording has ended, with what can be reached of it.
func (r *Recorder) orphan(ctx context.Context, row store.Recording) error {
	takes, err := r.files.takes(ctx, row.ID)
	if err != nil {
		return err
	}
	var all []Take
	for _, of := range takes {
		all = append(all, of...)
	}
	clock := NewClock(0, all)
	row.State, row.Why, row.Ended = store.CutShort, lostNode, row.Created.Add(clock.ToOutput(clock.Duration()))
	if len(all) > 0 {
		row.Languages = languageRows(row.From, takes)
	}
	r.cfg.Log.Warn("a recording is closed whose node has not come back", "recording", row.ID, "session", row.Session)
	return r.write(ctx, row)
}
