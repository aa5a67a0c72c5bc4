package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"livedub/internal/testkit/caller"
)

func TestVerdicts(t *testing.T) {
	gone := errors.New("gone")
	for _, tt := range []struct {
		s    caller.SpeakerTally
		had  time.Duration
		want string
	}{
		{caller.SpeakerTally{Began: time.Unix(1, 0)}, time.Minute, ""},
		{caller.SpeakerTally{}, time.Second, ""}, // it had no time
		{caller.SpeakerTally{}, time.Minute, "no connection in 60.0 s"},
		{caller.SpeakerTally{Began: time.Unix(1, 0), Failed: gone}, time.Minute, "the speaker: gone"},
	} {
		if err := spokeWell(tt.s, tt.had); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
	for _, tt := range []struct {
		v          caller.ViewerTally
		had, shown time.Duration
		want       string
	}{
		{caller.ViewerTally{Reached: true, Frames: 1}, time.Minute, time.Minute, ""},
		{caller.ViewerTally{Reached: true}, time.Minute, time.Second, ""},
		{caller.ViewerTally{Reached: true}, time.Minute, time.Minute, "viewer 3: no frame came in 60.0 s"},
		{caller.ViewerTally{}, time.Minute, 0, "viewer 3: no connection"},
		{caller.ViewerTally{}, time.Second, 0, ""},
		{caller.ViewerTally{Reached: true, Frames: 9, Failed: gone}, time.Minute, time.Minute, "viewer 3: gone"},
	} {
		if err := sawWell(3, tt.v, tt.had, tt.shown); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
}

// TestSum: what sessions measured adds up; one that was not started is none.
func TestSum(t *testing.T) {
	one, two := 1, 2
	a := &sessionLine{Session: 0, OK: true, Phrases: caller.PhraseFigures{Said: &two, Lost: &one, Heard: 3, Played: 3}, Sent: sentLine{Lost: 1, SourceGapMS: 500},
		Viewers: []viewerLine{{Freezes: 1, FrozenMS: 300, Gaps: 2, GapMaxMS: 150, Missing: 4, PhrasesHeard: 1}, {Freezes: 2, FrozenMS: 700, GapMaxMS: 900, Lost: 1, Twice: 1}}}
	a.series.glass.Add(4000)
	b := &sessionLine{Session: 1, Error: "full"}
	b.series.glass.Add(5000)
	r := sum(options{sessions: 3}, newJournal(nil), []*sessionLine{a, b, nil})
	e := r.End
	if e.Sessions != 3 || e.Started != 2 || e.Failed != 1 || e.FirstFail != "session 1: full" {
		t.Errorf("%+v", e)
	}
	if e.Freezes != 3 || e.FrozenMS != 1000 || e.Gaps != 2 || e.GapMaxMS != 900 || e.FramesMissing != 4 || e.FramesTwice != 1 || e.Lost != 2 || e.SourceGapMS != 500 {
		t.Errorf("%+v", e)
	}
	if *e.Phrases.Said != 2 || *e.Phrases.Lost != 1 || e.PhrasesHeard != 1 || e.Figures.GlassMS.N != 2 || e.Figures.GlassMS.Max != 5000 || e.Figures.FirstDubMS != nil {
		t.Errorf("%+v, %+v", e.Phrases, e.Figures)
	}
	for range 10 {
		r.Sessions[0].series.lag.Add(80)
	}
	r.End.Figures.SendLagMS = r.Sessions[0].series.lag.Figures()
	var table bytes.Buffer
	if err := r.table(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 of 3 started, 1 failed", "4000.0  5000.0", "3, 1.0 s in all; frames missing 4, twice 1", "2, lost 1; dubbed 3", "too slow for so many sessions", "first dub, ms         -"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, &table)
		}
	}
}
