package record

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/session/spec"
)

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
