package session_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/media"
	"livedub/session/spec"
)

// TestDubEndsWithoutEngines dubs a file where one stage, or all, are switched off.
func TestDubEndsWithoutEngines(t *testing.T) {
	src := speaker(t, seconds(4), []burst{{seconds(.5), seconds(1.7)}}, true, true)
	for name, off := range map[string]func(*spec.Engines){
		"recognizer": func(e *spec.Engines) { e.Recognizer = nil },
		"translator": func(e *spec.Engines) { e.Translator = nil },
		"speaker":    func(e *spec.Engines) { e.Synthesizer = nil },
		"all":        func(e *spec.Engines) { *e = spec.Engines{} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // which sees a dub that never ends
				r := newRig(t)
				r.engines.Faces, r.engines.Lips = fake.Faces{}, &fake.Lips{}
				off(&r.engines)
				r.src = &memory{tracks: src.tracks, packets: src.packets}
				r.cfg.To = []inference.Lang{"es", "ca"}
				if err := r.run(t, t.Context()); err != nil {
					t.Fatal(err)
				}
				for _, d := range r.s.State().Dubs {
					if d.Frames.Out != 100 || d.Level != spec.Passthrough || len(d.Records) != 0 {
						t.Errorf("%s: frames %+v at %s, %d phrases", d.Lang, d.Frames, d.Level, len(d.Records))
					}
					if lv := level(sound(t, r.out[d.Lang]), voice, seconds(1)+r.cfg.Delay); lv < 8000 {
						t.Errorf("%s: the original is at %.0f", d.Lang, lv)
					}
				}
			})
		})
	}
}

// TestSourceWithoutSamples: what holds nothing is told at once, whatever its tracks say.
func TestSourceWithoutSamples(t *testing.T) {
	whole := speaker(t, seconds(.1), nil, true, true)
	for name, tracks := range map[string][]media.Track{
		"sound": {*media.FindTrack(whole.tracks, media.Audio)}, "frames": {*media.FindTrack(whole.tracks, media.Video)}, "both": whole.tracks,
	} {
		for _, engines := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				if !engines {
					r.engines = spec.Engines{}
				}
				r.src = &memory{tracks: tracks}
				if err := r.run(t, t.Context()); !errors.Is(err, spec.ErrEmpty) {
					t.Errorf("%s, engines %v: %v", name, engines, err)
				}
				if n := len(r.out["es"].packets); n != 0 {
					t.Errorf("%s, engines %v: %d packets were written", name, engines, n)
				}
			})
		}
	}
}

// TestEmptyPublisherLeavesTheCall: who sends nothing and leaves does not end it.
func TestEmptyPublisherLeavesTheCall(t *testing.T) {
	src := speaker(t, seconds(4), []burst{{seconds(.5), seconds(1.7)}}, true, true)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		l := r.live(t)
		l.attach("es")
		l.publish(&memory{tracks: src.tracks})
		time.Sleep(seconds(1))
		l.publish(src)
		time.Sleep(seconds(4) + r.cfg.Delay + seconds(1))
		if d := l.State().Dubs[0]; d.Outcomes[spec.Played] != 1 || d.Frames.Out != 100 {
			t.Errorf("fates %v, frames %+v", d.Outcomes, d.Frames)
		}
	})
}

// TestBrokenSourceEndsTheDub: its error is the dub's, and what was written stays.
func TestBrokenSourceEndsTheDub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		broken := errors.New("the disk went away")
		src := &breaking{*speaker(t, seconds(9), said, true, true), 600, broken}
		if err := r.dub(t, t.Context(), src); !errors.Is(err, broken) {
			t.Error(err)
		}
	})
}

// breaking is a source that fails after some packets.
type breaking struct {
	memory
	after int
	err   error
}

func (b *breaking) Read(ctx context.Context) (media.Packet, error) {
	if b.next == b.after {
		return media.Packet{}, b.err
	}
	return b.memory.Read(ctx)
}

// breakingCaller is a publisher that fails after some packets.
type breakingCaller struct {
	*caller
	after int
	err   error
}

func (b *breakingCaller) Read(ctx context.Context) (media.Packet, error) {
	if b.src.next == b.after {
		return media.Packet{}, b.err
	}
	return b.caller.Read(ctx)
}

// TestBrokenPublisherIsShownToItsEnd: what has come of a publisher that fails is
// shown and dubbed as that of one who leaves, its place is free at once, and its
// error is told when all was shown.
func TestBrokenPublisherIsShownToItsEnd(t *testing.T) {
	src := speaker(t, seconds(4), []burst{{seconds(.5), seconds(1.7)}, {seconds(2.6), seconds(3.8)}}, true, true)
	broken := errors.New("the network went away")
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var log lines
		r.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
		l := r.live(t)
		out := l.attach("es")
		l.speak(&breakingCaller{newCaller(src, l.Clock), len(src.packets), broken})
		time.Sleep(seconds(4.1))
		if err := l.Vacant(); err != nil {
			t.Errorf("the place of a publisher that failed: %v", err)
		}
		time.Sleep(r.cfg.Delay - seconds(.5))
		if log.has(broken.Error()) {
			t.Error("its error is told before all was shown")
		}
		time.Sleep(seconds(1.5))
		if d := l.State().Dubs[0]; d.Frames.Out != 100 || d.Frames.Dropped != 0 || d.Outcomes[spec.Played] != 2 || len(shownFrames(t, out)) != 100 {
			t.Errorf("frames %+v, fates %v, %d frames", d.Frames, d.Outcomes, len(shownFrames(t, out)))
		}
		if !log.has(`err="source: ` + broken.Error()) {
			t.Errorf("its error is not told: %s", &log.buf)
		}
		l.publish(src) // the session goes on
		time.Sleep(seconds(4) + r.cfg.Delay + seconds(1))
		if n := len(shownFrames(t, out)); n != 200 {
			t.Errorf("%d frames after another publisher", n)
		}
	})
}

// lines keeps what is logged.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) has(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.buf.String(), s)
}
