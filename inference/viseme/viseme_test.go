package viseme

import (
	"math"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ms = time.Millisecond

// As espeak-ng 1.51 writes them, by language.
func TestOf(t *testing.T) {
	for ipa, want := range map[string]inference.Viseme{
		"": inference.VisemeRest, "(en)": inference.VisemeRest, "ˈ": inference.VisemeRest, "?": inference.VisemeRest,
		"p": inference.VisemePP, "pʰ": inference.VisemePP, "p-": inference.VisemePP, "m̩": inference.VisemePP,
		"β": inference.VisemeU, "w": inference.VisemeU, "u": inference.VisemeU, "y": inference.VisemeU, "ʊ̃": inference.VisemeU,
		"pf": inference.VisemeFF, "v": inference.VisemeFF, "θ": inference.VisemeTH,
		"tʃ": inference.VisemeCH, "t͡ʃ": inference.VisemeCH, "dʒ": inference.VisemeCH, "tɕʰ": inference.VisemeCH, "ts": inference.VisemeSS,
		"t-": inference.VisemeDD, "q-": inference.VisemeKK, "q": inference.VisemeKK, "ŋ": inference.VisemeKK, "x": inference.VisemeKK,
		"ɲ": inference.VisemeNN, "ɫ": inference.VisemeNN, "ɾ": inference.VisemeRR, "ʁ": inference.VisemeRR,
		"ˈaɪ": inference.VisemeA, "ɑ̃": inference.VisemeA, "ɐ̃ʊ̃": inference.VisemeA, "ɑːɹ": inference.VisemeA,
		"eɪ": inference.VisemeE, "əl": inference.VisemeE, "ɯ": inference.VisemeE, "iː": inference.VisemeI, "j": inference.VisemeI,
		"oʊ": inference.VisemeO, "ɔ̃": inference.VisemeO, "ø": inference.VisemeO, "a": inference.VisemeA,
	} {
		if got := Of(ipa); got != want {
			t.Errorf("Of(%q) = %d, want %d", ipa, got, want)
		}
	}
}

func FuzzOf(f *testing.F) {
	for _, s := range []string{"tʃ", "\xff", "(", "ˈaɪ̃ː"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v := Of(s); v > inference.VisemeU {
			t.Fatalf("Of(%q) = %d", s, v)
		}
	})
}

func word(dur time.Duration, phonemes ...string) []inference.Mark {
	var marks []inference.Mark
	for i, p := range phonemes {
		marks = append(marks, inference.Mark{IPA: p, Viseme: Of(p), At: time.Duration(i) * dur, Dur: dur})
	}
	return marks
}

func TestLipsMeet(t *testing.T) {
	// The shorter the sounds, the more the neighbours pull.
	for _, dur := range []time.Duration{25 * ms, 50 * ms, 100 * ms, 200 * ms} {
		w := word(dur, "a", "p", "a", "b", "o", "m", "a", "f", "a")
		for i, k := range w {
			s := At(w, k.At+k.Dur/2)
			switch k.Viseme {
			case inference.VisemePP:
				if s.Close != 1 || s.Open != 0 {
					t.Errorf("%v: mouth at the middle of %s is %+v, want closed", dur, k.IPA, s)
				}
			case inference.VisemeFF:
				if s.Open > Shape(inference.VisemeFF).Open+1e-9 {
					t.Errorf("%v: mouth at the middle of f is open by %.2f", dur, s.Open)
				}
			case inference.VisemeA:
				if dur >= 100*ms && s.Open < .4 {
					t.Errorf("%v: mouth %d at the middle of a is open by %.2f only", dur, i, s.Open)
				}
			}
		}
	}
}

func TestCoarticulation(t *testing.T) {
	// The lips round before the u of "tu", and spread before the i of "ti".
	tu, ti := word(80*ms, "t", "u"), word(80*ms, "t", "i")
	if a, b := At(tu, 40*ms), At(ti, 40*ms); a.Round < b.Round+.1 || a.Wide > b.Wide-.1 {
		t.Errorf("the t of tu %+v looks like that of ti %+v", a, b)
	}
}

func TestRest(t *testing.T) {
	w := word(100*ms, "a", "o")
	rest := Shape(inference.VisemeRest)
	for _, at := range []time.Duration{-10 * time.Second, -401 * ms, 601 * ms, time.Hour, math.MinInt64 / 2, math.MaxInt64 / 2} {
		if got := At(w, at); got != rest {
			t.Errorf("at %v: %+v, want rest", at, got)
		}
	}
	for _, at := range []time.Duration{-150 * ms, 350 * ms} {
		if got := At(w, at); got.Open > .15 {
			t.Errorf("at %v the mouth is open by %.2f", at, got.Open)
		}
	}
	if At(nil, 0) != rest || Shape(200) != rest {
		t.Error("nothing said is not rest")
	}
	long := append(word(200*ms, "a", ""), inference.Mark{IPA: "a", Viseme: inference.VisemeA, At: 400 * ms, Dur: 200 * ms})
	long[1].Dur = 200 * ms
	if got := At(long, 300*ms); got.Open > .2 {
		t.Errorf("in a pause the mouth is open by %.2f", got.Open)
	}
}

// No jump is larger than a mouth can make in 10 ms, and all is within 0..1.
func TestSmooth(t *testing.T) {
	w := word(70*ms, "p", "a", "p", "i", "f", "u", "", "tʃ", "o", "m")
	last := At(w, -time.Second)
	for at := -time.Second; at < 2*time.Second; at += 10 * ms {
		s := At(w, at)
		for i, d := range [][2]float64{{s.Open, last.Open}, {s.Wide, last.Wide}, {s.Round, last.Round}, {s.Close, last.Close}} {
			if d[0] < 0 || d[0] > 1 || math.IsNaN(d[0]) || math.Abs(d[0]-d[1]) > .3 {
				t.Errorf("field %d goes from %.2f to %.2f at %v", i, d[1], d[0], at)
			}
		}
		last = s
	}
}

func BenchmarkAt(b *testing.B) {
	var w []inference.Mark
	for i := range 200 {
		p := []string{"p", "a", "t", "o"}[i%4]
		w = append(w, inference.Mark{IPA: p, Viseme: Of(p), At: time.Duration(i) * 70 * ms, Dur: 70 * ms})
	}
	for b.Loop() {
		At(w, 7*time.Second)
	}
}
