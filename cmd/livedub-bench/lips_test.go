package main

import (
	"context"
	"encoding/json"
	"image"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/lips"
	"livedub/inference/viseme"
	"livedub/internal/bench/lipseval"
	"livedub/internal/config"
	"livedub/internal/settings"
	"livedub/internal/testkit/testspeaker"
	"livedub/media"
)

func TestBenchLipsSaysWhatIsWrong(t *testing.T) {
	empty := t.TempDir()
	if err := os.WriteFile(filepath.Join(empty, "README.md"), []byte("none"), 0o644); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"lips --clips /nowhere":                 "check --clips",
		"lips --clips " + empty:                 "has no clips",
		"lips --only x":                         "name their folder",
		"lips now":                              `takes no arguments, got "now"`,
		"lips --clip x":                         "did you mean --clips?",
		"lips --clips /dev/null --speak-worker": "needs an argument",
	} {
		code, out, errs := call(t, strings.Fields(args)...)
		if code == 0 || out != "" || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: code %d, stdout %q, stderr %q, want %q", args, code, out, errs, want)
		}
	}
}

func TestBenchLipsNamesWhatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "broken.mp4"), []byte("no film"), 0o644); err != nil {
		t.Fatal(err)
	}
	paths, err := lipsClips(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	b := &lipsBench{limit: time.Minute, frame: settings.Session(config.Default()).Video, say: func(s string) { said = append(said, s) }}
	if _, err := b.all(t.Context(), paths); err == nil || !strings.Contains(err.Error(), "broken.mp4") {
		t.Errorf("error %v does not name the file", err)
	}
	if all := strings.Join(said, "\n"); !strings.Contains(all, "broken.mp4") || !strings.Contains(all, "left out") {
		t.Errorf("notes do not name the file: %q", all)
	}
}

// TestBenchLipsJSON: the names of the contract are all there, and a missing figure is null.
func TestBenchLipsJSON(t *testing.T) {
	b, err := json.Marshal(lipsFigures{Clip: "a", HeightCorr: .123456789, PSNR: figure(math.NaN())})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields(`clip height_corr height_lag_frames width_corr height_error bilabial_closure
		selfrecon_psnr selfrecon_ssim flicker sharpness seam pixels_outside eye_px estimator_noise
		estimator_reliability own_share torn torn_share selfrecon_ssim_ratio twin_ssim cpu_ms_per_frame total_cpu_ms_per_frame codec_floor_ms_per_frame`) {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	if got["height_corr"] != .12346 || got["selfrecon_psnr"] != nil {
		t.Errorf("written as %s", b)
	}
}

const standW, standH = 384, 320

// standFaces knows where a drawn face has its eyes.
type standFaces struct{}

func (standFaces) Open(ctx context.Context) (inference.FaceStream, error) {
	return standFaces{}, ctx.Err()
}
func (standFaces) Track(ctx context.Context, f *media.Frame) error { return ctx.Err() }
func (standFaces) Close() error                                    { return nil }
func (standFaces) Faces(time.Duration) []inference.Face {
	scale := math.Min(.165*standH, .21*standW)
	eye := func(side float64) inference.Point {
		return inference.Point{X: standW/2 + side*scale/2, Y: .44 * standH}
	}
	return []inference.Face{{ID: 1, Confidence: 1, LeftEye: eye(-1), RightEye: eye(1)}}
}

// standLips draws the face anew with the mouth that is asked for, late by some
// frames, or leaves it as it was.
type standLips struct {
	drawing *testspeaker.Drawing
	cfg     lips.Config
	period  time.Duration // of the clip
	late    int
	idle    bool
	source  func(time.Duration) inference.MouthShape
	look    func(*media.Frame) // what the light does to all that is drawn; nil: nothing
	past    []inference.MouthShape
}

func (l *standLips) Open(ctx context.Context) (inference.LipsSession, error) { return l, ctx.Err() }
func (l *standLips) Close() error                                            { return nil }
func (l *standLips) Learn(ctx context.Context, f *media.Frame, _ []inference.Face) (inference.Snapshot, error) {
	return f.PTS, ctx.Err()
}
func (l *standLips) Dub(ctx context.Context) (inference.LipsStream, error) {
	s := *l
	return &s, ctx.Err()
}
func (l *standLips) Shape(k inference.Snapshot) (inference.MouthShape, bool) {
	return l.source(k.(time.Duration) % l.period), true
}

func (l *standLips) Render(ctx context.Context, r inference.LipsRequest) (inference.LipsMethod, error) {
	if l.idle {
		l.cfg.Trace(lips.Trace{PTS: r.Frame.PTS})
		return inference.Untouched, ctx.Err()
	}
	l.past = append(l.past, r.Mouth[0])
	shape := l.past[max(0, len(l.past)-1-l.late)]
	made := l.drawing.Draw(r.Frame.PTS%l.period, shape)
	defer made.Release()
	if l.look != nil {
		l.look(made)
	}
	mask := image.Rect(standW/4, standH/2, standW*3/4, standH*9/10)
	for y := mask.Min.Y; y < mask.Max.Y; y++ {
		copy(r.Frame.Y[y*r.Frame.YStride+mask.Min.X:][:mask.Dx()], made.Y[y*made.YStride+mask.Min.X:])
		copy(r.Frame.U[y/2*r.Frame.UVStride+mask.Min.X/2:][:mask.Dx()/2], made.U[y/2*made.UVStride+mask.Min.X/2:])
		copy(r.Frame.V[y/2*r.Frame.UVStride+mask.Min.X/2:][:mask.Dx()/2], made.V[y/2*made.UVStride+mask.Min.X/2:])
	}
	m := r.Mouth[0]
	l.cfg.Trace(lips.Trace{PTS: r.Frame.PTS, Method: inference.Own, Face: 1, Mask: mask, Eyes: math.Min(.165*standH, .21*standW),
		Height: .385 * m.Open, Width: .62 + .4*m.Wide})
	return inference.Own, ctx.Err()
}

// sentence is a speech of many mouths.
func sentence(n int) []inference.Mark {
	var out []inference.Mark
	at := time.Duration(0)
	for i, p := range strings.Fields(strings.Repeat("p a t o m i s a b u l e m a r e p i n o ", n)) {
		d := time.Duration(80+10*(i%4)) * time.Millisecond
		out = append(out, inference.Mark{IPA: p, Viseme: viseme.Of(p), At: at, Dur: d})
		at += d
	}
	return out
}

// drawn returns a clip of a drawn face, the engine that draws it again and a bench for both.
func drawn(t *testing.T) (*lipsClip, *standLips, *lipsBench) {
	t.Helper()
	d, err := testspeaker.NewDrawing(standW, standH, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	c := &lipsClip{fps: 25}
	own := sentence(4)
	source := func(at time.Duration) inference.MouthShape { return viseme.At(own, at+time.Second) }
	const n = 75
	for i := range n {
		c.frames = append(c.frames, d.Draw(time.Duration(i)*c.step(), source(time.Duration(i)*c.step())))
	}
	t.Cleanup(c.release)
	engine := &standLips{drawing: d, period: n * c.step(), source: source}
	return c, engine, &lipsBench{
		faces: standFaces{}, marks: sentence(6), length: 8 * time.Second, warm: 3 * time.Second, cost: time.Second, limit: time.Minute,
		lips:  func(c lips.Config) inference.Lips { engine.cfg = c; return engine },
		frame: settings.Session(config.Default()).Video, say: func(string) {},
	}
}

// judged runs the bench over a drawn clip.
func judged(t *testing.T, change func(*standLips)) (lipsFigures, *lipsRun) {
	t.Helper()
	c, engine, b := drawn(t)
	change(engine)
	b.sheet = t.TempDir()
	r := newLipsRun(b, c)
	defer r.release()
	if err := r.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := r.figures()
	if err := r.writeSheets("a"); err != nil {
		t.Fatal(err)
	}
	for name, there := range map[string]bool{"a.png": true, "a.torn.png": f.Torn > 0} {
		st, err := os.Stat(filepath.Join(b.sheet, name))
		if there && (err != nil || st.Size() < 10000) || !there && err == nil {
			t.Errorf("sheet %s: %v, %v", name, st, err)
		}
	}
	return f, r
}

// TestBenchLipsKnowsGoodFromBad: an engine that draws what is asked for passes,
// one that is late is found out, one that does nothing fails.
func TestBenchLipsKnowsGoodFromBad(t *testing.T) {
	good, _ := judged(t, func(*standLips) {})
	t.Logf("good: %+v", good)
	if good.HeightCorr < .95 || good.HeightLag != 0 || good.Closure < .95 || good.OwnShare != 1 || good.Outside != 0 {
		t.Errorf("an engine that draws what is asked for is judged %+v", good)
	}
	if good.WidthCorr < .75 || good.HeightError > .02 || good.Reliability < .9 || good.Noise > .02 {
		t.Errorf("an engine that draws what is asked for is judged %+v", good)
	}
	if good.PSNR < 40 || good.SSIM < .98 && !math.IsNaN(float64(good.SSIM)) || math.Abs(float64(good.Seam)-1) > .1 {
		t.Errorf("the speaker's own mouth drawn again is judged %+v", good)
	}
	if good.Torn != 0 || good.SSIMRatio < .95 || good.TwinSSIM < .8 {
		t.Errorf("an engine that draws what is asked for is judged %+v", good)
	}
	torn, _ := judged(t, func(l *standLips) {
		l.look = func(f *media.Frame) { // a dark wedge in the cheek
			for y := 190; y < 215; y++ {
				for x := 150; x < 150+(215-y)/2; x++ {
					f.Y[y*f.YStride+x] = 40
				}
			}
		}
	})
	if torn.TornShare < .95 || torn.Torn != torn.Frames {
		t.Errorf("a torn cheek is judged %+v", torn)
	}
	late, _ := judged(t, func(l *standLips) { l.late = 3 })
	if late.HeightLag != 3 {
		t.Errorf("3 frames late are judged %d", late.HeightLag)
	}
	idle, _ := judged(t, func(l *standLips) { l.idle = true })
	if idle.OwnShare != 0 || idle.Untouched != 1 || idle.HeightCorr > .5 {
		t.Errorf("an engine that does nothing is judged %+v", idle)
	}
	var table strings.Builder
	if err := printLips(&table, []lipsFigures{good, idle}); err != nil || !strings.Contains(table.String(), " !") {
		t.Errorf("table %q, %v", table.String(), err)
	}
}

func TestLipsClipsAreNearAcrossTheirEnds(t *testing.T) {
	c := &lipsClip{fps: 30, frames: make([]*media.Frame, 100)}
	at := func(i int) time.Duration { return time.Duration(i) * c.step() }
	for _, tt := range []struct {
		a, b int
		near bool
	}{{0, 12, true}, {0, 13, false}, {5, 205, true}, {95, 107, true}, {700, 613, false}, {799, 811, true}, {899, 912, false}} {
		if got := c.near(at(tt.a), at(tt.b)); got != tt.near {
			t.Errorf("%d and %d: %v", tt.a, tt.b, got)
		}
	}
	if eyes, ok := eyesOf(nil, 1); ok || eyes != (lipseval.Eyes{}) {
		t.Error("eyes of nobody")
	}
}
