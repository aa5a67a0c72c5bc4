package record

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/session/spec"
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

// disk is a spool whose disk can be full.
type disk struct {
	open func() (File, error)
	mu   sync.Mutex
	full bool
}

func (d *disk) set(full bool) { d.mu.Lock(); defer d.mu.Unlock(); d.full = full }

func (d *disk) err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		return errors.New("no space left on device")
	}
	return nil
}

func (d *disk) file() (File, error) {
	f, err := d.open()
	return fullFile{f, d}, err
}

type fullFile struct {
	File
	d *disk
}

func (f fullFile) WriteAt(p []byte, at int64) (int, error) {
	if err := f.d.err(); err != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], at) // as a disk does that is full now
		return n, err
	}
	return f.File.WriteAt(p, at)
}

// TestFullDisk: a disk that takes nothing costs memory up to its bound, then the
// oldest records that it did not take, counted; readers are told, and all is well
// again when it has room.
func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{open: TempFiles(t.TempDir())}
		s := small(d.file)
		put := func(n int) {
			for range n {
				s.Append(said(int(s.Last())+1, "hello"))
				s.writer.Wait()
			}
		}
		put(100)
		d.set(true)
		put(100)
		time.Sleep(2 * again)
		put(100)
		st := s.Stats()
		if st.Lost == 0 || s.bytes > 8200 || s.failed < 2 {
			t.Fatalf("%+v, %d bytes in memory, failed %d times", st, s.bytes, s.failed)
		}
		d.set(false)
		time.Sleep(2 * again)
		put(100)
		if got := s.Stats(); got.Lost > st.Lost+2 || s.bytes > 1200 {
			t.Errorf("%+v, %d bytes in memory", got, s.bytes)
		}
		s.Close()
	})
}

func TestReadersAreToldOfGaps(t *testing.T) {
	d := &disk{open: TempFiles(t.TempDir())}
	s := small(d.file)
	r := s.From(1)
	defer r.Close()
	for i := range 300 {
		d.set(i >= 100)
		s.Append(said(i+1, "hello"))
		s.writer.Wait()
	}
	s.Close()
	lost, last := 0, uint64(0)
	got := rest(t, r)
	for _, g := range got {
		if g.Seq <= last {
			t.Errorf("%d behind %d", g.Seq, last)
		}
		if g.Lost != nil {
			lost += g.Lost.Records
		} else if g.Seq != last+1 && lost == 0 {
			t.Errorf("%d behind %d, and nothing said", g.Seq, last)
		}
		last = g.Seq
	}
	if st := s.Stats(); lost == 0 || lost != st.Lost || last != 300 || len(got) > 301-lost {
		t.Errorf("told of %d lost ones and %d others: %+v", lost, len(got), st)
	}
}

// TestNoDisk: records that cannot be opened a file for stay in memory as far as it goes.
func TestNoDisk(t *testing.T) {
	for name, open := range map[string]func() (File, error){"none": nil, "no folder": TempFiles(t.TempDir() + "/none")} {
		s := small(open)
		for i := range 300 {
			s.Append(said(i+1, "hello"))
			s.writer.Wait()
		}
		s.Close()
		r := s.From(1)
		got := rest(t, r)
		r.Close()
		if st := s.Stats(); st.Lost == 0 || got[0].Lost == nil || got[0].Lost.Records != st.Lost || len(got)-1 != 300-st.Lost {
			t.Errorf("%s: %d records, %+v", name, len(got), st)
		}
	}
}

// TestBadDisk: what comes back from the disk as something else is lost, and told.
func TestBadDisk(t *testing.T) {
	s := small(TempFiles(t.TempDir()))
	for i := range 100 {
		s.Append(said(i+1, "hello"))
		s.writer.Wait()
	}
	seg := s.spool.segments[0]
	if _, err := seg.file.WriteAt([]byte(strings.Repeat("\xff{]\n", int(seg.size)/4)), 0); err != nil {
		t.Fatal(err)
	}
	r := s.From(1)
	defer r.Close()
	s.Close()
	got := rest(t, r)
	if got[0].Lost == nil || got[0].Seq != seg.last || got[len(got)-1].Seq != 100 {
		t.Errorf("%+v", got[0])
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

// TestRestore: a stream goes on behind records that were kept elsewhere.
func TestRestore(t *testing.T) {
	s := small(nil)
	kept := []Record{said(1, "one"), said(2, "two"), said(3, "out of order"), said(4, "beyond the last")}
	for i, seq := range []uint64{3, 9, 5, 2000} {
		kept[i].Seq, kept[i].At = seq, time.Minute
	}
	s.Restore(kept, 1000)
	s.Append(said(3, "three"))
	s.Close()
	for from, want := range map[uint64]string{1: "3 9 1001", 4: "9 1001", 10: "1001", 1001: "1001", 5000: ""} {
		r := s.From(from)
		var seqs []string
		for _, g := range rest(t, r) {
			seqs = append(seqs, fmt.Sprint(g.Seq))
		}
		r.Close()
		if got := strings.Join(seqs, " "); got != want {
			t.Errorf("from %d: %s, want %s", from, got, want)
		}
	}
}

func TestPhrases(t *testing.T) {
	s := small(nil)
	one, two := inference.Phrase{ID: 1, Lang: "en", Text: "one", Final: true, Words: []inference.Word{{Text: "one"}}}, inference.Phrase{ID: 2, Lang: "en", Text: "two", Final: true}
	add := func(p inference.Phrase, fn func(*Record)) {
		r := Of("es", p)
		fn(&r)
		s.Append(r)
	}
	own := Said("en", two)
	own.Committed, own.OwnVoice = nil, own.Committed
	s.Append(Said("en", one))
	s.Append(own)
	add(one, func(r *Record) { r.Translated = &Translated{"uno"} })
	add(one, func(r *Record) { r.Placed = &spec.Record{Text: "uno", Outcome: spec.Played, DubStart: 5, DubEnd: 7} })
	add(one, func(r *Record) { r.Placed = &spec.Record{Text: "uno", Outcome: spec.Played, DubStart: 5, DubEnd: 9} })
	add(one, func(r *Record) { r.Played = &Played{} })
	add(inference.Phrase{ID: 3}, func(r *Record) { r.Skipped = &spec.Record{Outcome: spec.SkippedLate} }) // of a phrase that is lost
	s.Close()
	p, err := s.Phrases(t.Context())
	if err != nil || len(p.All) != 2 || p.Lost != 0 || !p.All[1].OwnVoice || !reflect.DeepEqual(p.Languages(), []inference.Lang{"es"}) {
		t.Fatalf("%+v, %v", p, err)
	}
	if got := p.Records("es"); len(got) != 1 || !reflect.DeepEqual(got[0].Phrase, one) || got[0].DubEnd != 9 || !p.All[0].Dubs["es"].Sounded {
		t.Errorf("%+v", got)
	}
}

// TestLongRecords go without what a report alone wants, or are lost.
func TestLongRecords(t *testing.T) {
	p := inference.Phrase{ID: 1, Text: "hello", Final: true}
	for range 5000 {
		p.Words = append(p.Words, inference.Word{Text: "hello"})
	}
	s := small(nil)
	s.Append(Said("en", p))
	p.Words, p.Text = nil, strings.Repeat("x", 200_000)
	s.Append(Said("en", p))
	s.Close()
	r := s.From(1)
	defer r.Close()
	got := rest(t, r)
	if got[0].Committed == nil || got[0].Committed.Words != nil || got[1].Lost == nil || s.Stats().Lost != 1 {
		t.Errorf("%+v", got)
	}
}

func FuzzDecode(f *testing.F) {
	r := said(3, "hello \u2028 \"world\"")
	r.Seq = 9
	line, err := Encode(r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Add([]byte(`{"seq":1,"placed":{"Outcome":"played","Marks":[{"IPA":"a"}]}}`))
	f.Add([]byte(`{"seq":1}{"seq":2}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := Decode(line)
		if err != nil {
			return
		}
		again, err := Encode(r)
		if err != nil {
			return // what was short may be long when it is written as we do
		}
		back, err := Decode(again)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := Encode(back); err != nil || string(twice) != string(again) {
			t.Errorf("%s became %s, %v", again, twice, err)
		}
		r.Caption()
		new(Phrases).Add(r)
	})
}
