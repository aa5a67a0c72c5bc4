package caller

import (
	"net/http"
	"testing"
	"time"
)

// TestLedger: what a session tells of its phrases, against what was said.
func TestLedger(t *testing.T) {
	m := &Material{Length: 10 * time.Second, Said: []phrase{{"a", time.Second, 2 * time.Second}, {"b", 4 * time.Second, 6 * time.Second}}}
	zero := time.Unix(1000, 0)
	began := zero.Add(500 * time.Millisecond)
	delay := 2 * time.Second
	at := func(s float64) *float64 { return &s }
	played := func(id int, start, end float64) Record {
		return Record{ID: id, SourceStart: start, SourceEnd: end, DubStart: at(start), Fate: "played"}
	}
	// The session's clock is 10 s ahead of ours: what was said at 1 s of the
	// material, 1.5 s after zero, is at 11.5 s.
	first := []Record{played(1, 11.5, 12.5), played(2, 14.6, 15.4), {ID: 3, SourceStart: 15.5, SourceEnd: 16.4, Fate: "skipped_late"}}
	var l Ledger
	if _, known := l.FirstDub(delay); known {
		t.Error("a first dub of nothing")
	}
	l.Take(zero, zero.Add(20*time.Millisecond), at(10.01), Dub{Ladder: "lips", Phrases: first[:1]})
	l.Take(zero.Add(8*time.Second), zero.Add(8*time.Second), at(18), Dub{Ladder: "voice", Phrases: first})
	when, known := l.FirstDub(delay)
	if want := zero.Add(3500 * time.Millisecond); !known || when.Sub(want).Abs() > time.Millisecond {
		t.Errorf("the first dub sounds %v after zero", when.Sub(zero))
	}
	// At 8 s a's dub has been due, b's (6.5 s + D) not yet.
	f := l.Figures(m, began, zero.Add(8*time.Second), delay)
	if *f.Said != 1 || *f.Lost != 0 || f.Heard != 3 || f.Played != 2 || f.Skipped != 1 || f.Twice != 0 || l.Steps() != 1 {
		t.Errorf("%+v, said %d, lost %d, %d steps", f, *f.Said, *f.Lost, l.Steps())
	}
	// Of the second round a is not heard at all, and b twice: once more under another number.
	l.Take(zero.Add(22*time.Second), zero.Add(22*time.Second), at(32), Dub{Ladder: "voice", Phrases: []Record{played(4, 24.5, 26.5), played(1, 24.7, 26.3)}})
	f = l.Figures(m, began, zero.Add(30*time.Second), delay)
	if *f.Said != 4 || *f.Lost != 1 || f.Heard != 5 || f.Played != 4 || f.Twice != 1 || l.Steps() != 1 {
		t.Errorf("%+v, said %d, lost %d, %d steps", f, *f.Said, *f.Lost, l.Steps())
	}
	// What was said after the end of the sending was not said.
	if f = l.Figures(m, began, zero.Add(7*time.Second), delay); *f.Said != 2 {
		t.Errorf("said %d until 7 s", *f.Said)
	}
	if f = l.Figures(&Material{Length: 10 * time.Second}, began, zero.Add(time.Hour), delay); f.Said != nil || f.Lost != nil || f.Heard != 5 {
		t.Errorf("of a clip: %+v", f)
	}
}

// TestLedgerClock: the quickest answer tells the session's clock, until another clock is told.
func TestLedgerClock(t *testing.T) {
	var l Ledger
	zero := time.Unix(1000, 0)
	ask := func(before, after time.Duration, now float64) time.Duration {
		l.Take(zero.Add(before), zero.Add(after), &now, Dub{})
		return l.clock.offset
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
	var l Ledger
	for i := range maxRecords + 100 {
		now := float64(i)
		l.Take(time.Unix(0, 0), time.Unix(0, 0), &now, Dub{Phrases: []Record{{ID: i, SourceStart: now}}})
	}
	if len(l.records) != maxRecords || l.unkept != 100 {
		t.Errorf("%d records, %d found no room", len(l.records), l.unkept)
	}
}

func TestPhraseFiguresAdd(t *testing.T) {
	two := 2
	var f PhraseFigures
	f.Add(PhraseFigures{Heard: 3, Played: 2, Skipped: 1})
	if f.Said != nil {
		t.Error("what is not known was said")
	}
	f.Add(PhraseFigures{Said: &two, Lost: &two, Heard: 1, Twice: 1})
	f.Add(PhraseFigures{Said: &two, Lost: &two})
	if *f.Said != 4 || *f.Lost != 4 || f.Heard != 4 || f.Twice != 1 || two != 2 {
		t.Errorf("%+v", f)
	}
}

func TestWebsocketAddress(t *testing.T) {
	for in, want := range map[Target]string{
		{Address: "http://h:1/whip/x~p.a"}:                         "ws://h:1/ws/x~p.a",
		{Address: "https://h/a/whep/x~w-es.b/es", Lang: "es"}:      "wss://h/a/ws/x~w-es.b",
		{Address: "http://h/whep/x/zh-Hant", Lang: "zh-Hant"}:      "ws://h/ws/x",
		{Address: "http://h/gateway/whip/whip~p.c", Session: "ws"}: "ws://h/gateway/ws/whip~p.c",
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
		if got := refusal(&http.Response{StatusCode: 503}, []byte(body)).Error(); got != want {
			t.Errorf("%s: %q", body, got)
		}
	}
}
