package broadcast

import (
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/session/record"
	"livedub/session/spec"
)

func sec(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// TestCaptions: what is said in each language stands in every stretch that it reaches into,
// at the time when it is heard; what is placed anew takes its place.
func TestCaptions(t *testing.T) {
	c := captions{from: "en", delay: sec(4)}
	said := func(id int, from, to float64, text string) {
		c.take(record.Record{Phrase: id, Committed: &inference.Phrase{ID: id, Start: sec(from), End: sec(to), Text: text}}, 0)
	}
	placed := func(id int, from, to float64, text string) {
		c.take(record.Record{Phrase: id, Lang: "es", Placed: &spec.Record{Phrase: inference.Phrase{ID: id}, Outcome: spec.Played, DubStart: sec(from), DubEnd: sec(to), Text: text}}, 0)
	}
	said(1, 1, 2.5, "Good <morning>.")
	said(2, 2.2, 3, "How are you?")
	placed(1, 1.2, 1.9, "Buenos")
	placed(1, 1.2, 3, "Buenos días.")
	c.take(record.Record{Phrase: 2, Lang: "es", Skipped: &spec.Record{Phrase: inference.Phrase{ID: 2, Start: sec(2.2), End: sec(3)}, Outcome: spec.SkippedLate, Text: "¿Cómo estás?"}}, 0)
	for _, k := range []struct {
		lang     string
		from, to float64
		want     []string
	}{
		{"en", 4, 6, []string{"00:00:05.000 --> 00:00:06.200\nGood &lt;morning&gt;."}},
		{"en", 6, 8, []string{"00:00:05.000 --> 00:00:06.200", "00:00:06.200 --> 00:00:07.000\nHow are you?"}},
		{"es", 4, 6, []string{"00:00:05.200 --> 00:00:06.200\nBuenos días."}},
		{"es", 6, 8, []string{"00:00:05.200 --> 00:00:06.200", "¿Cómo estás?"}},
		{"es", 8, 10, nil},
		{"fr", 4, 6, nil},
	} {
		got := string(c.text(k.lang, sec(k.from), sec(k.to)))
		if !strings.HasPrefix(got, "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n") || strings.Count(got, "-->") != len(k.want) {
			t.Errorf("%s from %v: %q", k.lang, k.from, got)
		}
		for _, w := range k.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s from %v: %q lacks %q", k.lang, k.from, got, w)
			}
		}
	}
	for i := range 1000 {
		at := float64(10 + 3*i)
		c.take(record.Record{Phrase: 10 + i, Committed: &inference.Phrase{ID: 10 + i, Start: sec(at), End: sec(at + 2), Text: "on"}}, sec(at+4))
	}
	if n := len(c.cues["en"]); n > 12 {
		t.Errorf("%d captions are kept", n)
	}
}

// TestDumpedCaptions: nobody reads what was dumped, in any language; the rest stays.
func TestDumpedCaptions(t *testing.T) {
	c := captions{from: "en", delay: sec(4)}
	for id := 1; id <= 2; id++ {
		at := sec(float64(id))
		c.take(record.Record{Phrase: id, Committed: &inference.Phrase{ID: id, Start: at, End: at + sec(.9), Text: "secret"}}, 0)
		c.take(record.Record{Phrase: id, Lang: "es", Placed: &spec.Record{Phrase: inference.Phrase{ID: id}, Outcome: spec.Played, DubStart: at, DubEnd: at + sec(.9), Text: "secreto"}}, 0)
	}
	c.take(record.Record{Dumped: &record.Dumped{From: sec(5), To: sec(9), Phrases: []int{2}}}, 0)
	for lang, word := range map[string]string{"en": "secret", "es": "secreto"} {
		if got := string(c.text(lang, 0, sec(20))); strings.Count(got, word) != 1 || !strings.Contains(got, "00:00:05.000 -->") {
			t.Errorf("%s: %q, want phrase 1 alone", lang, got)
		}
	}
}
