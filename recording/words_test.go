package recording

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"livedub/store"
)

// phrases are three: one dubbed, one said in a hole of the recording, one that was skipped.
func phrases() []store.Phrase {
	at := func(d time.Duration) *time.Duration { return &d }
	return []store.Phrase{
		{ID: 3, Lang: "es", SourceText: "Three", Start: 16 * s, End: 17 * s, Text: "Tres <b> &\n\n--> 1", Outcome: "late"},
		{ID: 1, Lang: "es", SourceLang: "en", SourceText: "One", Text: "Uno", Start: 1 * s, End: 2 * s, DubStart: at(1500 * ms), DubEnd: at(3 * s), Outcome: "played"},
		{ID: 2, Lang: "es", SourceText: "Two", Text: "Dos", Start: 9 * s, End: 10 * s, DubStart: at(9 * s), DubEnd: at(10 * s), Outcome: "played"},
		{ID: 4, Lang: "es", SourceText: "Four", Start: 18 * s, End: 19 * s},
		{ID: 1, Lang: "en", SourceText: "One", Start: 1 * s, End: 2 * s},
	}
}

func TestWords(t *testing.T) {
	sh := newShelf(t)
	sh.take(sh.local, "es", whole("a", 1, 2, 5)) // source 0 to 8 s and 16 to 20 s
	b := sh.rows[epoch]
	b.Phrases = phrases()
	b.Recordings[0].Languages = append(b.Recordings[0].Languages, store.RecordedLanguage{Lang: "en", Original: true})
	sh.rows[epoch] = b
	got, err := sh.Captions(t.Context(), epoch, "es")
	want := "WEBVTT\n\n00:00:01.500 --> 00:00:03.000\nUno\n\n00:00:08.000 --> 00:00:09.000\nTres &lt;b&gt; &amp; --&gt; 1\n"
	if string(got) != want || err != nil {
		t.Errorf("%v\n%s", err, got)
	}
	if got, err := sh.Captions(t.Context(), epoch, "en"); string(got) != "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nOne\n" || err != nil {
		t.Errorf("the original: %v\n%s", err, got)
	}
	text, err := sh.Transcript(t.Context(), epoch, "es")
	if err != nil {
		t.Fatal(err)
	}
	var tr Transcript
	if err := json.Unmarshal(text, &tr); err != nil {
		t.Fatal(err)
	}
	if len(tr.Phrases) != 4 || !tr.AIDubbed || tr.Duration != 12 || tr.From != "en" {
		t.Fatalf("%+v", tr)
	}
	one, two, three := tr.Phrases[0], tr.Phrases[1], tr.Phrases[2]
	if *one.Start != 1.5 || *one.End != 3 || one.Text != "Uno" || one.SourceText != "One" || one.Outcome != "played" {
		t.Errorf("%+v", one)
	}
	if two.Start != nil || two.ID != 2 || three.Start == nil || *three.Start != 8 || three.Outcome != "late" {
		t.Errorf("%+v %+v", two, three)
	}
	if _, err := sh.Transcript(t.Context(), epoch, "fr"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

// TestWordsThatWereWritten come as they are, once the recording has ended.
func TestWordsThatWereWritten(t *testing.T) {
	sh := newShelf(t)
	sh.take(sh.local, "es", whole("a", 1))
	sh.put(sh.remote, "es/"+captionsName, []byte("WEBVTT written"))
	sh.put(sh.local, "es/"+transcriptName, []byte(`{"written":true}`))
	if got, err := sh.Captions(t.Context(), epoch, "es"); string(got) != "WEBVTT\n" || err != nil {
		t.Errorf("while it grows: %v %s", err, got)
	}
	sh.end()
	if got, err := sh.Captions(t.Context(), epoch, "es"); string(got) != "WEBVTT written" || err != nil {
		t.Errorf("%v %s", err, got)
	}
	if got, err := sh.Transcript(t.Context(), epoch, "es"); string(got) != `{"written":true}` || err != nil {
		t.Errorf("%v %s", err, got)
	}
}
