package session_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/media"
	"livedub/media/pace"
	"livedub/session"
	"livedub/session/spec"
)

// TestDubStandsWhereTheSpeakerSpoke follows audio and video through a whole session.
func TestDubStandsWhereTheSpeakerSpoke(t *testing.T) {
	r := newRig(t)
	r.engines.Faces, r.engines.Lips = fake.Faces{}, &fake.Lips{}
	if err := r.run(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	st := r.s.State().Dubs[0]
	if len(st.Records) != len(said) {
		t.Fatalf("%d phrases, want %d", len(st.Records), len(said))
	}
	pcm := sound(t, r.out["es"])
	for i, rec := range st.Records {
		if rec.Outcome != spec.Played || rec.Late != 0 || rec.DubStart != rec.Phrase.Start || len(rec.Probe) == 0 {
			t.Errorf("phrase %d: %s, %v late, starts %v for %v, probe of %d", i, rec.Outcome, rec.Late, rec.DubStart, rec.Phrase.Start, len(rec.Probe))
		}
		if d := rec.Phrase.Start - said[i].from; d < 0 || d > 20*time.Millisecond {
			t.Errorf("phrase %d heard from %v, said from %v", i, rec.Phrase.Start, said[i].from)
		}
		for _, m := range rec.Marks {
			at := rec.DubStart + r.cfg.Delay + m.At + m.Dur/2
			vowel := m.Viseme >= inference.VisemeA
			if l := level(pcm, fake.Tone, at); vowel != (l > 3000) {
				t.Errorf("phrase %d: %q at %v has level %.0f", i, m.IPA, at, l)
			}
		}
	}
	for _, b := range said { // ducked over its whole span, though not outside
		for at := b.from + seconds(.02); at < b.to-seconds(.02); at += seconds(.05) {
			if l := level(pcm, voice, at+r.cfg.Delay); l < 1200 || l > 1800 {
				t.Errorf("original at %v has level %.0f, want 1500", at, l)
			}
		}
	}
	show := shownFrames(t, r.out["es"])
	if st.Frames.In != 225 || st.Frames.Out != 225 || len(show) != 225 {
		t.Fatalf("frames %+v, %d written, want 225", st.Frames, len(show))
	}
	for i, p := range show {
		if want := time.Duration(i)*time.Second/testFPS + r.cfg.Delay; p.at != want || p.number != i%16 {
			t.Fatalf("frame %d shows %d at %v, want %v", i, p.number, p.at, want)
		}
		whose, shape := mouthAt(st.Records, p.at-r.cfg.Delay)
		if d := p.bar - shape; whose && (d > .12 || d < -.12) {
			t.Errorf("frame %d: mouth open %.2f, the voice's is %.2f", i, p.bar, shape)
		}
	}
	if f := st.Frames; f.Warp == 0 || f.Untouched == 0 || f.Warp+f.Untouched != f.Out {
		t.Errorf("frames %+v", f)
	}
	if st.Level != spec.Lips {
		t.Errorf("ladder stands at %s", st.Level)
	}
}

func TestSilentStretchesPassUntouched(t *testing.T) {
	r := newRig(t)
	r.src = speaker(t, seconds(4), nil, true, true)
	if err := r.run(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	st := r.s.State().Dubs[0]
	if len(st.Records) != 0 || st.Frames.Untouched != 100 || st.Frames.Out != 100 {
		t.Errorf("%d phrases, frames %+v", len(st.Records), st.Frames)
	}
}

// TestSameInputSameOutput holds that virtual time does not depend on the machine.
func TestSameInputSameOutput(t *testing.T) {
	var first []media.Packet
	for range 3 {
		r := newRig(t)
		r.cfg.To = []inference.Lang{"es", "ca"}
		if err := r.run(t, t.Context()); err != nil {
			t.Fatal(err)
		}
		sounds := slices.DeleteFunc(slices.Clone(r.out["ca"].packets), func(p media.Packet) bool { return p.Kind != media.Audio })
		if first == nil {
			first = sounds
			continue
		}
		if len(sounds) != len(first) {
			t.Fatalf("%d packets, %d the first time", len(sounds), len(first))
		}
		for i := range sounds {
			if sounds[i].PTS != first[i].PTS || !slices.Equal(sounds[i].Data, first[i].Data) {
				t.Fatalf("sound differs at %v", sounds[i].PTS)
			}
		}
	}
}

// TestRealTime runs by the wall's clock, which synctest turns.
func TestRealTime(t *testing.T) {
	src := speaker(t, seconds(9), said, true, true)
	synctest.Test(t, func(t *testing.T) {
		for _, profile := range []spec.Profile{spec.Sync, spec.Live} {
			r := newRig(t)
			r.src = &memory{tracks: src.tracks, packets: src.packets}
			r.cfg.Profile, r.cfg.Delay = profile, profile.DefaultDelay()
			r.clock = pace.NewWall()
			began := time.Now()
			if err := r.dub(t, t.Context(), pace.Realtime(r.src, r.clock)); err != nil {
				t.Fatal(err)
			}
			took := time.Since(began)
			if took < seconds(9)+r.cfg.Delay || took > seconds(9)+r.cfg.Delay+seconds(1) {
				t.Errorf("%s: took %v", profile, took)
			}
			st := r.s.State().Dubs[0]
			if st.Frames.Dropped != 0 || st.Frames.Out != 225 || len(st.Records) != 3 {
				t.Errorf("%s: frames %+v, %d phrases", profile, st.Frames, len(st.Records))
			}
			for _, rec := range st.Records {
				early := rec.DubStart + r.cfg.Delay - rec.ReadyAt
				if rec.Outcome != spec.Played || early < profile.Freeze() {
					t.Errorf("%s: %s, placed %v before it played", profile, rec.Outcome, early)
				}
				if profile == spec.Live && early > profile.Freeze() {
					t.Errorf("live: the dub existed %v before it played", early)
				}
			}
		}
	})
}

func TestLiveDucksOnlyUnderTheDub(t *testing.T) {
	r := newRig(t)
	r.cfg.Profile, r.cfg.Delay = spec.Live, spec.Live.DefaultDelay()
	if err := r.run(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	pcm := sound(t, r.out["es"])
	if l := level(pcm, voice, said[0].from+seconds(.3)+r.cfg.Delay); l < 8000 {
		t.Errorf("the original is at %.0f before any dub sounds", l)
	}
	for _, rec := range r.s.State().Dubs[0].Records {
		for _, b := range said {
			at := rec.DubStart + seconds(.3)
			if b.from+seconds(.1) < at && at < b.to-seconds(.1) {
				if l := level(pcm, voice, at+r.cfg.Delay); l > 2000 {
					t.Errorf("the original is at %.0f under a dub", l)
				}
			}
		}
	}
}

func (flushPanicsStream) Flush(context.Context) ([]inference.Phrase, error) {
	panic("the model broke")
}

func TestOneTrackOnly(t *testing.T) {
	for _, c := range []struct{ sound, frames bool }{{true, false}, {false, true}} {
		r := newRig(t)
		r.src = speaker(t, seconds(9), said, c.sound, c.frames)
		if err := r.run(t, t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(r.out["es"].tracks); n != 1 {
			t.Errorf("%+v: %d tracks written", c, n)
		}
		if st := r.s.State().Dubs[0]; c.sound && len(st.Records) != 3 || c.frames && st.Frames.Out != 225 {
			t.Errorf("%+v: %d phrases, frames %+v", c, len(st.Records), st.Frames)
		}
	}
}

func TestCancelLeavesWhatWasWritten(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	r.out = map[inference.Lang]*memory{"es": {}}
	n := 0
	r.out["es"].fail = func(media.Packet) error {
		if n++; n == 100 {
			cancel()
		}
		return nil
	}
	if err := r.run(t, ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if len(r.out["es"].packets) < 99 {
		t.Errorf("%d packets written", len(r.out["es"].packets))
	}
}

func TestConfigIsChecked(t *testing.T) {
	for want, change := range map[string]func(*spec.Config){
		"choose sync or live":    func(c *spec.Config) { c.Profile = "fast" },
		"choose 0 to 1m":         func(c *spec.Config) { c.Delay = time.Hour },
		"choose 0 to 1:":         func(c *spec.Config) { c.BackgroundGain = 2 },
		"name at least one":      func(c *spec.Config) { c.To = nil },
		"name it once":           func(c *spec.Config) { c.To = []inference.Lang{"es", "es"} },
		"these pairs work here:": func(c *spec.Config) { c.To = []inference.Lang{"xx"} },
	} {
		r := newRig(t)
		change(&r.cfg)
		if _, err := session.New(r.cfg, r.engines, r.clock); err == nil || !strings.Contains(err.Error(), strings.TrimSuffix(want, ":")) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

func TestEventsTellCaptionsInOrder(t *testing.T) {
	r := newRig(t)
	r.src = speaker(t, seconds(9), said, true, true)
	s, err := session.New(r.cfg, r.engines, r.clock)
	if err != nil {
		t.Fatal(err)
	}
	all := follow(t, s)
	if err := s.Dub(t.Context(), r.src); err != nil {
		t.Fatal(err)
	}
	finals := map[inference.Lang][]string{}
	for _, e := range all() {
		if c := e.Caption(); c != nil && c.Final {
			finals[c.Lang] = append(finals[c.Lang], c.Text)
		}
	}
	if got := strings.Join(finals["en"], ", "); got != "phrase 1, phrase 2, phrase 3" {
		t.Errorf("en: %s", got)
	}
	if got := strings.Join(finals["es"], ", "); got != "es:phrase es:1, es:phrase es:2, es:phrase es:3" {
		t.Errorf("es: %s", got)
	}
}
