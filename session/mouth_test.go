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
	"livedub/media/badge"
	"livedub/media/codec"
	"livedub/media/pace"
	"livedub/session/spec"
)

// asked is a fake engine that remembers what it was asked for.
type asked struct {
	fake.Lips
	opened   int
	requests map[time.Duration]inference.LipsRequest // by the frame's time
}

func (a *asked) Open(ctx context.Context) (inference.LipsSession, error) {
	a.opened++
	a.requests = map[time.Duration]inference.LipsRequest{}
	return a, ctx.Err()
}
func (a *asked) Dub(ctx context.Context) (inference.LipsStream, error) { return a, ctx.Err() }
func (a *asked) Render(ctx context.Context, r inference.LipsRequest) (inference.LipsMethod, error) {
	a.requests[r.Frame.PTS] = r
	return a.Lips.Render(ctx, r)
}

// TestMouthBlends holds that frames around a dub get a part of its mouth, and
// none get any elsewhere.
func TestMouthBlends(t *testing.T) {
	r := newRig(t)
	engine := &asked{}
	r.engines.Faces, r.engines.Lips = fake.Faces{}, engine
	if err := r.run(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	st := r.s.State().Dubs[0]
	whole, part := 0, 0
	for n := range 225 {
		at := time.Duration(n) * time.Second / testFPS
		q, rendered := engine.requests[at]
		in, near := false, false
		for _, rec := range st.Records {
			in = in || rec.DubStart <= at && at < rec.DubEnd
			near = near || rec.DubStart-140*time.Millisecond < at && at < rec.DubEnd+140*time.Millisecond
		}
		switch {
		case in && q.Amount != 1:
			t.Errorf("at %v, in the dub, the amount is %v", at, q.Amount)
		case rendered && (q.Amount <= 0 || !in && !near && q.Mouth[0].Open > 0):
			t.Errorf("at %v, beside the dub, asked for %v of %+v", at, q.Amount, q.Mouth[0])
		case near && !rendered:
			t.Errorf("at %v, beside the dub, the frame is untouched", at)
		}
		if rendered && len(q.Mouth) != 13 { // half a second at 25/s
			t.Errorf("at %v: %d shapes", at, len(q.Mouth))
		}
		if next, ok := engine.requests[at+time.Second/testFPS]; ok && rendered && q.Mouth[1] != next.Mouth[0] {
			t.Errorf("at %v: the shape foretold is %+v, shown is %+v", at, q.Mouth[1], next.Mouth[0])
		}
		if q.Amount == 1 {
			whole++
		} else if rendered {
			part++
		}
	}
	if f := st.Frames; f.Warp != whole+part || part < 6*3 || part > 6*5 { // 3 to 5 frames at each of 6 ends
		t.Errorf("frames %+v: %d whole, %d in part", f, whole, part)
	}
}

func TestNoLipsWithoutConsent(t *testing.T) {
	r := newRig(t)
	engine := &asked{}
	r.engines.Faces, r.engines.Lips = fake.Faces{}, engine
	r.cfg.Consent = spec.Consent{}
	if err := r.run(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	st := r.s.State()
	d := st.Dubs[0]
	if d.Frames.Untouched != 225 || d.Outcomes[spec.Played] != 3 || engine.opened != 0 || st.CPU["face"] != 0 {
		t.Errorf("frames %+v, fates %v, engine opened %d times, faces took %v", d.Frames, d.Outcomes, engine.opened, st.CPU["face"])
	}
	if d.Level != spec.Voice || d.Why != "no recorded consent" || d.Lips != spec.LipsNoConsent || st.Consent.Given {
		t.Errorf("ladder %s (%s), lips %s", d.Level, d.Why, d.Lips)
	}
	if err := r.s.SetLips(map[inference.Lang]bool{"es": true}); !errors.Is(err, spec.ErrNoLips) {
		t.Errorf("switched on: %v", err)
	}
}

// TestBadgeMarksWhatWasRendered reads the frames that left.
func TestBadgeMarksWhatWasRendered(t *testing.T) {
	for _, on := range []bool{true, false} {
		r := newRig(t)
		r.engines.Faces, r.engines.Lips = fake.Faces{}, &fake.Lips{}
		if on {
			r.cfg.Badge = badge.Config{Corner: badge.BottomRight, Height: 4}
		}
		r.cfg.Video.Bitrate = 2_000_000
		if err := r.run(t, t.Context()); err != nil {
			t.Fatal(err)
		}
		f := r.s.State().Dubs[0].Frames
		want := 0
		if on {
			want = f.Warp
		}
		if n := badged(t, r.out["es"]); n != want || f.Warp == 0 {
			t.Errorf("badge %v: %d frames carry it; frames %+v", on, n, f)
		}
	}
}

// badged counts the frames with white letters in the bottom right corner: paint draws no white.
func badged(t *testing.T, m *memory) int {
	t.Helper()
	dec, err := codec.NewVideoDecoder(*m.known(media.Video))
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	n := 0
	for _, p := range m.got() {
		if p.Kind != media.Video {
			continue
		}
		frames, err := dec.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range frames {
			var light byte
			for y := f.Height - 24; y < f.Height; y++ {
				light = max(light, slices.Max(f.Y[y*f.YStride+f.Width-60:][:60]))
			}
			if light > 210 {
				n++
			}
			f.Release()
		}
	}
	return n
}

// TestLipsAreSwitched switches a dub of a live session off and on.
func TestLipsAreSwitched(t *testing.T) {
	src := speaker(t, seconds(9), said, true, true)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.engines.Faces, r.engines.Lips = fake.Faces{}, &fake.Lips{}
		l := r.liveAs(t, es("switched"))
		l.attach("es")
		l.publish(src)
		warped := func() int { return l.State().Dubs[0].Frames.Warp }
		time.Sleep(r.cfg.Delay + seconds(1)) // in the first phrase
		if warped() == 0 {
			t.Fatal("no mouth was made")
		}
		for _, bad := range []inference.Lang{"fr", "en"} {
			if err := l.SetLips(map[inference.Lang]bool{"es": false, bad: true}); err == nil {
				t.Errorf("%s was switched", bad)
			}
		}
		if st := l.State().Dubs[0]; st.Lips != spec.LipsOn || st.Level != spec.Lips {
			t.Errorf("lips %s, ladder %s after a refusal", st.Lips, st.Level)
		}
		if err := l.SetLips(map[inference.Lang]bool{"es": false}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(seconds(.1))
		n := warped()
		time.Sleep(seconds(2.4)) // into the second phrase
		if st := l.State().Dubs[0]; warped() != n || st.Lips != spec.LipsOff || st.Level != spec.Voice || st.Why != "switched off" {
			t.Errorf("off: %d mouths more, lips %s, ladder %s (%s)", warped()-n, st.Lips, st.Level, st.Why)
		}
		if err := l.SetLips(map[inference.Lang]bool{"es": true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(seconds(.4))
		if st := l.State().Dubs[0]; warped() < n+8 || st.Lips != spec.LipsOn || st.Level != spec.Lips || st.Why != "" {
			t.Errorf("on: %d mouths more, lips %s, ladder %s (%s)", warped()-n, st.Lips, st.Level, st.Why)
		}
		var steps []spec.LadderChange
		for e := range l.Records().All(t.Context()) {
			if e.Ladder != nil && e.Ladder.Lang == "es" {
				steps = append(steps, *e.Ladder)
			}
		}
		if len(steps) != 2 || steps[0].Level != spec.Voice || steps[0].Why != "switched off" || steps[1].Level != spec.Lips ||
			steps[0].At < seconds(.9) || steps[0].At > seconds(1.1) {
			t.Errorf("ladder: %+v", steps)
		}
	})
}

// early is a fake engine that wants to begin frames before they are due.
type early struct {
	asked
	clock pace.Clock
	begun map[time.Duration]inference.LipsRequest
	at    map[time.Duration]time.Duration // when
	sound map[time.Duration]bool          // whether the dub was heard in what the net would hear
	order []time.Duration
}

func (e *early) Lead() time.Duration { return 220 * time.Millisecond }
func (e *early) Open(ctx context.Context) (inference.LipsSession, error) {
	_, err := e.asked.Open(ctx)
	e.begun, e.at, e.sound = map[time.Duration]inference.LipsRequest{}, map[time.Duration]time.Duration{}, map[time.Duration]bool{}
	return e, err
}
func (e *early) Dub(ctx context.Context) (inference.LipsStream, error) { return e, ctx.Err() }
func (e *early) Begin(_ context.Context, r inference.LipsRequest) {
	at := r.Frame.PTS
	e.begun[at], e.at[at], e.order = r, e.clock.Now(), append(e.order, at)
	pcm := make([]int16, inference.VoiceRate/5)
	r.Voice(0, pcm)
	e.sound[at] = slices.ContainsFunc(pcm, func(v int16) bool { return v > 100 || v < -100 })
}

// TestMouthsAreBegunAheadOfTime: each frame is begun before it is due and ends as
// it was begun; what it says is what will be heard.
func TestMouthsAreBegunAheadOfTime(t *testing.T) {
	r := newRig(t)
	e := &early{clock: r.clock}
	r.engines.Faces, r.engines.Lips = fake.Faces{}, e
	if err := r.run(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(e.begun) < 30 || !slices.IsSorted(e.order) {
		t.Fatalf("%d frames were begun, in order: %v", len(e.begun), slices.IsSorted(e.order))
	}
	st := r.s.State().Dubs[0]
	if st.Frames.Out != 225 || st.Frames.Warp != len(e.requests) {
		t.Errorf("frames %+v, %d rendered", st.Frames, len(e.requests))
	}
	for at, q := range e.requests {
		b, ok := e.begun[at]
		if !ok || b.Amount != q.Amount || b.Mouth[0] != q.Mouth[0] {
			t.Errorf("at %v: begun %v with %v, rendered with %v", at, ok, b.Amount, q.Amount)
		}
		if !b.Due.IsZero() {
			t.Errorf("at %v: a deadline in virtual time", at)
		}
	}
	for at, heard := range e.sound {
		in := false
		for _, rec := range st.Records {
			for _, m := range rec.Marks {
				start := rec.DubStart + m.At
				in = in || strings.Contains("aeiouáéíóú", m.IPA) && start < at+150*time.Millisecond && at+50*time.Millisecond < start+m.Dur
			}
		}
		if in && !heard {
			t.Errorf("at %v the dub speaks and the mouth does not hear it", at)
		}
	}
}
