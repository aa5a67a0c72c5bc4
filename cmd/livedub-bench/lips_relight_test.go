package main

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/internal/bench/lipseval"
	"livedub/media"
)

func variantOf(t *testing.T, name string) lipsVariant {
	t.Helper()
	for _, v := range lipsVariants() {
		if v.name == name {
			return v
		}
	}
	t.Fatalf("no variant is called %s", name)
	return lipsVariant{}
}

func mean(b []byte) float64 {
	var sum float64
	for _, v := range b {
		sum += float64(v)
	}
	return sum / float64(len(b))
}

func TestLipsVariants(t *testing.T) {
	c, _, b := drawn(t)
	c = &lipsClip{frames: c.frames[:8], fps: c.fps}
	eyes, _ := eyesOf(standFaces{}.Faces(0), 0)
	for name, check := range map[string]func(src, made *media.Frame) bool{
		"plain":        func(src, made *media.Frame) bool { return bytes.Equal(src.Y, made.Y) && bytes.Equal(src.V, made.V) },
		"gamma-0.6":    func(src, made *media.Frame) bool { return mean(made.Y) < mean(src.Y)-10 },
		"gamma-1.6":    func(src, made *media.Frame) bool { return mean(made.Y) > mean(src.Y)+10 },
		"contrast-0.6": func(src, made *media.Frame) bool { return made.Y[0] != src.Y[0] && bytes.Equal(src.U, made.U) },
		"grey":         func(src, made *media.Frame) bool { return mean(made.U) == 128 && bytes.Equal(src.Y, made.Y) },
		"blue":         func(src, made *media.Frame) bool { return mean(made.U) > mean(src.U)+5 && mean(made.V) < mean(src.V)-3 },
		"red":          func(src, made *media.Frame) bool { return mean(made.V) > mean(src.V)+5 && mean(made.U) < mean(src.U)-3 },
		"mirrored": func(src, made *media.Frame) bool {
			return src.Y[0] == made.Y[src.Width-1] && src.U[3] == made.U[src.Width/2-4]
		},
		"noise": func(src, made *media.Frame) bool { return mean(made.Y) < mean(src.Y)*.7 && !bytes.Equal(src.Y, made.Y) },
		"300k":  func(src, made *media.Frame) bool { return made.Width == src.Width && !bytes.Equal(src.Y, made.Y) },
		"half":  func(src, made *media.Frame) bool { return made.Width == src.Width/2 && made.Height == src.Height/2 },
	} {
		v := variantOf(t, name)
		frames, err := v.change(b, c)
		if err != nil || len(frames) != len(c.frames) {
			t.Fatalf("%s: %d frames of %d, %v", name, len(frames), len(c.frames), err)
		}
		again, err := v.change(b, c)
		if err != nil || !bytes.Equal(frames[5].Y, again[5].Y) {
			t.Errorf("%s differs from run to run: %v", name, err)
		}
		if !check(c.frames[5], frames[5]) {
			t.Errorf("%s is not what it says", name)
		}
		e := eyes
		if v.eyes != nil {
			e = v.eyes(eyes, standW)
		}
		if e.Left.X >= e.Right.X || e.Left.X < 0 || e.Right.X > float64(frames[0].Width) {
			t.Errorf("%s: eyes at %v", name, e)
		}
		releaseAll(frames)
		releaseAll(again)
	}
	if len(lipsVariants()) != 11 || lipsVariants()[0].name != "plain" {
		t.Error("the variants are not the plain clip and ten others")
	}
}

// TestRelightKnowsGoodFromBad: the judge reads mouths in a light that takes its
// colours away, and an engine that does not read them there is found out.
func TestRelightKnowsGoodFromBad(t *testing.T) {
	c, engine, b := drawn(t)
	b.length, b.warm = 6*time.Second, 3*time.Second
	l := &relit{b: b, name: "drawn", plain: newLipsRun(b, c)}
	if err := l.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, look := range map[string]func(*media.Frame){
		"plain": nil,
		"grey": func(f *media.Frame) {
			for i := range f.U {
				f.U[i], f.V[i] = 128, 128
			}
		},
	} {
		engine.look = look
		f, err := l.variant(t.Context(), variantOf(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if f.HeightCorr < .93 || f.ReadCorr < .9 || f.JudgeCorr < .95 || f.Torn != 0 || f.Frames != 75 {
			t.Errorf("an engine that draws what is asked for is judged %+v", f)
		}
	}
	engine.source = func(at time.Duration) inference.MouthShape {
		return inference.MouthShape{Open: float64(at/(40*time.Millisecond)%7) / 7}
	}
	engine.idle = true
	f, err := l.variant(t.Context(), variantOf(t, "gamma-0.6"))
	if err != nil {
		t.Fatal(err)
	}
	if f.ReadCorr > .5 || f.HeightCorr > .5 || f.Untouched != 1 {
		t.Errorf("an engine that is blind is judged %+v", f)
	}
	var table strings.Builder
	f.Below = .5
	if !math.IsNaN(float64(f.MouthCorr)) || f.met() {
		t.Errorf("no mouth was taken, yet they follow by %v; met %v", f.MouthCorr, f.met())
	}
	if err := printVariants(&table, []variantFigures{{Clip: "a", Variant: "plain"}, f}); err != nil || strings.Count(table.String(), "!") != 2 || !strings.Contains(table.String(), "1 variants miss") {
		t.Errorf("table %q, %v", table.String(), err)
	}
}

func TestVariantsCompare(t *testing.T) {
	for _, tt := range [][3]figure{{.9, 1, .9}, {.72, .9, .8}, {.99, .9, 1}, {.4, .1, .5}, {-.4, .5, -.5}} {
		if got := comparable(tt[0], tt[1]); got < tt[2]-1e-9 || got > tt[2]+1e-9 {
			t.Errorf("%v seen by an estimator of %v is %v, want %v", tt[0], tt[1], got, tt[2])
		}
	}
}

func TestLimitOfAClip(t *testing.T) {
	b := &lipsBench{limit: time.Millisecond}
	wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	if err := b.limited(t.Context(), wait); err == nil || !strings.Contains(err.Error(), "raise --limit") {
		t.Errorf("a clip over its limit ends with %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.limited(ended, wait); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted clip ends with %v", err)
	}
	c, _, b := drawn(t)
	r := newLipsRun(b, c)
	if r.faces = [][]inference.Face{standFaces{}.Faces(0)}; r.learn(ended) == nil {
		t.Error("the judge learned on after the end")
	}
	var views []lipseval.View
	for _, f := range c.frames[:12] {
		eyes, _ := eyesOf(standFaces{}.Faces(0), 0)
		views = append(views, lipseval.View{Frame: f, Eyes: eyes})
	}
	if _, err := lipseval.Learn(ended, views); !errors.Is(err, context.Canceled) {
		t.Errorf("the judge ends with %v", err)
	}
	err := named([]string{"x/a.mp4", "x/b.mp4", "x/c.mp4"}, []error{errors.New("is odd"), nil, errors.New("is even")})
	if err == nil || err.Error() != "left out: a.mp4: is odd; c.mp4: is even" {
		t.Errorf("the error is %v", err)
	}
}
