package face

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/inferencetest"
	"livedub/media"
)

func open(t *testing.T) inference.FaceTracker {
	t.Helper()
	tracker, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return tracker
}

// watcher tracks frames one after the other, releases them, and collects
// their faces as soon as these are final.
type watcher struct {
	t     *testing.T
	s     inference.FaceStream
	wait  []time.Duration
	faces [][]inference.Face
}

func watch(t *testing.T) *watcher {
	t.Helper()
	s, err := open(t).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &watcher{t: t, s: s}
}

func (w *watcher) see(f *media.Frame) {
	w.t.Helper()
	defer f.Release()
	if err := w.s.Track(w.t.Context(), f); err != nil {
		w.t.Fatal(err)
	}
	w.wait = append(w.wait, f.PTS)
	for w.wait[0]+inference.FaceWindow < f.PTS {
		w.collect()
	}
}

func (w *watcher) collect() {
	w.faces = append(w.faces, w.s.Faces(w.wait[0]))
	w.wait = w.wait[1:]
}

// end returns the faces of all frames.
func (w *watcher) end() [][]inference.Face {
	for len(w.wait) > 0 {
		w.collect()
	}
	return w.faces
}

// again is f at another time, sharing its memory.
func again(f *media.Frame, at time.Duration) *media.Frame {
	f.Retain()
	g := media.WrapFrame(f.Planes, f.Release)
	g.PTS = at
	return g
}

func TestContract(t *testing.T) {
	var frames []*media.Frame
	for i := range 12 {
		d := upright(320+2*float64(i), 170, 60)
		d.open = float64(i%4) / 12
		f := draw(640, 360, time.Duration(i)*40*ms, d)
		defer f.Release()
		frames = append(frames, f)
	}
	inferencetest.TestFaces(t, open, frames)
}

func TestRefuses(t *testing.T) {
	s, err := open(t).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f := draw(64, 48, 0)
	defer f.Release()
	if err := s.Track(t.Context(), f); err != nil {
		t.Error(err)
	}
	if s.Track(t.Context(), f) == nil {
		t.Error("the same frame twice: no error")
	}
	short := media.WrapFrame(media.Planes{Width: 64, Height: 48, Y: f.Y[:64*47], YStride: 64}, nil)
	defer short.Release()
	short.PTS = 40 * ms
	if s.Track(t.Context(), short) == nil {
		t.Error("luma is missing: no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.PTS = 80 * ms
	if s.Track(ctx, f) == nil {
		t.Error("tracked on after its context had ended")
	}
	if _, err := open(t).Open(ctx); err == nil {
		t.Error("opened after its context had ended")
	}
}

// TestNobody: frames without an upright face have none, of whatever kind and size they are.
func TestNobody(t *testing.T) {
	fill := func(w, h int, v func(x, y int) byte) *media.Frame {
		f := media.NewFrame(w, h)
		for i := range f.Y {
			f.Y[i] = v(i%w, i/w)
		}
		return f
	}
	random := uint32(1)
	noise := func(int, int) byte {
		random = random*1664525 + 1013904223
		return byte(16 + random>>24*219/255)
	}
	face := draw(640, 360, 0, upright(320, 170, 60))
	defer face.Release()
	for name, f := range map[string]*media.Frame{
		"one pixel":  fill(1, 1, noise),
		"2x2":        fill(2, 2, noise),
		"a line":     fill(700, 1, noise),
		"a column":   fill(3, 900, noise),
		"black":      fill(640, 360, func(int, int) byte { return 16 }),
		"grey":       fill(321, 241, func(int, int) byte { return 126 }),
		"noise":      fill(640, 360, noise),
		"grid":       fill(640, 360, func(x, y int) byte { return byte(16 + 200*((x/20+y/20)%2)) }),
		"background": draw(640, 360, 0),
		"upside down": fill(640, 360, func(x, y int) byte {
			return face.Y[(359-y)*face.YStride+x]
		}),
	} {
		t.Run(name, func(t *testing.T) {
			defer f.Release()
			w := watch(t)
			for i := range 12 {
				w.see(again(f, time.Duration(i)*40*ms))
			}
			for i, faces := range w.end() {
				if len(faces) > 0 {
					t.Fatalf("frame %d: %+v", i, faces[0])
				}
			}
		})
	}
}

func TestSizes(t *testing.T) {
	for _, tt := range []struct {
		w, h int
		eyes float64
	}{{1280, 720, 20}, {640, 480, 30}, {360, 288, 45}, {1280, 720, 100}, {1281, 721, 180}, {1920, 1080, 400}} {
		f := draw(tt.w, tt.h, 0, upright(float64(tt.w)/2, float64(tt.h)*.4, tt.eyes))
		w := watch(t)
		for i := range 6 {
			w.see(again(f, time.Duration(i)*40*ms))
		}
		f.Release()
		for i, faces := range w.end() {
			if len(faces) != 1 {
				t.Fatalf("eyes %v apart, frame %d: %d faces", tt.eyes, i, len(faces))
			}
			checkPlace(t, faces[0], upright(float64(tt.w)/2, float64(tt.h)*.4, tt.eyes), .05)
			if faces[0].Confidence < .5 {
				t.Errorf("eyes %v apart: confidence %v", tt.eyes, faces[0].Confidence)
			}
		}
	}
}

// checkPlace holds the eyes to where they were drawn, within so many eye distances.
func checkPlace(t *testing.T, f inference.Face, d drawn, within float64) {
	t.Helper()
	for _, e := range []struct {
		got  inference.Point
		side float64
	}{{f.LeftEye, -.5}, {f.RightEye, .5}} {
		if p := d.of(e.got); math.Hypot(p.X-e.side, p.Y) > within {
			t.Errorf("an eye lies at %.3f instead of %v", p, e.side)
		}
	}
}

func TestFive(t *testing.T) {
	var all []drawn
	for i := range 6 { // the sixth is one too many
		all = append(all, upright(150+float64(i%3)*420, 140+float64(i/3)*350, 70-5*float64(i)))
	}
	f := draw(1280, 720, 0, all...)
	defer f.Release()
	w := watch(t)
	for i := range 20 {
		w.see(again(f, time.Duration(i)*40*ms))
	}
	for i, faces := range w.end() {
		if len(faces) != 5 {
			t.Fatalf("frame %d: %d faces", i, len(faces))
		}
		ids := map[int]bool{}
		for n, face := range faces {
			ids[face.ID] = true
			checkPlace(t, face, all[n], .05)
		}
		if len(ids) != 5 || !ids[1] || !ids[5] {
			t.Fatalf("frame %d: ids %v", i, ids)
		}
	}
}

// TestFinal: an answer may change until a frame later than FaceWindow was tracked, not after.
func TestFinal(t *testing.T) {
	s, err := open(t).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	final := map[time.Duration][]inference.Face{}
	step := 33 * ms
	for i := range 50 {
		at := time.Duration(i) * step
		d := upright(320+40*math.Sin(float64(i)/6), 170, 50)
		d.roll = .2 * math.Sin(float64(i)/9)
		var f *media.Frame
		if i < 12 || i > 20 && i < 43 {
			f = draw(640, 360, at, d)
		} else {
			f = draw(640, 360, at)
		}
		if err := s.Track(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		f.Release()
		for k := range i + 1 {
			asked := time.Duration(k) * step
			faces := s.Faces(asked)
			if before, ok := final[asked]; ok && !slices.Equal(before, faces) {
				t.Fatalf("after %v the faces of %v changed from %v to %v", at, asked, before, faces)
			}
			if asked+inference.FaceWindow < at {
				final[asked] = faces
			}
		}
	}
	if len(final[10*step]) != 1 || len(final[16*step]) != 0 || len(final[38*step]) != 1 {
		t.Errorf("there, away, there again: %v %v %v", final[10*step], final[16*step], final[38*step])
	}
}

// TestAtOnce asks for faces while frames are tracked.
func TestAtOnce(t *testing.T) {
	s, err := open(t).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f := draw(640, 360, 0, upright(320, 170, 60))
	defer f.Release()
	var wait sync.WaitGroup
	wait.Go(func() {
		for i := range 200 {
			s.Faces(time.Duration(i) * 5 * ms)
		}
	})
	for i := range 25 {
		g := again(f, time.Duration(i)*40*ms)
		if err := s.Track(t.Context(), g); err != nil {
			t.Error(err)
		}
		g.Release()
	}
	wait.Wait()
}
