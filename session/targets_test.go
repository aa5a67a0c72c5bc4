package session_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/session/spec"
)

// TestTargetsOfALiveSession adds a language to a call and takes another away:
// the new one shows what is due from then on and dubs what is said next, the
// viewers of the one that goes are ended, and the others notice nothing.
func TestTargetsOfALiveSession(t *testing.T) {
	var many []burst
	for at := seconds(.5); at < seconds(19); at += 2 * time.Second {
		many = append(many, burst{at, at + time.Second})
	}
	src := speaker(t, seconds(20), many, true, true)
	frames := 20 * testFPS
	const added, taken = 8 * time.Second, 14 * time.Second
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.engines.Faces, r.engines.Lips = fake.Faces{}, &fake.Lips{}
		l := r.live(t)
		spanish, original := l.attach("es"), l.attach("en")
		l.publish(src)
		time.Sleep(added)
		if _, err := l.Subscribe("ca", &memory{}); err == nil {
			t.Error("a language that is not there can be watched")
		}
		if err := l.SetTargets(t.Context(), []inference.Lang{"es", "en", "ca"}); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(l.Languages(), l.Targets()); got != "[es ca en] [es ca]" {
			t.Errorf("languages %s", got)
		}
		catalan := l.attach("ca")
		time.Sleep(taken - added)
		if got := len(seen(catalan)); got < 150-3 {
			t.Errorf("%d frames of the new dub in 6 s", got)
		}
		began := time.Now()
		if err := l.SetTargets(t.Context(), []inference.Lang{"ca"}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("taking a language away took %v", took)
		}
		if spanish.closes() != 1 || catalan.closes() != 0 || original.closes() != 0 {
			t.Errorf("viewers were ended %d, %d and %d times, want only the first", spanish.closes(), catalan.closes(), original.closes())
		}
		if _, err := l.Subscribe("es", &memory{}); err == nil || l.Has("es") {
			t.Errorf("a language that was taken away can be watched: %v", err)
		}
		time.Sleep(seconds(20) + r.cfg.Delay + seconds(1) - taken)

		st := l.State()
		if len(st.Dubs) != 2 || st.Dubs[0].Lang != "ca" || st.Dubs[1].Lang != "en" || len(st.Failures) > 0 {
			t.Fatalf("dubs %+v, failures %v", st.Dubs, st.Failures)
		}
		if d := st.Dubs[1].Frames; d.Out != frames || d.Dropped != 0 || len(shownFrames(t, original)) != frames {
			t.Errorf("the original: %+v, %d frames were seen", d, len(shownFrames(t, original)))
		}
		pcm := sound(t, original)
		for i, b := range many {
			if lv := level(pcm, voice, b.from+r.cfg.Delay+seconds(.2)); lv < 8000 {
				t.Errorf("the original is at %.0f in phrase %d", lv, i)
			}
		}
		// The old dub until it was taken away.
		want := int((taken - r.cfg.Delay).Seconds() * testFPS)
		if n := len(shownFrames(t, spanish)); n < want-3 || n > want+1 {
			t.Errorf("%d frames of the dub that was taken away, want %d", n, want)
		}
		pcm = sound(t, spanish)
		for i, b := range many {
			if at := b.from + r.cfg.Delay + seconds(.05); at < taken-seconds(.2) && level(pcm, fake.Tone, at) < 3000 {
				t.Errorf("the dub that was taken away is at %.0f in phrase %d", level(pcm, fake.Tone, at), i)
			}
		}
		// The new dub from what was due when it came.
		got := shownFrames(t, catalan)
		if want := frames - int((added-r.cfg.Delay).Seconds()*testFPS); len(got) < want-3 || len(got) > want+1 {
			t.Errorf("%d frames of the new dub, want %d", len(got), want)
		}
		if first := got[0].at; first < added || first > added+seconds(.2) {
			t.Errorf("the new dub's first frame is due at %v", first)
		}
		// Phrases that were known before it came are not said again; each later one is.
		records := st.Dubs[0].Records
		if len(records) == 0 || records[0].Phrase.End < added-seconds(2) {
			t.Fatalf("the new dub's phrases: %+v", records)
		}
		next := slices.IndexFunc(many, func(b burst) bool { return b.from > added })
		if last := records[len(records)-1].Phrase.ID; records[0].Phrase.ID > next+1 || last != len(many) || len(records) != last-records[0].Phrase.ID+1 {
			t.Errorf("phrases %d to %d, %d in all; the first that began with it is %d", records[0].Phrase.ID, last, len(records), next+1)
		}
		pcm = sound(t, catalan)
		for i, rec := range records {
			if rec.Outcome != spec.Played || rec.Late > 300*time.Millisecond {
				t.Errorf("the new dub's phrase %d: %s (%s), %v late", rec.Phrase.ID, rec.Outcome, rec.Err, rec.Late)
			}
			loudest := 0. // "ca" begins with a consonant, which is silent
			for at := rec.DubStart; at < rec.DubEnd; at += 20 * time.Millisecond {
				loudest = max(loudest, level(pcm, fake.Tone, at+r.cfg.Delay))
			}
			if loudest < 3000 {
				t.Errorf("the new dub is at %.0f in its phrase %d", loudest, i)
			}
		}
		if !slices.ContainsFunc(got, func(p shown) bool { return p.bar > 0 }) {
			t.Error("the new dub has no mouth")
		}
	})
}

// TestTargetsRefused: what cannot be changes nothing.
func TestTargetsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRig(t).live(t)
		viewer := l.attach("es")
		synctest.Wait() // it runs
		for _, tt := range []struct {
			to   []inference.Lang
			want error
		}{
			{nil, spec.ErrInvalid},
			{[]inference.Lang{"es", "ca", "es"}, spec.ErrInvalid},
			{[]inference.Lang{"ca", "xx"}, inference.ErrUnsupported},
		} {
			if err := l.SetTargets(t.Context(), tt.to); !errors.Is(err, tt.want) {
				t.Errorf("%v: %v, want %v", tt.to, err, tt.want)
			}
			if got := fmt.Sprint(l.Languages()); got != "[es en]" || viewer.closes() != 0 {
				t.Errorf("%v: there are %s now, the viewer was ended %d times", tt.to, got, viewer.closes())
			}
		}
		if err := l.SetTargets(t.Context(), []inference.Lang{"en"}); err != nil || fmt.Sprint(l.Languages()) != "[en]" || viewer.closes() != 1 {
			t.Errorf("the original alone: %v, %v", err, l.Languages())
		}
		if err := l.m.Delete("a"); err != nil {
			t.Fatal(err)
		}
		if err := l.SetTargets(t.Context(), []inference.Lang{"es"}); !errors.Is(err, spec.ErrNotFound) {
			t.Errorf("a session that has ended: %v", err)
		}
	})
}
