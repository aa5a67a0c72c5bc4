// Package storetest holds what every journal and every store of objects must do, as
// suites that each of them runs.
package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"livedub/store"
)

// Open opens a journal that has nothing yet. It is closed by the suite.
type Open func(t *testing.T) store.Journal

// Journal runs all that a journal must do.
func Journal(t *testing.T, open Open) {
	for name, test := range map[string]func(t *testing.T, j journal){
		"RoundTrip":      roundTrip,
		"Alone":          alone,
		"Order":          order,
		"Twice":          twice,
		"SameKeyInBatch": sameKeyInBatch,
		"Fence":          fence,
		"Empty":          empty,
		"AllOrNothing":   allOrNothing,
		"HostileKeys":    hostileKeys,
		"HostileTexts":   hostileTexts,
		"HostileData":    hostileData,
		"Large":          large,
		"NotFound":       notFound,
		"Erase":          erase,
		"EraseUnknown":   eraseUnknown,
		"LateWrites":     lateWrites,
		"Recordings":     recordings,
		"Pages":          pages,
		"HostileFilter":  hostileFilter,
		"Expired":        expired,
		"Concurrent":     concurrent,
		"EraseMeanwhile": eraseMeanwhile,
		"Cancelled":      cancelled,
	} {
		t.Run(name, func(t *testing.T) {
			j := journal{open(t), t}
			test(t, j)
			if err := j.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	t.Run("Closed", func(t *testing.T) { closed(t, open) })
}

// journal is a journal whose failures fail the test.
type journal struct {
	store.Journal
	t *testing.T
}

func (j journal) write(b store.Batch) {
	j.t.Helper()
	if err := j.Write(j.t.Context(), b); err != nil {
		j.t.Fatalf("write %d rows: %v", b.Len(), err)
	}
}

func (j journal) read(epoch string) store.Batch {
	j.t.Helper()
	b, err := j.Session(j.t.Context(), epoch)
	if err != nil {
		j.t.Fatalf("read session %s: %v", epoch, err)
	}
	return b
}

// has wants a session to have exactly these rows, as they are when they are clean.
func (j journal) has(epoch string, want store.Batch) {
	j.t.Helper()
	clean, err := store.Clean(want)
	if err != nil {
		j.t.Fatalf("the test wants what cannot be kept: %v", err)
	}
	if got, want := text(j.t, j.read(epoch)), text(j.t, clean); got != want {
		j.t.Fatalf("session %s has\n%.2000s\nwant\n%.2000s", epoch, got, want)
	}
}

func (j journal) erase(epoch string) {
	j.t.Helper()
	if err := j.Erase(j.t.Context(), epoch); err != nil {
		j.t.Fatalf("erase %s: %v", epoch, err)
	}
}

func (j journal) fails(what string, err, want error) {
	j.t.Helper()
	if !errors.Is(err, want) {
		j.t.Fatalf("%s: %v, want: %v", what, err, want)
	}
}

// text is a batch to be compared: times in UTC, the data of events without their layout.
func text(t *testing.T, b store.Batch) string {
	t.Helper()
	raw, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	walk(v)
	if raw, err = json.MarshalIndent(v, "", " "); err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func walk(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if s, ok := e.(string); ok {
				if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
					v[k] = at.UTC().Format(time.RFC3339Nano)
				}
			}
			walk(e)
		}
	case []any:
		for _, e := range v {
			walk(e)
		}
	}
}

var day = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

func dur(d time.Duration) *time.Duration { return &d }

// whole is a session that has every row there is, and every field of it.
func whole(epoch string) store.Batch {
	return store.Batch{
		Sessions: []store.Session{{Epoch: epoch, Name: "talk", Node: "n1", From: "en", To: []string{"es", "de"}, Profile: "sync",
			DelayMS: 4000, Created: day, Ended: day.Add(time.Hour), Phrases: 7, Lost: 1, Fence: 3}},
		Dubs: []store.Dub{
			{Epoch: epoch, Lang: "de", Began: time.Second, Ended: time.Hour, Played: 6, Skipped: 1, Ladder: "voice", Fence: 3},
			{Epoch: epoch, Lang: "es", Played: 7, Fence: 3},
		},
		Phrases: []store.Phrase{
			{Epoch: epoch, Lang: "en", ID: 1, SourceLang: "en", SourceText: "Hello.", Text: "Hello.", Start: time.Second, End: 2*time.Second + 1, Recognizer: "whisper", Fence: 3},
			{Epoch: epoch, Lang: "es", ID: 1, SourceLang: "en", SourceText: "Hello.", Text: "¡Hola!", Start: time.Second, End: 2*time.Second + 1,
				DubStart: dur(time.Second), DubEnd: dur(3 * time.Second), Late: dur(0), Outcome: "played", Recognizer: "whisper", Translator: "apertium", Voice: "espeak", Fence: 3},
		},
		Consents:   []store.Consent{{Epoch: epoch, Seq: 2, Given: true, At: day, Fence: 3}, {Epoch: epoch, Seq: 9, At: day.Add(time.Minute), Fence: 3}},
		Events:     []store.Event{{Epoch: epoch, Seq: 1, At: time.Second, Lang: "es", Kind: "ladder", Data: json.RawMessage(`{"level":"voice","n":12345678901234567}`), Fence: 3}},
		Recordings: []store.Recording{recording(epoch, day)},
	}
}

func recording(id string, created time.Time) store.Recording {
	return store.Recording{ID: id, Session: "talk", From: "en", Languages: []store.RecordedLanguage{
		{Lang: "en", Original: true, Duration: time.Hour, Bytes: 1 << 33, Segments: 900},
		{Lang: "es", Duration: time.Hour, Bytes: 5, Segments: 1, File: "recordings/" + id + "/es/es.mp4"},
	}, Created: created, Ended: created.Add(time.Hour), State: store.CutShort, Why: "the disk was full", Consent: created,
		Engines: map[string]string{"speaker": "espeak", "lips": "warp"}, Fence: 3}
}

// phrase is a row with little in it.
func phrase(epoch, lang string, id int) store.Phrase {
	return store.Phrase{Epoch: epoch, Lang: lang, ID: id, Text: fmt.Sprint("phrase ", id)}
}

func phrases(all ...store.Phrase) store.Batch { return store.Batch{Phrases: all} }

// roundTrip: what was written is read back as it was, every field of it, and of that session alone.
func roundTrip(_ *testing.T, j journal) {
	j.write(whole("e-1"))
	j.write(whole("e-2"))
	j.has("e-1", whole("e-1"))
	j.has("e-2", whole("e-2"))
}

// alone: rows of a session that has no session row, or comes later with it, are rows of it.
func alone(_ *testing.T, j journal) {
	all := whole("e")
	for _, b := range []store.Batch{{Recordings: all.Recordings}, {Events: all.Events}, {Consents: all.Consents}, {Phrases: all.Phrases}, {Dubs: all.Dubs}} {
		j.write(b)
	}
	all.Sessions = nil
	j.has("e", all)
	j.write(store.Batch{Sessions: whole("e").Sessions})
	j.has("e", whole("e"))
	j.write(store.Batch{})
}

// order: rows come by their keys, languages byte by byte and numbers as numbers.
func order(_ *testing.T, j journal) {
	var want store.Batch
	for _, lang := range []string{"EN", "Z", "de", "e-1", "e-a", "e1", "ea", "zh-Hant"} {
		for _, id := range []int{0, 2, 9, 10, 100, 1 << 40} {
			want.Phrases = append(want.Phrases, phrase("e", lang, id))
		}
		want.Dubs = append(want.Dubs, store.Dub{Epoch: "e", Lang: lang})
	}
	for _, seq := range []uint64{0, 2, 10, 1 << 50} {
		want.Events = append(want.Events, store.Event{Epoch: "e", Seq: seq, Kind: "gap"})
		want.Consents = append(want.Consents, store.Consent{Epoch: "e", Seq: seq, At: day})
	}
	for i := range want.Phrases {
		j.write(phrases(want.Phrases[len(want.Phrases)-1-i]))
	}
	j.write(store.Batch{Dubs: want.Dubs, Events: want.Events, Consents: want.Consents})
	j.has("e", want)
}

// twice: a batch may be written again, and an older one too, as happens where an answer was lost.
func twice(_ *testing.T, j journal) {
	one := whole("e")
	for range 3 {
		j.write(one)
		j.has("e", one)
	}
	two := whole("e")
	two.Phrases[1].Text, two.Sessions[0].Phrases, two.Recordings[0].State = "¡Buenas!", 8, store.Whole
	two.Sessions[0].To, two.Recordings[0].Languages, two.Recordings[0].Engines = []string{"fr"}, two.Recordings[0].Languages[:1], map[string]string{"speaker": "piper"}
	j.write(two)
	j.has("e", two)
	j.write(one)
	j.write(two)
	j.has("e", two)
}

// sameKeyInBatch: of rows with the same key in one batch the later replaces the earlier.
func sameKeyInBatch(_ *testing.T, j journal) {
	a, b, c := phrase("e", "es", 1), phrase("e", "es", 1), phrase("e", "es", 1)
	a.Voice, a.Fence, b.Text, b.Fence, c.Fence = "espeak", 1, "later", 1, 0
	j.write(phrases(a, b, c))
	b.Voice = "espeak"
	j.has("e", phrases(b))
}

// fence: a row of a lower fence replaces nothing of a higher one, not even what that left empty.
func fence(t *testing.T, j journal) {
	at := func(f int64, text string) store.Batch {
		b := whole("e")
		b.Sessions[0].Fence, b.Sessions[0].Name = f, text
		b.Dubs = b.Dubs[:1]
		b.Dubs[0].Fence, b.Dubs[0].Ladder = f, text
		b.Phrases = b.Phrases[1:]
		b.Phrases[0].Fence, b.Phrases[0].Text, b.Phrases[0].Voice = f, text, ""
		b.Consents = []store.Consent{{Epoch: "e", Seq: 2, Given: f%2 == 0, At: day.Add(time.Duration(f) * time.Second), Fence: f}}
		b.Events[0].Fence, b.Events[0].Kind = f, text
		b.Recordings[0].Fence, b.Recordings[0].Session = f, text
		return b
	}
	want := at(7, "seven")
	j.write(want)
	low := at(6, "six")
	low.Phrases[0].Voice = "espeak"
	j.write(low)
	j.has("e", want)
	j.write(at(7, "seven again"))
	j.has("e", at(7, "seven again"))
	j.write(at(1<<53, "highest"))
	j.write(at(0, "none"))
	j.has("e", at(1<<53, "highest"))
	if err := j.Write(t.Context(), at(-1, "below")); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a fence of -1: %v", err)
	}
}

// empty: what a row leaves empty replaces nothing; a time of zero that is given is not empty.
func empty(_ *testing.T, j journal) {
	want := whole("e")
	j.write(want)
	j.write(store.Batch{
		Sessions:   []store.Session{{Epoch: "e", Fence: 3}},
		Dubs:       []store.Dub{{Epoch: "e", Lang: "de", Fence: 3}, {Epoch: "e", Lang: "es", Fence: 3}},
		Phrases:    []store.Phrase{{Epoch: "e", Lang: "es", ID: 1, Fence: 3}, {Epoch: "e", Lang: "en", ID: 1, Fence: 3}},
		Consents:   []store.Consent{{Epoch: "e", Seq: 2, Fence: 3}},
		Events:     []store.Event{{Epoch: "e", Seq: 1, Fence: 3}},
		Recordings: []store.Recording{{ID: "e", Fence: 3}},
	})
	j.has("e", want)
	j.write(phrases(store.Phrase{Epoch: "e", Lang: "es", ID: 1, DubStart: dur(0), Fence: 3}))
	want.Phrases[1].DubStart = dur(0)
	j.has("e", want)
	// A row of a higher fence leaves as much.
	j.write(store.Batch{Sessions: []store.Session{{Epoch: "e", Node: "n2", Fence: 4}}})
	want.Sessions[0].Node, want.Sessions[0].Fence = "n2", 4
	j.has("e", want)
}

// notFound: a session that was never written is not found.
func notFound(t *testing.T, j journal) {
	j.write(whole("e"))
	for _, epoch := range []string{"f", "E", "e-", "5f0c2b1a-0000-4000-8000-000000000000"} {
		_, err := j.Session(t.Context(), epoch)
		j.fails(epoch, err, store.ErrNotFound)
	}
}

// cancelled: what is not wanted anymore fails, and the journal goes on.
func cancelled(t *testing.T, j journal) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Write(ctx, whole("e")); err == nil {
		t.Error("a write that was cancelled before did not fail")
	}
	j.write(whole("e"))
	j.has("e", whole("e"))
}

// closed: a journal that is closed takes nothing more, and may be closed again.
func closed(t *testing.T, open Open) {
	j := open(t)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Write(t.Context(), whole("e")); err == nil || errors.Is(err, store.ErrErased) {
		t.Errorf("a closed journal was written to: %v", err)
	}
	if _, err := j.Session(t.Context(), "e"); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("a closed journal was read: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}
