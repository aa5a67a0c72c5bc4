package whisper

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/inference"
)

const (
	en = synthEOT + 2
	zh = synthEOT + 3
	es = synthEOT + 4
	no = synthEOT + 9 // no speech
)

// saying returns what a scripted decoder does: languages and silence after the
// start, then text, then the end.
func saying(text ...int) func(said []int) map[int]float32 {
	return func(said []int) map[int]float32 {
		at := slices.Index(said, synthEOT+10) // no timestamps
		if at < 0 {
			return map[int]float32{en: 2, es: 3, zh: 4, no: 1}
		}
		if n := len(said) - at - 1; n < len(text) {
			return map[int]float32{text[n]: 5, 1: 9, 1000 + n: 4}
		}
		return map[int]float32{synthEOT: 5}
	}
}

func TestDecode(t *testing.T) {
	m, s := script(t, saying(300, 301, '.', 302))
	r, err := m.Decode(t.Context(), tone(3), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Text != "w300 w301. w302" || r.Repeats || r.Cut {
		t.Errorf("%+v", r)
	}
	if want := []int{synthEOT + 1, zh, synthEOT + 6, synthEOT + 10, 300, 301, '.', 302}; !slices.Equal(s.said, want) {
		t.Errorf("the decoder took %v, not %v", s.said, want)
	}
	// Of exp(2), exp(3) and exp(4); silence among all of them.
	if p := r.LangProbs; r.Lang != "zh" || math.Abs(p["zh"]-.665) > .001 || math.Abs(p["es"]-.245) > .001 || math.Abs(p["en"]-.09) > .001 {
		t.Errorf("%s: %v", r.Lang, p)
	}
	if math.Abs(r.NoSpeech-.032) > .001 {
		t.Errorf("no speech: %v", r.NoSpeech)
	}
	// A token of logit 5 beside one of 4: ln 0.731. The end stands alone. The suppressed token 1 counts for nothing.
	if want := 4 * math.Log(.731) / 5; math.Abs(r.AvgLogProb-want) > .001 {
		t.Errorf("mean log probability %v, not %v", r.AvgLogProb, want)
	}
	before := time.Duration(0)
	for i, w := range r.Words {
		if w.Start < before || w.End < w.Start || w.End > 3*time.Second || math.Abs(w.Confidence-.731) > .001 {
			t.Errorf("word %d: %+v", i, w)
		}
		before = w.End
		if w.Joined != (i == 0) {
			t.Errorf("word %d: joined %v", i, w.Joined)
		}
	}
	// Token n looks at the 200 ms from 200n ms on. The last of the 4 before the text makes its first token.
	if w := r.Words[1]; w.Start < 700*time.Millisecond || w.Start > 900*time.Millisecond {
		t.Errorf("the second word begins at %v", w.Start)
	}
	if got := ids(r.Words); !slices.Equal(got, []int{300, 301, '.', 302}) {
		t.Errorf("tokens %v", got)
	}
}

func TestLanguages(t *testing.T) {
	m, s := script(t, saying(300))
	for _, c := range []struct {
		o    Options
		want string
	}{{Options{Lang: "en"}, "en"}, {Options{Among: []string{"en", "es"}}, "es"}, {Options{Lang: "es", Among: []string{"zh"}}, "es"}} {
		s.said = nil
		r, err := m.Decode(t.Context(), tone(1), c.o)
		if err != nil || r.Lang != c.want || s.said[1] != m.info.Languages[c.want] || len(r.LangProbs) != 3 {
			t.Errorf("%+v: %q, said %v, %v", c.o, r.Lang, s.said, err)
		}
	}
	for _, o := range []Options{{Lang: "fr"}, {Among: []string{"en", "xx"}}} {
		if _, err := m.Decode(t.Context(), tone(1), o); !errors.Is(err, inference.ErrUnsupported) || !strings.Contains(err.Error(), "en, zh, es") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// TestPrefix: what is known is not said again, and times go on behind it.
func TestPrefix(t *testing.T) {
	m, s := script(t, saying(300, 301, '.', 302, 303))
	whole, err := m.Decode(t.Context(), tone(3), Options{Lang: "en"})
	if err != nil {
		t.Fatal(err)
	}
	s.said, s.runs = nil, 0
	rest, err := m.Decode(t.Context(), tone(3), Options{Lang: "en", Prefix: ids(whole.Words[:2]), Prompt: []int{900, 901}})
	if err != nil {
		t.Fatal(err)
	}
	if rest.Text != "w302 w303" || len(rest.Words) != 2 || rest.Words[0].Joined {
		t.Errorf("%+v", rest)
	}
	if want := []int{synthEOT + 8, 900, 901, synthEOT + 1, en, synthEOT + 6, synthEOT + 10, 300, 301, '.', 302, 303}; !slices.Equal(s.said, want) {
		t.Errorf("the decoder took %v, not %v", s.said, want)
	}
	if s.runs != 4 { // the opening, the task with the prefix, two words
		t.Errorf("%d runs", s.runs)
	}
	for i, w := range rest.Words {
		if d := w.Start - whole.Words[2+i].Start; d.Abs() > 200*time.Millisecond {
			t.Errorf("word %d begins at %v, without the prefix at %v", i, w.Start, whole.Words[2+i].Start)
		}
	}
	long := slices.Repeat([]int{900}, 1000)
	s.said = nil
	if _, err := m.Decode(t.Context(), tone(1), Options{Lang: "en", Prompt: long}); err != nil || len(s.said) > m.info.TextContext {
		t.Errorf("a long prompt: %v, %d tokens", err, len(s.said))
	}
	for _, o := range []Options{{Prefix: long}, {Prefix: []int{synthEOT}}, {Prompt: []int{-1}}} {
		if _, err := m.Decode(t.Context(), tone(1), o); err == nil {
			t.Errorf("no error for %d and %d tokens", len(o.Prefix), len(o.Prompt))
		}
	}
}

// TestLoops: a text that goes round in a circle is stopped and marked, one
// that never ends is cut.
func TestLoops(t *testing.T) {
	for name, c := range map[string]struct {
		text         []int
		repeats, cut bool
		most         int
	}{
		"word":     {slices.Repeat([]int{300}, 100), true, false, 6},
		"pair":     {slices.Repeat([]int{300, 301}, 50), true, false, 8},
		"sentence": {append([]int{999}, slices.Repeat([]int{300, 301, 302, 303, 304}, 30)...), true, false, 16},
		"endless":  {many(256, 400), false, true, tokensAtLeast + 2*tokensASecond},
		"twice":    {[]int{300, 301, 302, 303, 300, 301, 302, 303, 304, 304, 304}, false, false, 11},
	} {
		m, _ := script(t, saying(c.text...))
		r, err := m.Decode(t.Context(), tone(2), Options{Lang: "en"})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(ids(r.Words)); r.Repeats != c.repeats || r.Cut != c.cut || n != c.most {
			t.Errorf("%s: repeats %v, cut %v, %d tokens", name, r.Repeats, r.Cut, n)
		}
	}
	m, _ := script(t, saying(many(256, 400)...))
	if r, err := m.Decode(t.Context(), tone(2), Options{Lang: "en", MaxTokens: 3}); err != nil || !r.Cut || len(ids(r.Words)) != 3 {
		t.Errorf("3 tokens at most: %+v, %v", r, err)
	}
	// The longest that there can be fits what the net can hold.
	m, s := script(t, saying(many(256, 1000)...))
	if r, err := m.Decode(t.Context(), tone(29), Options{Lang: "en", Prompt: many(300, 300), Prefix: many(256, 200)}); err != nil || !r.Cut || len(s.said) > m.info.TextContext {
		t.Errorf("%v, %d tokens of %d", err, len(s.said), m.info.TextContext)
	}
}

func many(from, n int) (list []int) {
	for i := range n {
		list = append(list, from+i)
	}
	return list
}

// TestNothingSaid: where the end comes at once there is no text.
func TestNothingSaid(t *testing.T) {
	m, _ := script(t, saying())
	r, err := m.Decode(t.Context(), tone(1), Options{Lang: "en"})
	if err != nil || r.Text != "" || len(r.Words) != 0 || r.Repeats || r.Cut {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := m.Decode(t.Context(), nil, Options{Lang: "en"}); err != nil || r.NoSpeech != 1 || r.Text != "" {
		t.Errorf("no sound: %+v, %v", r, err)
	}
}

func TestBadSound(t *testing.T) {
	m, s := script(t, saying(300))
	bad := tone(1)
	bad[77] = float32(math.NaN())
	if _, err := m.Decode(t.Context(), bad, Options{}); err == nil || !strings.Contains(err.Error(), "sample 77") {
		t.Error(err)
	}
	bad[77] = float32(math.Inf(1))
	if _, err := m.Decode(t.Context(), bad, Options{}); err == nil {
		t.Error("infinite sound was heard")
	}
	if _, err := m.Decode(t.Context(), make([]float32, 30*rate+1), Options{}); err == nil || !strings.Contains(err.Error(), "30s") {
		t.Error(err)
	}
	for _, n := range []int{1, 159, 161, 30 * rate} {
		s.said = nil
		r, err := m.Decode(t.Context(), make([]float32, n), Options{Lang: "en"})
		if err != nil || r.Text != "w300" || r.Words[0].End > time.Duration(n)*time.Second/rate {
			t.Errorf("%d samples: %+v, %v", n, r, err)
		}
	}
}

// TestCancel: decoding ends before the next token.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	say := saying(many(256, 100)...)
	m, s := script(t, func(said []int) map[int]float32 {
		if len(said) == 8 {
			cancel()
		}
		return say(said)
	})
	if _, err := m.Decode(ctx, tone(20), Options{Lang: "en"}); !errors.Is(err, context.Canceled) || len(s.said) != 8 {
		t.Errorf("%v after %d tokens", err, len(s.said))
	}
}

// TestNaNLogits: a net that breaks gives no crash and no certainty.
func TestNaNLogits(t *testing.T) {
	nan := float32(math.NaN())
	m, _ := script(t, func(said []int) map[int]float32 { return map[int]float32{0: nan, 300: nan, no: nan} })
	if _, err := m.Decode(t.Context(), tone(1), Options{Lang: "en"}); err == nil {
		t.Error("a net that gives NaN was believed")
	}
}

// TestWholeOnRandomWeights runs both real nets through Decode.
func TestWholeOnRandomWeights(t *testing.T) {
	m := opened(t, synthesize(t, false), true)
	r, err := m.Decode(t.Context(), tone(2.345), Options{Lang: "es"})
	if err != nil {
		t.Fatal(err)
	}
	before := time.Duration(0)
	for i, w := range r.Words {
		if w.Start < before || w.End < w.Start || w.End > 2345*time.Millisecond || !(w.Confidence >= 0 && w.Confidence <= 1) {
			t.Errorf("word %d: %+v", i, w)
		}
		before = w.End
	}
	sum := 0.0
	for _, p := range r.LangProbs {
		sum += p
	}
	if math.Abs(sum-1) > 1e-6 || !(r.NoSpeech >= 0 && r.NoSpeech <= 1) || r.AvgLogProb > 0 {
		t.Errorf("%v, no speech %v, log %v", r.LangProbs, r.NoSpeech, r.AvgLogProb)
	}
}
