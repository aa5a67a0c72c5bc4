package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"livedub/store"
)

// erase: nothing of an erased session is left, and all of the others.
func erase(t *testing.T, j journal) {
	j.write(whole("e"))
	j.write(whole("other"))
	j.erase("e")
	gone(t, j, "e")
	j.erase("e")
	gone(t, j, "e")
	j.has("other", whole("other"))
}

// gone wants nothing to be told of an erased session.
func gone(t *testing.T, j journal, epoch string) {
	t.Helper()
	_, err := j.Session(t.Context(), epoch)
	j.fails("read what is erased", err, store.ErrErased)
	page, err := j.Recordings(t.Context(), store.Filter{Limit: 1000})
	if err != nil || slices.ContainsFunc(page.Recordings, func(r store.Recording) bool { return r.ID == epoch }) {
		t.Fatalf("its recording is listed: %v, %+v", err, page)
	}
	old, err := j.Expired(t.Context(), time.Now().Add(time.Hour), 1000)
	if err != nil || slices.Contains(old, epoch) {
		t.Fatalf("it is told to have expired: %v, %v", err, old)
	}
}

// eraseUnknown: a session of which nothing is there yet is erased as well.
func eraseUnknown(t *testing.T, j journal) {
	j.erase("e")
	gone(t, j, "e")
	j.fails("a late write", j.Write(t.Context(), whole("e")), store.ErrErased)
	gone(t, j, "e")
}

// lateWrites: rows that come for an erased session are left out, and those of others are not.
func lateWrites(t *testing.T, j journal) {
	j.write(whole("e"))
	j.erase("e")
	b := whole("e")
	b.Add(whole("other"))
	j.fails("a late write", j.Write(t.Context(), b), store.ErrErased)
	gone(t, j, "e")
	j.has("other", whole("other"))
	b = phrases(phrase("e", "es", -1), phrase("e", "es", 1))
	j.fails("what cannot be kept, of an erased session", j.Write(t.Context(), b), store.ErrInvalid)
}

// expired: sessions are told when they ended before a time, or where that is not known
// were last written to before it.
func expired(t *testing.T, j journal) {
	now := time.Now()
	ended := func(epoch string, at time.Time) store.Batch {
		return store.Batch{Sessions: []store.Session{{Epoch: epoch, Created: day, Ended: at}}, Phrases: []store.Phrase{phrase(epoch, "es", 1)}}
	}
	j.write(ended("old", now.Add(-48*time.Hour)))
	j.write(ended("older", now.Add(-72*time.Hour)))
	j.write(ended("new", now.Add(-time.Hour)))
	j.write(ended("on", time.Time{}))
	j.write(phrases(phrase("alone", "es", 1)))
	j.write(store.Batch{Recordings: []store.Recording{recording("recorded", day)}})
	for _, c := range []struct {
		before time.Time
		limit  int
		want   []string
	}{
		{now.Add(-100 * time.Hour), 10, nil},
		{now.Add(-24 * time.Hour), 10, []string{"old", "older"}},
		{now.Add(-30 * time.Minute), 10, []string{"new", "old", "older"}},
		{now.Add(time.Hour), 10, []string{"alone", "new", "old", "older", "on", "recorded"}},
	} {
		got, err := j.Expired(t.Context(), c.before, c.limit)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("before %v: %v, %v, want %v", c.before.Sub(now), got, err, c.want)
		}
	}
	if got, err := j.Expired(t.Context(), now.Add(time.Hour), 4); err != nil || len(got) != 4 {
		t.Errorf("4 at most: %v, %v", got, err)
	}
	// Erasing what has expired comes to an end.
	for rounds := 0; ; rounds++ {
		got, err := j.Expired(t.Context(), now.Add(time.Hour), 2)
		if err != nil || rounds > 3 {
			t.Fatalf("round %d: %v, %v", rounds, got, err)
		}
		if len(got) == 0 {
			break
		}
		for _, epoch := range got {
			j.erase(epoch)
		}
	}
}

// concurrent: many who write at once, the same sessions and others, lose nothing.
func concurrent(_ *testing.T, j journal) {
	const writers, rounds = 8, 12
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range rounds {
				// Sessions in another order than the next writer has them.
				own, both := fmt.Sprint("own", w), fmt.Sprint("both", (w+i)%2)
				b := phrases(phrase(both, "es", w*rounds+i), phrase(own, "es", i), phrase("both2", "es", 1))
				b.Sessions = []store.Session{{Epoch: both, Name: "talk"}, {Epoch: "both2", Name: "talk"}}
				if w%2 == 0 {
					slices.Reverse(b.Phrases)
				}
				if err := j.Write(j.t.Context(), b); err != nil {
					j.t.Errorf("writer %d: %v", w, err)
				}
			}
		})
	}
	all.Wait()
	n := 0
	for _, epoch := range []string{"both0", "both1"} {
		n += len(j.read(epoch).Phrases)
	}
	if n != writers*rounds {
		j.t.Errorf("%d phrases, want %d", n, writers*rounds)
	}
	for w := range writers {
		if got := j.read(fmt.Sprint("own", w)).Phrases; len(got) != rounds {
			j.t.Errorf("writer %d has %d phrases", w, len(got))
		}
	}
	if got := j.read("both2"); len(got.Phrases) != 1 || len(got.Sessions) != 1 {
		j.t.Errorf("what all wrote: %+v", got)
	}
}

// eraseMeanwhile: a session that is erased while it is written to stays erased.
func eraseMeanwhile(t *testing.T, j journal) {
	var all sync.WaitGroup
	begun := make(chan struct{}, 100)
	for w := range 4 {
		all.Go(func() {
			for i := range 25 {
				err := j.Write(t.Context(), phrases(phrase("e", "es", 100*w+i), phrase("other", "es", 100*w+i)))
				if err != nil && !errors.Is(err, store.ErrErased) {
					t.Errorf("writer %d: %v", w, err)
				}
				begun <- struct{}{}
			}
		})
	}
	for range 10 {
		<-begun
	}
	j.erase("e")
	gone(t, j, "e")
	all.Wait()
	gone(t, j, "e")
	if got := j.read("other").Phrases; len(got) != 100 {
		t.Errorf("the other session has %d phrases", len(got))
	}
}
