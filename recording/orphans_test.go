package recording

import (
	"context"
	"errors"
	"testing"
	"time"

	"livedub/store"
)

// ledger is the journal of a shelf that takes recordings.
type ledger struct{ *shelf }

func (l ledger) Write(_ context.Context, b store.Batch) error {
	for _, r := range b.Recordings {
		had := l.rows[r.ID]
		had.Recordings = []store.Recording{r.Over(had.Recordings[0])}
		l.rows[r.ID] = had
	}
	return nil
}

func (l ledger) Close() error { return nil }

// TestOrphans: a recording whose session no node has for an hour is closed with what was
// sent of it, and not before, nor while somebody may still be at it.
func TestOrphans(t *testing.T) {
	s := newShelf(t)
	s.take(s.remote, "es", Take{Name: "a", Fence: 1, Segments: []Segment{
		{N: 1, At: 4 * time.Second, Duration: SegmentLength, Bytes: 10, Whole: true},
		{N: 2, At: 8 * time.Second, Duration: SegmentLength, Bytes: 20, Whole: true},
	}})
	there, fails := true, error(nil)
	r, err := open(Config{Dir: s.local, Node: "b", Journal: ledger{s}, Objects: objects{s}, Elsewhere: func(context.Context, string) (bool, error) {
		return there, fails
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	row := func() store.Recording { return s.rows[epoch].Recordings[0] }
	left, now := orphans{}, time.Now()
	look := func(after time.Duration) {
		t.Helper()
		now = now.Add(after)
		if err := left.look(t.Context(), r, now); err != nil {
			t.Fatal(err)
		}
	}
	look(0)
	look(2 * orphanAfter)
	if row().State != store.Growing {
		t.Fatalf("closed while a node has its session: %+v", row())
	}
	there = false
	look(0)
	look(orphanAfter - time.Minute)
	there = true // for a moment
	look(0)
	there = false
	look(time.Minute)
	look(orphanAfter - time.Minute)
	if row().State != store.Growing {
		t.Fatalf("closed before an hour has passed: %+v", row())
	}
	fails = errors.New("the cluster does not answer")
	look(orphanAfter)
	fails = nil
	look(0)
	if row().State != store.Growing {
		t.Fatalf("closed while nobody could tell: %+v", row())
	}
	look(orphanAfter)
	got := row()
	if got.State != store.CutShort || got.Why != lostNode || got.Ended.Sub(got.Created) < 8*time.Second {
		t.Errorf("%+v", got)
	}
	if len(got.Languages) != 1 || got.Languages[0].Segments != 2 || got.Languages[0].Duration != 2*SegmentLength || got.Languages[0].Bytes != 30 {
		t.Errorf("%+v", got.Languages)
	}
}
