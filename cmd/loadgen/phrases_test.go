package main

import (
	"testing"
	"time"
)

// TestLedger: what a session tells of its phrases, against what was said.
func TestLedger(t *testing.T) {
	m := &material{length: 10 * time.Second, said: []phrase{{"a", time.Second, 2 * time.Second}, {"b", 4 * time.Second, 6 * time.Second}}}
	zero := time.Unix(1000, 0)
	began := zero.Add(500 * time.Millisecond)
	delay := 2 * time.Second
	at := func(s float64) *float64 { return &s }
	played := func(id int, start, end float64) record {
		return record{ID: id, SourceStart: start, SourceEnd: end, DubStart: at(start), Fate: "played"}
	}
	// The session's clock is 10 s ahead of ours: what was said at 1 s of the
	// material, 1.5 s after zero, is at 11.5 s.
	first := []record{played(1, 11.5, 12.5), played(2, 14.6, 15.4), {ID: 3, SourceStart: 15.5, SourceEnd: 16.4, Fate: "skipped_late"}}
	var l ledger
	if _, known := l.firstDub(delay); known {
		t.Error("a first dub of nothing")
	}
	l.take(zero, zero.Add(20*time.Millisecond), at(10.01), dub{Ladder: "lips", Phrases: first[:1]})
	l.take(zero.Add(8*time.Second), zero.Add(8*time.Second), at(18), dub{Ladder: "voice", Phrases: first})
	when, known := l.firstDub(delay)
	if want := zero.Add(3500 * time.Millisecond); !known || when.Sub(want).Abs() > time.Millisecond {
		t.Errorf("the first dub sounds %v after zero", when.Sub(zero))
	}
	// At 8 s a's dub has been due, b's (6.5 s + D) not yet.
	f := l.figures(m, began, zero.Add(8*time.Second), delay)
	if *f.Said != 1 || *f.Lost != 0 || f.Heard != 3 || f.Played != 2 || f.Skipped != 1 || f.Twice != 0 || l.steps != 1 {
		t.Errorf("%+v, said %d, lost %d, %d steps", f, *f.Said, *f.Lost, l.steps)
	}
	// Of the second round a is not heard at all, and b twice: once more under another number.
	l.take(zero.Add(22*time.Second), zero.Add(22*time.Second), at(32), dub{Ladder: "voice", Phrases: []record{played(4, 24.5, 26.5), played(1, 24.7, 26.3)}})
	f = l.figures(m, began, zero.Add(30*time.Second), delay)
	if *f.Said != 4 || *f.Lost != 1 || f.Heard != 5 || f.Played != 4 || f.Twice != 1 || l.steps != 1 {
		t.Errorf("%+v, said %d, lost %d, %d steps", f, *f.Said, *f.Lost, l.steps)
	}
	// What was said after the end of the sending was not said.
	if f = l.figures(m, began, zero.Add(7*time.Second), delay); *f.Said != 2 {
		t.Errorf("said %d until 7 s", *f.Said)
	}
	if f = l.figures(&material{length: 10 * time.Second}, began, zero.Add(time.Hour), delay); f.Said != nil || f.Lost != nil || f.Heard != 5 {
		t.Errorf("of a clip: %+v", f)
	}
}

// TestLedgerClock: the quickest answer tells the session's clock, until another clock is told.
func TestLedgerClock(t *testing.T) {
	var l ledger
	zero := time.Unix(1000, 0)
	ask := func(before, after time.Duration, now float64) time.Duration {
		l.take(zero.Add(before), zero.Add(after), &now, dub{})
		return l.offset
	}
	ms := time.Millisecond
	for _, tt := range []struct {
		before, after time.Duration
		now           float64
		want          time.Duration
	}{
		{0, 400 * ms, 10.1, 9900 * ms},
		{1000 * ms, 1010 * ms, 11.005, 10 * time.Second},
		{2000 * ms, 5000 * ms, 13, 10 * time.Second}, // at 3.5 s, give or take 1.5
		{6000 * ms, 6100 * ms, 3.05, -3 * time.Second},
	} {
		if got := ask(tt.before, tt.after, tt.now); (got - tt.want).Abs() > ms {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

func TestLedgerIsBounded(t *testing.T) {
	var l ledger
	for i := range maxRecords + 100 {
		now := float64(i)
		l.take(time.Unix(0, 0), time.Unix(0, 0), &now, dub{Phrases: []record{{ID: i, SourceStart: now}}})
	}
	if len(l.records) != maxRecords || l.unkept != 100 {
		t.Errorf("%d records, %d found no room", len(l.records), l.unkept)
	}
}

func TestPhraseFiguresAdd(t *testing.T) {
	two := 2
	var f phraseFigures
	f.add(phraseFigures{Heard: 3, Played: 2, Skipped: 1})
	if f.Said != nil {
		t.Error("what is not known was said")
	}
	f.add(phraseFigures{Said: &two, Lost: &two, Heard: 1, Twice: 1})
	f.add(phraseFigures{Said: &two, Lost: &two})
	if *f.Said != 4 || *f.Lost != 4 || f.Heard != 4 || f.Twice != 1 || two != 2 {
		t.Errorf("%+v", f)
	}
}

func TestWebsocketAddress(t *testing.T) {
	for in, want := range map[target]string{
		{address: "http://h:1/whip/x~p.a"}:                         "ws://h:1/ws/x~p.a",
		{address: "https://h/a/whep/x~w-es.b/es", lang: "es"}:      "wss://h/a/ws/x~w-es.b",
		{address: "http://h/whep/x/zh-Hant", lang: "zh-Hant"}:      "ws://h/ws/x",
		{address: "http://h/gateway/whip/whip~p.c", session: "ws"}: "ws://h/gateway/ws/whip~p.c",
	} {
		if got, err := websocketAddress(in); err != nil || got != want {
			t.Errorf("%+v: %s, %v", in, got, err)
		}
	}
}

func TestRefusal(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":"no place is left","hint":"wait"}`: "HTTP 503: no place is left: wait",
		`{"error":"no"}`: "HTTP 503: no",
		"Bad Gateway\n":  "HTTP 503: Bad Gateway",
		"":               "HTTP 503: ",
	} {
		if got := refusal(503, []byte(body)).Error(); got != want {
			t.Errorf("%s: %q", body, got)
		}
	}
}
