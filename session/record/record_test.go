package record

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// now is the session time of tests that have none.
func now() time.Duration { return time.Second }

// small returns a stream that spools from some 1000 bytes on.
func small(open func() (File, error)) *Stream {
	return New(Config{Now: now, Open: open, Tail: 1000, Memory: 8000, Segment: 4000, Spool: 1 << 20})
}

// said is the record of phrase id, which takes some 100 bytes more than its text.
func said(id int, text string) Record {
	return Said("en", inference.Phrase{ID: id, Lang: "en", Text: text, Final: true, Start: time.Duration(id) * time.Second})
}

// rest reads what is left of a stream that has ended.
func rest(t *testing.T, r *Reader) (out []Record) {
	t.Helper()
	for {
		got, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, got)
	}
}

// TestOrder: many append and read at a time, in memory and behind it; each reader
// has every record once, in the order of its number, at whatever pace.
func TestOrder(t *testing.T) {
	s := New(Config{Now: now, Open: TempFiles(t.TempDir()), Tail: 1000, Segment: 40_000})
	const writers, each = 8, 400
	var wg sync.WaitGroup
	read := func(pause time.Duration) {
		defer wg.Done()
		r := s.From(1)
		defer r.Close()
		next := map[int]int{} // phrase, by writer
		for seq := uint64(1); ; seq++ {
			got, err := r.Next(t.Context())
			if errors.Is(err, io.EOF) {
				if seq != writers*each+1 {
					t.Errorf("%d records", seq-1)
				}
				return
			}
			if err != nil || got.Seq != seq || got.Committed == nil {
				t.Errorf("record %d: %+v, %v", seq, got, err)
				return
			}
			w, n := got.Phrase/each, got.Phrase%each
			if n != next[w] {
				t.Errorf("writer %d: %d behind %d", w, n, next[w]-1)
			}
			next[w]++
			if pause > 0 && seq%50 == 0 {
				time.Sleep(pause)
			}
		}
	}
	wg.Add(3)
	go read(0)
	go read(time.Millisecond)
	go read(3 * time.Millisecond)
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for n := range each {
				s.Append(said(w*each+n, "hello"))
			}
		})
	}
	writing.Wait()
	s.Close()
	wg.Wait()
	if st := s.Stats(); st.Records != writers*each || st.Lost != 0 {
		t.Errorf("%+v", st)
	}
	s.Append(said(1, "after the end"))
	if s.Last() != writers*each {
		t.Error("a record was taken after the end")
	}
}

// TestSpool: what memory has no room for is on disk, from any number on.
func TestSpool(t *testing.T) {
	s := New(Config{Now: now, Open: TempFiles(t.TempDir()), Tail: 1000, Segment: 40_000})
	const n = 3000
	for i := range n {
		s.Append(said(i+1, strings.Repeat("x", i%700)))
		if i%20 == 0 {
			s.writer.Wait()
		}
	}
	s.writer.Wait()
	if st := s.Stats(); st.Spooled < 100<<10 || st.Lost != 0 {
		t.Fatalf("%+v", st)
	}
	for _, from := range []uint64{1, 2, 777, 1500, 2990, n} {
		r := s.From(from)
		for seq := from; seq <= n; seq++ {
			if got, err := r.Next(t.Context()); err != nil || got.Seq != seq || got.Phrase != int(seq) || len(got.Committed.Text) != int(seq-1)%700 {
				t.Fatalf("from %d: %d: %+v, %v", from, seq, got, err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got, err := r.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("behind the last: %+v, %v", got, err)
		}
		r.Close()
	}
	recent := s.Recent(1)
	if got, err := recent.Next(t.Context()); err != nil || got.Seq < 2000 || got.Seq > n {
		t.Errorf("in memory from %d, %v", got.Seq, err)
	}
	recent.Close()
	late := s.From(1)
	s.Close()
	if got := rest(t, late); len(got) != n {
		t.Errorf("after the end %d records", len(got))
	}
	late.Close()
	tooLate := s.From(1)
	defer tooLate.Close()
	if got := rest(t, tooLate); len(s.spool.segments) != 0 || got[0].Lost == nil || len(got) > 20 || s.Stats().Lost != 0 {
		t.Errorf("the spool outlives its last reader: %d records", len(got))
	}
}

// TestSpoolIsBounded: the oldest make room on disk, and who wants them is told.
func TestSpoolIsBounded(t *testing.T) {
	s := New(Config{Now: now, Open: TempFiles(""), Tail: 1000, Memory: 8000, Segment: 4000, Spool: 20_000})
	for i := range 1000 {
		s.Append(said(i+1, "hello"))
		s.writer.Wait()
	}
	st := s.Stats()
	if st.Lost == 0 || st.Spooled > 25_000 {
		t.Fatalf("%+v", st)
	}
	s.End()
	r := s.From(1)
	got := rest(t, r)
	r.Close()
	s.Close()
	if got[0].Lost == nil || got[0].Lost.Records != st.Lost || len(got) != 1001-st.Lost || got[len(got)-1].Seq != 1000 {
		t.Errorf("%d records, the first %+v; %+v", len(got), got[0], st)
	}
}

// TestTransients are there for who keeps up, in their place, and never hold up another.
func TestTransients(t *testing.T) {
	s := New(Config{Now: now})
	guess := func(id int, text string) {
		s.Append(Said("auto", inference.Phrase{ID: id, Lang: "en", Text: text}))
	}
	guess(1, "before anybody reads")
	r := s.From(1)
	defer r.Close()
	for i := 1; i <= 100; i++ {
		guess(i, "so")
		s.Append(said(i, "so be it"))
	}
	guess(101, "and")
	s.Close()
	partial, final, last := 0, 0, 0
	for _, g := range rest(t, r) {
		switch c := g.Caption(); {
		case c.Final:
			final, last = final+1, c.ID
		case g.Seq != 0 || c.ID != last+1 || c.Lang != inference.Auto || c.Spoken != "en":
			t.Errorf("behind phrase %d: %+v", last, c)
		default:
			partial++
		}
	}
	if final != 100 || partial != passings {
		t.Errorf("%d final, %d partial", final, partial)
	}
}

func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := small(nil)
		got := make(chan Record, 10)
		done := make(chan error)
		go func() { done <- s.Follow(t.Context(), func(r Record) { got <- r }) }()
		synctest.Wait()
		s.Append(said(1, "hello"))
		synctest.Wait()
		if len(got) != 1 {
			t.Fatal("who waits is not told")
		}
		s.Append(Record{Moved: &Moved{7}})
		s.Append(said(2, "told at the other node"))
		if err := <-done; err != nil || len(got) != 2 || s.Last() != 2 {
			t.Errorf("%v, %d records of %d", err, len(got), s.Last())
		}
		s.Close()
	})
}
