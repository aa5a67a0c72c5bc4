package report

import (
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/session/spec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sampleState() spec.State {
	word := func(text string, from, to float64) inference.Word {
		return inference.Word{Text: text, Start: time.Duration(from * 1e9), End: time.Duration(to * 1e9)}
	}
	return spec.State{
		Heard: 2, Ended: 10 * time.Second,
		Consent: spec.Consent{Given: true, At: time.Unix(1, 0)}, Badge: true,
		CPU: map[string]time.Duration{"decode_video": 1500 * time.Microsecond},
		Dubs: []spec.DubState{{
			Lang: "es", Level: spec.Voice, Why: "switched off", Lips: spec.LipsOff, Frames: spec.Frames{In: 10, Out: 9, Untouched: 9, Dropped: 1},
			Records: []spec.Record{
				{
					Phrase: inference.Phrase{ID: 1, Text: "a <b>", Start: time.Second, End: 3 * time.Second, Words: []inference.Word{word("a", 1, 1.5), word("<b>", 1.5, 3)}},
					Text:   "x & y", Outcome: spec.Played, DubStart: 1200 * time.Millisecond, DubEnd: 3 * time.Second, Late: 200 * time.Millisecond,
					Words:   []inference.Word{word("x", 0, .5), word("y", .8, 1.8)},
					Marks:   []inference.Mark{{IPA: "p", Viseme: inference.VisemePP, Dur: 100 * time.Millisecond}},
					HeardAt: 3300 * time.Millisecond, ReadyAt: 3400 * time.Millisecond, Engines: spec.EngineNames{Recognizer: "<whisper>"},
				},
				{Phrase: inference.Phrase{ID: 2, Text: "c", Start: 4 * time.Second, End: 5 * time.Second}, Outcome: spec.SkippedFailed, Err: "the voice <died>"},
			},
		}},
	}
}

func TestBuild(t *testing.T) {
	r := Build(spec.Config{From: "en", To: []inference.Lang{"es"}, Profile: spec.Sync, Delay: 4 * time.Second}, sampleState())
	if len(r.Phrases) != 2 || *r.Phrases[0].LateMS != 200 || *r.Phrases[0].DubStart != 1.2 || r.Phrases[1].DubStart != nil {
		t.Errorf("phrases %+v", r.Phrases)
	}
	// x is heard at 1.2+4 s, a was said by 1.5 s; y at 2.0+4 s, <b> by 3 s.
	if *r.Span.P50 != 3000 || *r.Span.P95 != 3700 || r.Span.Samples != 2 {
		t.Errorf("ear-voice span %v %v", *r.Span.P50, *r.Span.P95)
	}
	if m := r.Phrases[0].Marks[0]; m.Viseme != "PP" || m.Dur != .1 {
		t.Errorf("mark %+v", m)
	}
	if *r.ReadyMedian() < 399 || *r.ReadyMedian() > 401 {
		t.Errorf("ready after %v ms", *r.ReadyMedian())
	}
	if l := r.Ladder["es"]; l.Why != "switched off" || l.Lips != spec.LipsOff || !r.Consent.Given || r.Consent.At.Unix() != 1 || !r.Badge {
		t.Errorf("ladder %+v, consent %+v, badge %v", l, r.Consent, r.Badge)
	}
	path := filepath.Join(t.TempDir(), "report.json")
	if err := r.Write(path); err != nil {
		t.Fatal(err)
	}
	back, err := Read(path)
	if err != nil || len(back.Phrases) != 2 || back.Frames["es"].Dropped != 1 {
		t.Errorf("%v %+v", err, back)
	}
}

func TestWaterfallIsWellFormed(t *testing.T) {
	for name, st := range map[string]spec.State{"two phrases": sampleState(), "none": {}} {
		svg := Build(spec.Config{To: []inference.Lang{"es"}, Delay: 4 * time.Second}, st).waterfall()
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, svg)
			}
		}
		if name == "two phrases" && (!strings.Contains(svg, "200 ms late: &lt;whisper&gt; 300 ms") || !strings.Contains(svg, "skipped_failed")) {
			t.Errorf("the waterfall does not tell what happened:\n%s", svg)
		}
	}
}

func TestVTT(t *testing.T) {
	b := VTT([]Cue{
		{-time.Millisecond, 2 * time.Second, "a <i>\n\nb --> c"},
		{1500 * time.Millisecond, 3661 * time.Second, "d"},
	})
	want := "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\na &lt;i&gt; b --&gt; c\n\n00:00:01.500 --> 01:01:01.000\nd\n"
	if string(b) != want {
		t.Errorf("got\n%s", b)
	}
}

func TestFindHearsAProbeUnderNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	// Low-passed noise, like speech: white noise would not survive being thinned.
	probe := make([]int16, 12000)
	v := 0.0
	for i := range probe {
		v = .97*v + r.NormFloat64()*600
		probe[i] = int16(v)
	}
	sound := make([]int16, 30000)
	for i := range sound {
		sound[i] = int16(r.NormFloat64() * 300)
	}
	for i, p := range probe {
		sound[7777+i] += p
	}
	if at, ok := find(sound, probe); !ok || at != 7777 {
		t.Errorf("found at %d, %v", at, ok)
	}
	if at, ok := find(sound[:20000], probe[2000:]); !ok || at != 9777 {
		t.Errorf("found at %d, %v", at, ok)
	}
	for i := range sound {
		sound[i] = int16(r.NormFloat64() * 3000)
	}
	if at, ok := find(sound, probe); ok {
		t.Errorf("found in noise at %d", at)
	}
}

func TestShiftSeesMovedFrames(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var before, after []look
	for n := range 50 {
		l := look{at: time.Duration(n) * 40 * time.Millisecond}
		for i := range l.grid {
			l.grid[i] = r.Float64() * 200
		}
		before = append(before, l)
		l.at += 80 * time.Millisecond
		for i := range l.grid {
			l.grid[i] += r.NormFloat64()*4 + 7
		}
		after = append(after, l)
	}
	if d, ok := shift(before, after, span{500 * time.Millisecond, time.Second}); !ok || d != 80*time.Millisecond {
		t.Errorf("moved by %v, %v", d, ok)
	}
	for i := range after {
		after[i].grid = before[0].grid
		before[i].grid = before[0].grid
	}
	if d, ok := shift(before, after, span{500 * time.Millisecond, time.Second}); ok {
		t.Errorf("a still frame moved by %v", d)
	}
}
