package journal

import (
	"testing"
	"testing/synctest"
	"time"

	"livedub/session/record"
	"livedub/session/spec"
	"livedub/store"
)

// moved is a session that goes on at another node, from what the first told as far as
// the checkpoint has it. It returns all rows of it in the end.
func moved(t *testing.T, to *fakeStore, alive bool, first, kept int) store.Batch {
	a := follow(t, New(Config{To: to, Node: "a", Engines: engines()}), func(f *follower, _ *record.Stream) {
		f.fence, f.session.Node = func() (int64, bool) { return 1, true }, "a"
	})
	a.begin()
	for id := range first {
		said(a.stream, id+1)
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(time.Second)
	var all []record.Record
	for r := range a.stream.All(t.Context()) {
		if r.Caption() != nil || r.Placed != nil || r.Played != nil { // as session.Carried has it
			all = append(all, r.Slim())
		}
	}
	last := a.stream.Last()
	if over := len(all) - kept; over > 0 {
		all = append([]record.Record{{Seq: all[over-1].Seq, Lost: &record.Lost{Records: over}}}, all[over:]...)
	}
	if alive {
		a.stream.Append(record.Record{Moved: &record.Moved{Fence: 2}})
	} else {
		to.set(errDown) // it is killed, as far as anybody sees
		a.f.journal.cfg.Drain = time.Millisecond
	}
	a.end()
	to.set(nil)

	began := time.Now()
	b := follow(t, New(Config{To: to, Node: "b", Engines: engines()}), func(f *follower, s *record.Stream) {
		s.Restore(all, last+1<<20)
		f.resumed, f.session.Node, f.session.Created = true, "b", a.began
		f.fence = func() (int64, bool) { // the claim is held a moment later
			if time.Since(began) < 300*time.Millisecond {
				return 0, false
			}
			return 2, true
		}
	})
	b.stream.Append(record.Record{Consent: &spec.Consent{Given: true, At: a.began}})
	b.stream.Append(record.Record{Targets: &record.Targets{To: a.targets()}})
	for id := range 10 {
		said(b.stream, first+id+1)
	}
	time.Sleep(time.Second)
	if s := to.read(t).Sessions[0]; s.Node != "b" || !s.Ended.IsZero() || s.Fence != 2 {
		t.Errorf("while it goes on: %+v", s)
	}
	b.end()
	return to.read(t)
}

// TestMoved: after a move nothing is there twice, nothing is lost, and it is counted on.
func TestMoved(t *testing.T) {
	for name, c := range map[string]struct {
		alive       bool
		first, kept int
	}{
		"handed over":              {true, 50, 10_000},
		"killed":                   {false, 50, 10_000},
		"long, and few are kept":   {true, 2000, 4096},
		"long, and none are kept":  {true, 700, 1},
		"killed before it said it": {false, 0, 10_000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := moved(t, newStore(t), c.alive, c.first, c.kept)
				n := c.first + 10
				wholePhrases(t, b, n)
				s := b.Sessions[0]
				if s.Phrases != n || s.Lost != 0 || s.Ended.IsZero() || s.Node != "b" {
					t.Errorf("%+v", s)
				}
				if len(b.Dubs) != 1 || b.Dubs[0].Played != n || b.Dubs[0].Skipped != 0 || b.Dubs[0].Ended == 0 {
					t.Errorf("%+v", b.Dubs)
				}
				if len(b.Consents) != 1 {
					t.Errorf("%+v", b.Consents)
				}
			})
		})
	}
}

// TestMovedApart: where each node has a journal of its own, the second has what it was
// handed, and all from then on.
func TestMovedApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newStore(t), newStore(t)
		x := follow(t, New(Config{To: a, Engines: engines()}), nil)
		x.begin()
		for id := range 5 {
			said(x.stream, id+1)
		}
		var all []record.Record
		for r := range x.stream.All(t.Context()) {
			if r.Caption() != nil || r.Placed != nil || r.Played != nil {
				all = append(all, r.Slim())
			}
		}
		x.stream.Append(record.Record{Moved: &record.Moved{Fence: 2}})
		x.end()
		if s := a.read(t).Sessions[0]; !s.Ended.IsZero() {
			t.Errorf("it has ended where it is no more: %+v", s)
		}
		y := follow(t, New(Config{To: b, Engines: engines()}), func(f *follower, s *record.Stream) {
			s.Restore(all, 1<<21)
			f.resumed = true
		})
		y.begin()
		said(y.stream, 6)
		y.end()
		got := b.read(t)
		wholePhrases(t, got, 6)
		if got.Sessions[0].Phrases != 6 || got.Dubs[0].Played != 6 || len(got.Consents) != 1 {
			t.Errorf("%+v, %+v", got.Sessions, got.Dubs)
		}
	})
}

// TestFenceNeverKnown: rows wait for the fence a few seconds, and not for ever.
func TestFenceNeverKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := newStore(t)
		c := follow(t, New(Config{To: to, Engines: engines()}), func(f *follower, _ *record.Stream) {
			f.fence = func() (int64, bool) { return 0, false }
		})
		said(c.stream, 1)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if n := to.tried(); n != 0 {
			t.Errorf("written %d times without a fence", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		wholePhrases(t, to.read(t), 1)
		c.end()
	})
}
