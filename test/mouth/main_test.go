// Package mouth shows tracker and mouths what they were not made for, as a
// session shows it to them: whatever comes, a mouth is on the speaker's face
// or the frame is as it was.
package mouth

import (
	"bytes"
	"image"
	"math"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/inference/face"
	"livedub/inference/lips"
	"livedub/inference/viseme"
	"livedub/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	fps  = 25
	tick = time.Second / fps
	warm = 36 // frames after which a speaker who talks is known
)

// shown is one frame that a call took, as it came and as it left.
type shown struct {
	n             int
	before, after *media.Frame
	truth         *inference.Face // where the speaker is
	anywhere      bool            // it does not matter whose mouth is made
	faces         []inference.Face
	method        inference.LipsMethod
	trace         lips.Trace
	traces        []lips.Trace    // of all mouths in it
	changed       int             // pixels
	middle        inference.Point // of what was changed
}

// call takes frames the way session/video and session/dub do: tracked
// at once, learnt from and rendered when those on which their faces rest have come.
type call struct {
	t      *testing.T
	faces  inference.FaceStream
	mouths inference.LipsSession
	dub    inference.LipsStream
	traces []lips.Trace
	plan   func(at time.Duration, r *inference.LipsRequest) bool // what is asked for, if set; false for nothing
	line   []shown                                               // frames that wait
	last   time.Duration
	step   time.Duration
	n      int
	see    func(shown)
}

// begin opens a call. Each frame that leaves it is checked, and given to see if that is set.
func begin(t *testing.T, see func(shown)) *call {
	t.Helper()
	return beginWith(t, lips.Config{}, see)
}

// beginWith is begin by an engine of settings.
func beginWith(t *testing.T, cfg lips.Config, see func(shown)) *call {
	t.Helper()
	tracker, err := face.New()
	if err != nil {
		t.Fatal(err)
	}
	c := &call{t: t, last: -1, step: tick, see: see}
	if c.faces, err = tracker.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg.Trace = func(tr lips.Trace) { c.traces = append(c.traces, tr) }
	engine := lips.New(cfg)
	if c.mouths, err = engine.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.dub, err = c.mouths.Dub(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, s := range c.line {
			s.before.Release()
		}
		for _, close := range []func() error{c.dub.Close, c.mouths.Close, c.faces.Close, engine.Close, tracker.Close} {
			if err := close(); err != nil {
				t.Error(err)
			}
		}
	})
	return c
}

// take takes over a frame. truth is where the speaker is in it: nil for nowhere.
func (c *call) take(f *media.Frame, truth *inference.Face) {
	c.t.Helper()
	c.takeSome(f, truth, false)
}

// takeSome is take; with anywhere it does not matter whose mouth is made.
func (c *call) takeSome(f *media.Frame, truth *inference.Face, anywhere bool) {
	c.t.Helper()
	if f.PTS <= c.last { // a session shows no time twice
		f.Release()
		return
	}
	c.last = f.PTS
	if err := c.faces.Track(c.t.Context(), f); err != nil {
		c.t.Errorf("frame %d: %v", c.n, err)
	}
	c.line = append(c.line, shown{n: c.n, before: f, truth: truth, anywhere: anywhere})
	c.n++
	for len(c.line) > 0 && c.line[0].before.PTS <= c.last-inference.FaceWindow {
		c.show()
	}
}

// end shows what waits.
func (c *call) end() {
	c.t.Helper()
	for len(c.line) > 0 {
		c.show()
	}
}

func (c *call) show() {
	c.t.Helper()
	s := c.line[0]
	c.line = c.line[1:]
	defer s.before.Release()
	at := s.before.PTS
	s.faces = c.faces.Faces(at)
	same := s.before.Clone()
	known, err := c.mouths.Learn(c.t.Context(), s.before, s.faces)
	if err != nil {
		c.t.Fatalf("frame %d: %v", s.n, err)
	}
	if !equal(same, s.before) {
		c.t.Fatalf("frame %d: learning changed it", s.n)
	}
	s.after = same
	defer s.after.Release()
	if len(s.faces) > 0 { // else a session does not ask
		plan := make([]inference.MouthShape, 10)
		for k := range plan {
			plan[k] = spoken(asked, at+time.Duration(k)*c.step)
		}
		c.traces = nil
		r := inference.LipsRequest{Frame: s.before, Faces: s.faces, Snapshot: known, Mouth: plan, Amount: 1, Step: c.step, Voice: buzz}
		if c.plan == nil || c.plan(at, &r) {
			c.render(&s, r)
		}
	}
	c.check(&s)
	if c.see != nil {
		c.see(s)
	}
}

// render makes the mouth, or mouths, of one frame.
func (c *call) render(s *shown, r inference.LipsRequest) {
	c.t.Helper()
	if ahead, ok := c.dub.(inference.LipsAhead); ok {
		ahead.Begin(c.t.Context(), r)
	}
	r.Frame = s.after
	var err error
	if s.method, err = c.dub.Render(c.t.Context(), r); err != nil {
		c.t.Fatalf("frame %d: %v", s.n, err)
	}
	if s.traces = c.traces; len(s.traces) > 0 {
		s.trace = s.traces[0]
	}
}

// buzz is what the dub of a call sounds like: all the time the same.
func buzz(_ time.Duration, pcm []int16) {
	for i := range pcm {
		pcm[i] = int16((i*7919)%20011 - 10005)
	}
}

// check holds every frame to what must be true whatever was in it.
func (c *call) check(s *shown) {
	c.t.Helper()
	if s.method == inference.Untouched {
		if !equal(s.before, s.after) {
			c.t.Errorf("frame %d: untouched, but changed", s.n)
		}
		return
	}
	var box image.Rectangle
	box, s.middle, s.changed = changes(s.before, s.after)
	var masks image.Rectangle
	for _, tr := range s.traces {
		masks = masks.Union(tr.Mask)
	}
	if !box.In(masks) {
		c.t.Errorf("frame %d: %v changed, beyond %v", s.n, box, masks)
	}
	if s.changed == 0 || s.anywhere {
		return
	}
	if s.truth == nil {
		c.t.Errorf("frame %d: a mouth (%v) at %v where no face is", s.n, s.method, box)
		return
	}
	eyes := apart(*s.truth)
	at := mouthOf(*s.truth)
	if d := math.Hypot(s.middle.X-at.X, s.middle.Y-at.Y) / eyes; d > .6 {
		c.t.Errorf("frame %d: a mouth %.2f eye distances beside the speaker's", s.n, d)
	}
	if far := 1.5 * eyes; float64(box.Min.X) < at.X-far || float64(box.Max.X) > at.X+far || float64(box.Min.Y) < at.Y-far || float64(box.Max.Y) > at.Y+far {
		c.t.Errorf("frame %d: %v changed, with the mouth at %.0f,%.0f and the eyes %.0f apart", s.n, box, at.X, at.Y, eyes)
	}
}

func equal(a, b *media.Frame) bool {
	return bytes.Equal(a.Y, b.Y) && bytes.Equal(a.U, b.U) && bytes.Equal(a.V, b.V)
}

// changes returns the box and the middle of what differs, and how many pixels do.
func changes(a, b *media.Frame) (box image.Rectangle, middle inference.Point, n int) {
	var sum float64
	for y := range a.Height {
		for x := range a.Width {
			i, c := y*a.YStride+x, y/2*a.UVStride+x/2
			if a.Y[i] == b.Y[i] && a.U[c] == b.U[c] && a.V[c] == b.V[c] {
				continue
			}
			n++
			box = box.Union(image.Rect(x, y, x+1, y+1))
			w := math.Abs(float64(a.Y[i])-float64(b.Y[i])) + 1e-3
			sum += w
			middle.X, middle.Y = middle.X+w*float64(x), middle.Y+w*float64(y)
		}
	}
	if n > 0 {
		middle.X, middle.Y = middle.X/sum, middle.Y/sum
	}
	return box, middle, n
}

func apart(f inference.Face) float64 {
	return math.Hypot(f.RightEye.X-f.LeftEye.X, f.RightEye.Y-f.LeftEye.Y)
}

func mouthOf(f inference.Face) inference.Point {
	return inference.Point{X: (f.MouthLeft.X + f.MouthRight.X) / 2, Y: (f.UpperLip.Y + f.LowerLip.Y) / 2}
}

// said is what speakers say, and asked what the dub says: phonemes, "" a pause.
var (
	said = marksOf("w", "i", "n", "iː", "d", "m", "ɔː", "t", "aɪ", "m", "æ", "b", "ɹ", "ʌ", "ð", "ɚ", "h", "æ", "z", "ə", "ɹ", "ɛ", "d", "k", "ɑː", "ɹ",
		"ð", "ə", "tʃ", "ɪ", "l", "d", "ɹ", "ə", "n", "p", "l", "eɪ", "ɪ", "n")
	asked = marksOf("n", "e", "s", "e", "s", "i", "t", "a", "m", "o", "s", "m", "a", "s", "t", "j", "e", "m", "p", "o", "m", "i", "e", "ɾ", "m", "a", "n", "o")
)

func marksOf(phonemes ...string) []inference.Mark {
	var marks []inference.Mark
	at := time.Duration(0)
	for _, p := range phonemes {
		v, dur := viseme.Of(p), 80*time.Millisecond
		if v >= inference.VisemeA {
			dur = 120 * time.Millisecond
		}
		marks = append(marks, inference.Mark{IPA: p, Viseme: v, At: at, Dur: dur})
		at += dur
	}
	return marks
}

// spoken returns the mouth of a speech that is said again and again.
func spoken(marks []inference.Mark, t time.Duration) inference.MouthShape {
	last := marks[len(marks)-1]
	return viseme.At(marks, t%(last.At+last.Dur))
}
