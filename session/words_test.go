package session_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/inference/glossary"
	"livedub/session"
	"livedub/session/live"
	"livedub/session/spec"
)

// told is a translator that keeps what it was asked, and forgets one term.
type told struct {
	fake.Translator
	mu       sync.Mutex
	requests []inference.TranslationRequest
	then     func(phrase int) // called before each
	by       string           // who says that it did the work; "" for nobody
}

type named string

func (n named) Name() string { return string(n) }

func (a *told) Translate(ctx context.Context, r inference.TranslationRequest) (string, error) {
	a.mu.Lock()
	if r.Text != "yes" { // the dub warms its engines by that
		a.requests = append(a.requests, r)
		if a.then != nil {
			a.then(len(a.requests))
		}
	}
	a.mu.Unlock()
	r.Glossary = slices.DeleteFunc(slices.Clone(r.Glossary), func(t inference.Term) bool { return t.From == "good" })
	if a.by != "" {
		inference.Did(ctx, named(a.by), time.Now())
	}
	return a.Translator.Translate(ctx, r)
}

// TestWords: the translator is told what the speaker has named for its language,
// the phrases before and the time there is; terms that it leaves out are counted.
func TestWords(t *testing.T) {
	r := newRig(t)
	tr := &told{}
	r.engines.Recognizer, r.engines.Translator = &fake.Recognizer{Script: []string{"good morning", "good evening", "a good night"}}, tr
	r.cfg.Words = glossary.Words{
		Glossary: []glossary.Entry{{From: "good", To: map[inference.Lang]string{"es": "bueno"}}, {From: "night", To: map[inference.Lang]string{"ca": "nit"}}},
		Keep:     []string{"Morning"},
	}
	tr.then = func(phrase int) {
		if phrase == 2 {
			r.s.SetWords(glossary.Words{Keep: []string{"night"}})
		}
	}
	if err := r.run(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	first := []inference.Term{{From: "good", To: "bueno"}, {From: "Morning", To: "Morning"}}
	before := []inference.Exchange{{Source: "good morning", Translation: "es:good es:Morning"}, {Source: "good evening", Translation: "es:good es:evening"}}
	if len(tr.requests) != 3 {
		t.Fatalf("%d phrases", len(tr.requests))
	}
	for i, want := range []inference.TranslationRequest{
		{Text: "good morning", Glossary: first},
		{Text: "good evening", Glossary: first, Before: before[:1]},
		{Text: "a good night", Glossary: []inference.Term{{From: "night", To: "night"}}, Before: before},
	} {
		got := tr.requests[i]
		if got.Text != want.Text || !slices.Equal(got.Glossary, want.Glossary) || !slices.Equal(got.Before, want.Before) || got.Fit < seconds(.4) || got.Fit > seconds(2) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if n := r.s.State().Dubs[0].Missed; n != 2 {
		t.Errorf("%d terms missed, want 2", n)
	}
}

// TestContextIsBounded: at most MaxBefore phrases are told of, the last ones.
func TestContextIsBounded(t *testing.T) {
	r := newRig(t)
	tr := &told{}
	r.engines.Translator = tr
	var many []burst
	for i := range 9 {
		many = append(many, burst{seconds(.5 + 2*float64(i)), seconds(1.5 + 2*float64(i))})
	}
	r.src = speaker(t, seconds(19), many, true, true)
	if err := r.run(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	last := tr.requests[len(tr.requests)-1]
	if n := len(tr.requests); n != 9 || len(last.Before) != inference.MaxBefore || last.Before[4].Source != tr.requests[7].Text {
		t.Errorf("%d phrases; before the last: %+v", n, last.Before)
	}
}

// TestDelayOfAnotherProfile: a session of another profile than the server's has the D that the server has for it.
func TestDelayOfAnotherProfile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rig := newRig(t)
		rig.cfg.Profile, rig.cfg.Delay = spec.Live, seconds(.3)
		m := newManager(rig, func(c *live.ManagerConfig) {
			c.Delay = func(p spec.Profile) (d time.Duration) {
				if p == spec.Sync {
					d = seconds(6)
				}
				return d
			}
		})
		defer m.Close()
		named := seconds(2)
		for name, c := range map[string]struct {
			ask  spec.Spec
			want time.Duration
		}{
			"a":     {spec.Spec{}, seconds(.3)},
			"same":  {spec.Spec{Profile: spec.Live}, seconds(.3)},
			"other": {spec.Spec{Profile: spec.Sync}, seconds(6)},
		} {
			c.ask.ID, c.ask.From, c.ask.To = name, "en", []inference.Lang{"es"}
			for _, d := range []*time.Duration{nil, &named} {
				want := c.want
				if c.ask.Delay = d; d != nil {
					want = named
				}
				call, err := m.Create(c.ask)
				if err != nil {
					t.Fatal(err)
				}
				if got := *call.Spec.Delay; got != want {
					t.Errorf("%s: D is %v, want %v", name, got, want)
				}
				if err := m.Delete(name); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// TestEnginesAreNamed: each phrase tells which engines made it, and captions of
// what was said carry the words as they were heard, once they are final.
func TestEnginesAreNamed(t *testing.T) {
	r := newRig(t)
	r.engines.Names = spec.EngineNames{Recognizer: "fake", Translator: "first", Voice: "fake"}
	r.engines.Translator = &told{then: func(int) {}, by: "second"}
	var err error
	if r.s, err = session.New(r.cfg, r.engines, r.clock); err != nil {
		t.Fatal(err)
	}
	final, words := 0, 0
	all := follow(t, r.s)
	if err := r.s.Dub(t.Context(), speaker(t, seconds(9), said, true, true)); err != nil {
		t.Fatal(err)
	}
	for _, e := range all() {
		if c := e.Caption(); c != nil && c.Lang == "en" {
			if c.Final {
				final++
				words += len(c.Words)
			} else if c.Words != nil {
				t.Errorf("a partial caption has words: %+v", c)
			}
		} else if c != nil && c.Words != nil {
			t.Errorf("a translation has words: %+v", c)
		}
	}
	for _, p := range r.s.State().Dubs[0].Records {
		if want := (spec.EngineNames{Recognizer: "fake", Translator: "second", Voice: "fake"}); p.Engines != want {
			t.Errorf("phrase %d: %+v, want %+v", p.Phrase.ID, p.Engines, want)
		}
	}
	if final != len(said) || words < final {
		t.Errorf("%d final captions with %d words", final, words)
	}
}
