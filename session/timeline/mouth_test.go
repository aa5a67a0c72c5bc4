package timeline

import (
	"math"
	"slices"
	"testing"
	"time"

	"livedub/inference"
	"livedub/media"
)

const ms = time.Millisecond

// place puts a dub of one sound on the plan, known at now; it starts where the
// unit starts and lasts as long as dur.
func place(t *testing.T, tl *Timeline, id int, now, start, dur time.Duration, v inference.Viseme, words ...inference.Word) {
	t.Helper()
	p := inference.Phrase{ID: id, Start: start, End: start + dur, Words: words}
	if n := len(words); n > 0 {
		p.End = words[n-1].End
	}
	_, err := tl.Place(now, p, make([]int16, media.TimeToSamples(dur, Rate)), []inference.Mark{{Viseme: v, Dur: dur}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestMouthComesAndGoesByABlend(t *testing.T) {
	tl := New(Config{Freeze: 500 * ms, MaxLate: time.Second})
	place(t, tl, 1, 0, time.Second, time.Second, inference.VisemeA)
	place(t, tl, 2, 0, 2200*ms, time.Second, inference.VisemeO) // the two blends cross in the pause
	first, last := tl.Mouth(time.Second).Shape, tl.Mouth(2*time.Second-1).Shape
	for _, c := range []struct {
		at     time.Duration
		voice  Voice
		amount float64
		shape  inference.MouthShape
	}{
		{859 * ms, Original, 0, rest},
		{930 * ms, Original, .5, first},
		{time.Second, Dub, 1, first},
		{2070 * ms, Original, .5, last},
		{2100 * ms, Original, float64(40*40*(3*140-2*40)) / (140 * 140 * 140), last},
		{2130 * ms, Original, .5, tl.Mouth(2200 * ms).Shape},
		{3340 * ms, Original, 0, rest},
	} {
		m := tl.Mouth(c.at)
		if m.Voice != c.voice || math.Abs(m.Amount-c.amount) > 1e-9 || m.Shape != c.shape {
			t.Errorf("at %v: %+v, want %+v", c.at, m, c)
		}
	}
	last2 := tl.Mouth(0).Amount
	for at := time.Duration(0); at < 4*time.Second; at += ms {
		m := tl.Mouth(at)
		if d := math.Abs(m.Amount - last2); d > .011 { // 1.5/140 is a smoothstep's steepest
			t.Fatalf("the amount jumps by %.3f at %v", d, at)
		}
		last2 = m.Amount
	}
}

// TestMouthOfALatePlan holds that what was known too late rises from then on,
// and that an answer for a time never changes afterwards.
func TestMouthOfALatePlan(t *testing.T) {
	tl := New(Config{Delay: time.Second, Freeze: 500 * ms, MaxLate: 2 * time.Second, DuckUnits: true})
	before := tl.Mouth(1900 * ms)
	place(t, tl, 1, 2*time.Second, 500*ms, time.Second, inference.VisemeA, inference.Word{Start: 500 * ms, End: 2 * time.Second})
	if after := tl.Mouth(1900 * ms); before != after || after.Amount != 0 {
		t.Errorf("the mouth before the plan was known: %+v, then %+v", before, after)
	}
	for _, c := range []struct {
		at     time.Duration
		voice  Voice
		amount float64
	}{{2 * time.Second, Nobody, 0}, {2070 * ms, Nobody, .5}, {2140 * ms, Nobody, 1}, {2499 * ms, Nobody, 1}, {2500 * ms, Dub, 1}} {
		if m := tl.Mouth(c.at); m.Voice != c.voice || math.Abs(m.Amount-c.amount) > 1e-9 || c.voice == Nobody && m.Shape != rest {
			t.Errorf("at %v: %+v, want %+v", c.at, m, c)
		}
	}
}

func TestShapesAreThoseThatWillBeShown(t *testing.T) {
	tl := New(Config{Freeze: 500 * ms, MaxLate: time.Second})
	place(t, tl, 1, 0, time.Second, time.Second, inference.VisemeA)
	none := tl.Plan(700*ms, 700*ms, 40*ms, 12, nil)
	if none != nil {
		t.Errorf("shapes where the frame stays untouched: %+v", none)
	}
	parts := tl.Plan(880*ms, 880*ms, 40*ms, 12, nil)
	if len(parts) != 1 {
		t.Fatalf("%d parts", len(parts))
	}
	amount, got := parts[0].Amount, parts[0].Shapes
	if want := tl.Mouth(880 * ms).Amount; amount != want || amount == 0 || amount == 1 {
		t.Errorf("amount %v, want %v", amount, want)
	}
	for i, s := range got {
		if want := tl.Mouth(880*ms + time.Duration(i)*40*ms).Shape; s != want {
			t.Errorf("shape %d: %+v, shown is %+v", i, s, want)
		}
	}
	if got[len(got)-1].Open < .3 {
		t.Errorf("shapes to a wide mouth: %+v", got)
	}
	place(t, tl, 2, 1800*ms, 2300*ms, time.Second, inference.VisemeO) // not known at 1.7 s
	if early := tl.Plan(1700*ms, 1700*ms, 40*ms, 30, nil); slices.Contains(early[0].Shapes, tl.Mouth(2500*ms).Shape) {
		t.Error("shapes rest on what was not known then")
	}
}
