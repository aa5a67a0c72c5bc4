package session_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/session"
	"livedub/session/live"
	"livedub/session/record"
	"livedub/session/spec"
	"livedub/session/timeline"
)

// shelf keeps checkpoints in memory.
type shelf struct {
	mu    sync.Mutex
	parts [][]byte
}

func (s *shelf) Append(_ context.Context, _ string, part []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = append(s.parts, part)
	return nil
}

func (s *shelf) Replace(_ context.Context, _ string, part []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = [][]byte{part}
	return nil
}

func (s *shelf) load() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.parts)
}

// off is the time by the cluster's clock, at a node whose own is off by skew and which
// knows that to within wrong.
func off(skew, wrong time.Duration) func() time.Time {
	return func() time.Time { return time.Now().Add(skew).Add(wrong - skew) }
}

// TestSessionGoesOn: a node dies and another opens the session from its checkpoint.
// Its clock runs on, what was told is told once, and each phrase sounds once, at its
// place if there is time.
func TestSessionGoesOn(t *testing.T) {
	said := []burst{{seconds(.5), seconds(1.7)}, {seconds(2.6), seconds(4.2)}, {seconds(6.5), seconds(7.5)}}
	src := speaker(t, seconds(9), said, true, true)
	rest := func(from time.Duration) *memory { // what the speaker sends to the other node
		var left []burst
		for _, b := range said {
			if b.from > from {
				left = append(left, burst{b.from - from, b.to - from})
			}
		}
		return speaker(t, seconds(9)-from, left, true, true)
	}
	for _, tt := range []struct {
		name        string
		dies, opens float64
		again       bool // the other node hears all once more, as one that is fed from before the seam
		rest        *memory
		slow        time.Duration // the translator
		want        string        // of the dub at the other node: phrase at output second
	}{
		{name: "before the first dub", dies: 3, opens: 3.5, rest: rest(seconds(3.5)), want: "phrase 1 at 4.5, phrase 1 at 10.5"},
		{name: "before it is translated", dies: 2.3, opens: 3, slow: time.Second, rest: rest(seconds(3)), want: "phrase 1 at 4.5, phrase 1 at 10.5"},
		{name: "while it sounds", dies: 5.1, opens: 5.3, rest: rest(seconds(5.3)), want: "phrase 2 at 6.6, phrase 1 at 10.5"},
		{name: "between its place and now", dies: 4.2, opens: 5, rest: rest(seconds(5)), want: "phrase 1 at 5.5, phrase 1 at 10.5"},
		{name: "too late for it", dies: 4.2, opens: 7.1, rest: rest(seconds(7.1)), want: "phrase 1 skipped"},
		{name: "heard again", dies: 5.1, opens: 5.3, again: true, rest: src, want: "phrase 2 at 6.6, phrase 3 at 10.5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, kept := newRig(t), &shelf{}
				var mu sync.Mutex
				translated := map[string]int{}
				r.engines.Translator = &told{then: func(int) { time.Sleep(tt.slow) }}
				open := func(now func() time.Time) *live.Manager {
					return newManager(r, func(c *live.ManagerConfig) { c.Saver, c.Now = kept, now })
				}
				a := open(off(200*time.Millisecond, 4*time.Millisecond))
				call, err := a.Create(es("a"))
				if err != nil {
					t.Fatal(err)
				}
				call.Keep()
				events := call.Records().From(1)
				if err := call.Publish(newCaller(src, call.Clock)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(seconds(tt.dies))
				before := heardBy(t, events)
				parts := kept.load()
				went := call.Clock.Now()
				epoch := call.Epoch
				events.Close()
				defer a.Close() // what it does from now on, nobody hears
				r.engines.Translator = &counting{Translator: &fake.Translator{}, mu: &mu, of: translated}

				time.Sleep(seconds(tt.opens) - went)
				b := open(off(-200*time.Millisecond, -4*time.Millisecond))
				defer b.Close()
				cp, err := session.DecodeCheckpoint(parts...)
				if err != nil {
					t.Fatal(err)
				}
				next, err := b.Open("a", cp)
				if err != nil {
					t.Fatal(err)
				}
				if d := next.Clock.Now() - seconds(tt.opens); d.Abs() > 20*time.Millisecond || next.Epoch != epoch {
					t.Errorf("the clock is off by %v; epoch %s was %s", d, next.Epoch, epoch)
				}
				// Who comes back has had what was told before.
				old := next.Records().From(before[len(before)-1].Seq + 1)
				defer old.Close()
				out := &memory{}
				if _, err := next.Subscribe("es", out); err != nil {
					t.Fatal(err)
				}
				c := newCaller(tt.rest, next.Clock)
				if tt.again {
					c.start = 0
				}
				if err := next.Publish(c); err != nil {
					t.Fatal(err)
				}
				time.Sleep(seconds(14) - seconds(tt.opens))
				after := heardBy(t, old)
				var got []string
				for _, rec := range after {
					text := phraseText(t, next, rec.Phrase)
					switch {
					case rec.Placed != nil:
						got = append(got, fmt.Sprintf("%s at %.1f", text, (rec.Placed.DubStart+r.cfg.Delay).Seconds()))
					case rec.Skipped != nil:
						got = append(got, text+" skipped")
					}
				}
				if s := strings.Join(got, ", "); s != tt.want {
					t.Errorf("%s; want %s", s, tt.want)
				}
				if known := tt.slow == 0; known && translated["phrase 1"] > strings.Count(tt.want, "phrase 1 at 10.5") {
					t.Errorf("translated again: %v", translated)
				}
				once(t, before, after)
				// It sounds where it was placed, and nowhere else.
				pcm := sound(t, out)
				dubbed := func(at time.Duration) bool {
					return slices.ContainsFunc(after, func(r record.Record) bool {
						return r.Placed != nil && at > r.Placed.DubStart-seconds(.1) && at < r.Placed.DubEnd+seconds(.1)
					})
				}
				for _, rec := range after {
					if p := rec.Placed; p != nil && level(pcm, fake.Tone, p.DubStart+r.cfg.Delay+seconds(.05)) < 3000 {
						t.Errorf("phrase %d is not heard", rec.Phrase)
					}
				}
				for at := seconds(tt.opens); at < seconds(13); at += seconds(.05) {
					if l := level(pcm, fake.Tone, at); l > 1000 && !dubbed(at-r.cfg.Delay) {
						t.Errorf("a dub is at %.0f at %v", l, at)
					}
				}
			})
		})
	}
}

// counting is a translator that counts what it is asked.
type counting struct {
	inference.Translator
	mu *sync.Mutex
	of map[string]int
}

func (c *counting) Translate(ctx context.Context, r inference.TranslationRequest) (string, error) {
	c.mu.Lock()
	c.of[r.Text]++
	c.mu.Unlock()
	return c.Translator.Translate(ctx, r)
}

// heardBy returns what a reader has to read now.
func heardBy(t *testing.T, r *record.Reader) (out []record.Record) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		got, err := r.Next(ctx)
		cancel()
		if err != nil {
			return out
		}
		if got.Seq > 0 {
			out = append(out, got)
		}
	}
}

func phraseText(t *testing.T, c *live.Call, id int) string {
	t.Helper()
	p, err := c.Records().Phrases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, said := range p.All {
		if said.ID == id {
			return said.Text
		}
	}
	return ""
}

// once refuses final captions that were told twice, and dubs that began to sound twice.
func once(t *testing.T, before, after []record.Record) {
	t.Helper()
	seen := map[string]bool{}
	last := uint64(0)
	for _, r := range append(slices.Clone(before), after...) {
		if r.Seq <= last {
			t.Errorf("record %d comes behind %d", r.Seq, last)
		}
		last = r.Seq
		c := r.Caption()
		if r.Played == nil && (c == nil || c.Skipped) {
			continue
		}
		key := fmt.Sprint(r.Lang, r.Phrase, r.Played != nil)
		if seen[key] {
			t.Errorf("told twice: %s phrase %d, played %v", r.Lang, r.Phrase, r.Played != nil)
		}
		seen[key] = true
	}
}

// TestHistoryGoesOn: what the other node tells of a session has what was before, and
// its settings are those that it had come to.
func TestHistoryGoesOn(t *testing.T) {
	src := speaker(t, seconds(9), said, true, true)
	synctest.Test(t, func(t *testing.T) {
		r, kept := newRig(t), &shelf{}
		r.engines.Faces, r.engines.Lips = fake.Faces{}, &fake.Lips{}
		a := newManager(r, func(c *live.ManagerConfig) { c.Saver = kept })
		call, err := a.Create(es("a"))
		if err != nil {
			t.Fatal(err)
		}
		call.Keep()
		if err := call.Publish(newCaller(src, call.Clock)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(seconds(9))
		if err := call.SetTargets(t.Context(), []inference.Lang{"ca", "es"}); err != nil {
			t.Fatal(err)
		}
		words := call.Words()
		words.Keep = []string{"Torres"}
		call.SetWords(words)
		if err := call.SetLips(map[inference.Lang]bool{"es": false}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(seconds(6))
		whole, err := call.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sent, err := whole.Encode()
		if err != nil {
			t.Fatal(err)
		}
		consent, created := call.State().Consent.At, call.Created
		a.Close()
		for how, parts := range map[string][][]byte{"kept": kept.load(), "sent": {sent}} {
			cp, err := session.DecodeCheckpoint(parts...)
			if err != nil {
				t.Fatal(err)
			}
			b := newManager(r)
			next, err := b.Open("a", cp)
			if err != nil {
				t.Fatal(err)
			}
			st := next.State()
			if fmt.Sprint(next.Targets()) != "[ca es]" || fmt.Sprint(next.Words().Keep) != "[Torres]" || !st.Consent.Given || !st.Consent.At.Equal(consent) || !next.Created.Equal(created) || next.Phase() != "idle" {
				t.Errorf("%s: %v %v %+v %v %s", how, next.Targets(), next.Words(), st.Consent, next.Created, next.Phase())
			}
			for _, d := range st.Dubs {
				if d.Lang == "es" && (len(d.Records) != 3 || d.Lips != spec.LipsOff || d.Records[2].Text != "es:phrase es:3" || d.Records[2].Voice == "") {
					t.Errorf("%s: %+v", how, d)
				}
			}
			p, err := next.Records().Phrases(t.Context())
			if err != nil || len(p.All) != 3 || len(p.Records("es")) != 3 || p.Lost != 0 {
				t.Errorf("%s: %d phrases, %v", how, len(p.All), err)
			}
			time.Sleep(time.Second)
			if late := next.State().Dubs[1].Outcomes; len(late) != 0 {
				t.Errorf("%s: dubbed again: %v", how, late)
			}
			b.Close()
		}
	})
}

// TestSilentPlan: a checkpoint with a place that cannot be does not silence the dub.
func TestSilentPlan(t *testing.T) {
	tl := timeline.New(timeline.Config{Delay: 4 * time.Second, Freeze: 500 * time.Millisecond, MaxLate: 2500 * time.Millisecond})
	p := inference.Phrase{ID: 1, Start: time.Second, End: 2 * time.Second, Final: true}
	tl.Keep(1, 1000*time.Hour)
	if _, err := tl.Place(0, p, make([]int16, 100), nil); err == nil {
		t.Error("it was placed")
	}
	p.ID = 2
	if pl, err := tl.Place(0, p, make([]int16, 100), nil); err != nil || pl.Start != 5*time.Second {
		t.Errorf("%+v, %v", pl, err)
	}
}
