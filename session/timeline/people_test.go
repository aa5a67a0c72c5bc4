package timeline

import (
	"slices"
	"testing"
	"time"

	"livedub/inference"
)

// said has phrases 1 and 3 said by person 1, and 2 by person 2.
func said(p inference.Phrase) inference.Person { return inference.Person(2 - p.ID%2) }

// TestPlanIsOfPeople: each person has the mouth of their own phrases alone; the one whose
// dub sounds comes first, and nobody is named where none of theirs is near.
func TestPlanIsOfPeople(t *testing.T) {
	tl := New(Config{Freeze: 500 * ms, MaxLate: time.Second})
	place(t, tl, 1, 0, time.Second, time.Second, inference.VisemeA)
	place(t, tl, 2, 0, 2050*ms, time.Second, inference.VisemeO) // the two blends cross
	place(t, tl, 3, 0, 4*time.Second, time.Second, inference.VisemeI)
	now := 500 * ms
	people := func(o time.Duration, whose func(inference.Phrase) inference.Person) (out []inference.Person) {
		for _, p := range tl.Plan(now, o, 40*ms, 5, whose) {
			out = append(out, p.Person)
			if p.Amount <= 0 || len(p.Shapes) != 5 {
				t.Errorf("at %v person %d has %v of %d shapes", o, p.Person, p.Amount, len(p.Shapes))
			}
		}
		return out
	}
	for _, c := range []struct {
		at   time.Duration
		want []inference.Person
	}{
		{500 * ms, nil},
		{1500 * ms, []inference.Person{1}},
		{1990 * ms, []inference.Person{1, 2}}, // 2 comes in, while 1 still speaks
		{2060 * ms, []inference.Person{2, 1}}, // 1 goes out
		{2500 * ms, []inference.Person{2}},
		{3500 * ms, nil},
		{4500 * ms, []inference.Person{1}},
	} {
		if got := people(c.at, said); !slices.Equal(got, c.want) {
			t.Errorf("at %v the mouths of %v move, want %v", c.at, got, c.want)
		}
	}
	if got := people(1990*ms, nil); !slices.Equal(got, []inference.Person{inference.Anyone}) {
		t.Errorf("where nobody tells people apart, %v", got)
	}

	parts := tl.Plan(now, 2060*ms, 40*ms, 5, said)
	alone := New(Config{Freeze: 500 * ms, MaxLate: time.Second})
	place(t, alone, 2, 0, 2050*ms, time.Second, inference.VisemeO)
	for k, s := range parts[0].Shapes {
		if want := alone.Mouth(2060*ms + time.Duration(k)*40*ms); s != want.Shape {
			t.Errorf("shape %d of the second person is %+v, alone %+v", k, s, want.Shape)
		}
	}
	if parts[0].Voice != Dub || parts[1].Voice == Dub {
		t.Errorf("voices %v and %v", parts[0].Voice, parts[1].Voice)
	}
}

// TestPlanAsksOnlyOfWhatIsNear: whose a phrase is is asked when it may move a mouth, and
// is known by then.
func TestPlanAsksOnlyOfWhatIsNear(t *testing.T) {
	tl := New(Config{Freeze: 500 * ms, MaxLate: time.Second})
	place(t, tl, 1, 0, time.Second, time.Second, inference.VisemeA)
	place(t, tl, 2, 1500*ms, 2100*ms, time.Second, inference.VisemeA)
	place(t, tl, 3, 1500*ms, 9*time.Second, time.Second, inference.VisemeA)
	var asked []int
	whose := func(p inference.Phrase) inference.Person { asked = append(asked, p.ID); return 1 }
	tl.Plan(time.Second, 1500*ms, 40*ms, 25, whose)
	if !slices.Equal(asked, []int{1}) {
		t.Errorf("asked of %v, want of the first alone: the second is not known yet", asked)
	}
	asked = nil
	if tl.Plan(1500*ms, 1500*ms, 40*ms, 25, whose); !slices.Equal(asked, []int{1, 2}) {
		t.Errorf("asked of %v, want of the first two: the third is far away", asked)
	}
}

// TestVoiceIsOfOnePerson: a net that makes one person's mouth hears their phrases alone.
func TestVoiceIsOfOnePerson(t *testing.T) {
	tl := New(Config{Freeze: 500 * ms, MaxLate: time.Second})
	for id := 1; id <= 2; id++ {
		pcm := slices.Repeat([]int16{int16(100 * id)}, Rate)
		start := time.Duration(id) * time.Second
		p := inference.Phrase{ID: id, Start: start, End: start + time.Second}
		if _, err := tl.Place(0, p, pcm, nil); err != nil {
			t.Fatal(err)
		}
	}
	hears := func(who inference.Person, whose func(inference.Phrase) inference.Person) (first, second int16) {
		pcm := make([]int16, 2*Rate)
		tl.Voice(time.Second, time.Second, pcm, who, whose)
		return pcm[Rate/2], pcm[Rate+Rate/2]
	}
	for _, c := range []struct {
		who           inference.Person
		whose         func(inference.Phrase) inference.Person
		first, second int16
	}{{1, said, 100, 0}, {2, said, 0, 200}, {3, said, 0, 0}, {inference.Anyone, nil, 100, 200}} {
		if a, b := hears(c.who, c.whose); a != c.first || b != c.second {
			t.Errorf("person %d: %d and %d, want %d and %d", c.who, a, b, c.first, c.second)
		}
	}
}
