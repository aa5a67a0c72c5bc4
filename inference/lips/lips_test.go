package lips

import (
	"bytes"
	"image"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/inference/inferencetest"
	"livedub/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	picW, picH = 400, 360
	tick       = 40 * time.Millisecond
)

func speaker() drawn {
	return drawn{x: 200.3, y: 150.7, eyes: 80, width: .8, skin: 150}
}

// talk shows a speaker to m for n frames from time at on, and returns what is known of the last.
func talk(t *testing.T, m inference.LipsSession, who drawn, id, n int, at time.Duration) inference.Snapshot {
	t.Helper()
	var k inference.Snapshot
	for i := range n {
		d := who
		d.height = .13 + .13*math.Sin(float64(i)*.7)
		d.width = .8 + .1*math.Sin(float64(i)*.31)
		d.x += 2 * math.Sin(float64(i)*.2)
		f := d.draw(picW, picH)
		f.PTS = at + time.Duration(i)*tick
		var err error
		if k, err = m.Learn(t.Context(), f, []inference.Face{d.face(id)}); err != nil {
			t.Fatal(err)
		}
		f.Release()
	}
	return k
}

// render learns and renders one frame of who with a mouth of the given plan.
func render(t *testing.T, m inference.LipsSession, s inference.LipsStream, who drawn, id int, at time.Duration, amount float64, plan ...inference.MouthShape) (*media.Frame, inference.LipsMethod) {
	t.Helper()
	f := who.draw(picW, picH)
	f.PTS = at
	k, err := m.Learn(t.Context(), f, []inference.Face{who.face(id)})
	if err != nil {
		t.Fatal(err)
	}
	method, err := s.Render(t.Context(), inference.LipsRequest{Frame: f, Faces: []inference.Face{who.face(id)}, Snapshot: k, Mouth: plan, Amount: amount, Step: tick})
	if err != nil {
		t.Fatal(err)
	}
	return f, method
}

func open(t *testing.T, c Config) (*mouths, *stream) {
	t.Helper()
	m, err := New(c).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Dub(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return m.(*mouths), s.(*stream)
}

func TestContract(t *testing.T) {
	d := speaker()
	d.height = .1
	f := d.draw(picW, picH)
	defer f.Release()
	inferencetest.TestLips(t, func(*testing.T) inference.Lips { return New(Config{}) }, f, []inference.Face{d.face(1)})
}

func TestMeasureReadsDrawnMouths(t *testing.T) {
	for _, roll := range []float64{0, .2} {
		for _, h := range []float64{0, .05, .1, .2, .3} {
			d := speaker()
			d.roll, d.height = roll, h
			f := d.draw(picW, picH)
			s := measure(frameOf(f), poseOf(d.face(1)), d.face(1), &habits{reach: usualReach})
			if math.Abs(s.read[byColour]-h) > .02 || math.Abs(s.width-.8) > .04 {
				t.Errorf("roll %v, opening %v: read %.3f by colour, width %.3f", roll, h, s.read[byColour], s.width)
			}
			if math.Abs(s.height()-h) > .08 { // edges mean what they do on people
				t.Errorf("roll %v, opening %v: read %.3f, %.3f by edges", roll, h, s.height(), s.read[byEdges])
			}
			f.Release()
		}
	}
}

func TestRegisterFindsShift(t *testing.T) {
	d := speaker()
	f := d.draw(picW, picH)
	defer f.Release()
	p := d.pose()
	a := readGrid(frameOf(f), p)
	for _, shift := range [][2]float64{{0, 0}, {.03, -.02}, {-.06, .05}} {
		q := p
		q.x, q.y = p.out(shift[0], shift[1])
		dx, dy, rest := register(a, readGrid(frameOf(f), q))
		if math.Abs(dx+shift[0]) > .006 || math.Abs(dy+shift[1]) > .006 || rest > .2 {
			t.Errorf("moved by %v: found %.3f %.3f, rest %.2f", shift, -dx, -dy, rest)
		}
	}
}

func TestMouthFollowsThePlan(t *testing.T) {
	var trace Trace
	m, s := open(t, Config{Trace: func(tr Trace) { trace = tr }})
	talk(t, m, speaker(), 1, 60, 0)
	for i, open := range []float64{0, .3, .7, 1, .5, 0} {
		who := speaker()
		who.height = .15
		before := who.draw(picW, picH)
		f, method := render(t, m, s, who, 1, 3*time.Second+time.Duration(i)*tick, 1, inference.MouthShape{Open: open, Wide: .5})
		if method != inference.Own {
			t.Errorf("opening %v: %v", open, method)
		}
		if got := who.opening(f); math.Abs(got-trace.Height) > .06 {
			t.Errorf("asked for %.3f, see %.3f", trace.Height, got)
		}
		sameOutside(t, before, f, trace.Mask)
		if bytes.Equal(before.Y, f.Y) {
			t.Error("nothing changed")
		}
		before.Release()
		f.Release()
	}
}

func sameOutside(t *testing.T, a, b *media.Frame, mask image.Rectangle) {
	t.Helper()
	for y := range a.Height {
		for x := range a.Width {
			in := image.Pt(x, y).In(mask)
			if !in && a.Y[y*a.YStride+x] != b.Y[y*b.YStride+x] {
				t.Fatalf("pixel %d,%d changed outside %v", x, y, mask)
			}
			if c := y/2*a.UVStride + x/2; !in && (a.U[c] != b.U[c] || a.V[c] != b.V[c]) {
				t.Fatalf("colour at %d,%d changed outside %v", x, y, mask)
			}
		}
	}
}

func TestColdStartWarps(t *testing.T) {
	m, s := open(t, Config{})
	who := speaker()
	who.height = .12
	for i, open := range []float64{0, .5, 1} {
		f, method := render(t, m, s, who, 1, time.Duration(i)*tick+time.Second, 1, inference.MouthShape{Open: open, Wide: .5})
		_, _ = render(t, m, s, who, 1, time.Duration(i)*tick+time.Second+tick/2, 1, inference.MouthShape{Open: open, Wide: .5})
		if i > 0 && method != inference.Warp {
			t.Errorf("%v", method)
		}
		f.Release()
	}
}

func TestAmountLeadsFromTheOwnMouth(t *testing.T) {
	m, s := open(t, Config{})
	talk(t, m, speaker(), 1, 60, 0)
	who := speaker()
	who.height = .24
	last := math.Inf(1)
	for i, amount := range []float64{.2, .6, 1} {
		f, _ := render(t, m, s, who, 1, 3*time.Second+time.Duration(i)*tick, amount, inference.MouthShape{Wide: .5, Close: 1})
		got := who.opening(f)
		if got > last-.005 {
			t.Errorf("amount %v: opening %.3f after %.3f", amount, got, last)
		}
		last = got
		f.Release()
	}
	f, method := render(t, m, s, who, 1, 4*time.Second, 0, inference.MouthShape{})
	before := who.draw(picW, picH)
	if method != inference.Untouched || !bytes.Equal(f.Y, before.Y) {
		t.Errorf("amount 0: %v", method)
	}
	f.Release()
	before.Release()
}

func TestFacesParkAndResume(t *testing.T) {
	m, _ := open(t, Config{})
	talk(t, m, speaker(), 1, 40, 0)
	atlas := m.atlas
	// Strangers come and go; only the latest stay parked.
	for i := range maxParked + 1 {
		if i == maxParked {
			talk(t, m, speaker(), 50, 1, time.Minute)
			if m.atlas != atlas {
				t.Error("the speaker came back as a stranger")
			}
		}
		stranger := *atlas
		stranger.entries = slices.Clone(atlas.entries)
		for k, e := range stranger.entries {
			other := *e
			for j := range other.like {
				other.like[j] = float32((j>>i)%2)*2 - 1
			}
			stranger.entries[k] = &other
		}
		l := stranger.entries[0].like
		m.meet(10+i, &l, stranger.entries[0].nose)
		if len(m.atlas.entries) > 0 {
			t.Fatalf("stranger %d was taken for somebody", i)
		}
		m.atlas.entries = stranger.entries
	}
	if len(m.parked) != maxParked || m.bytes() > maxBytes {
		t.Errorf("%d parked, %d bytes", len(m.parked), m.bytes())
	}
}

func TestCoveredMouthIsLeftAlone(t *testing.T) {
	m, s := open(t, Config{})
	talk(t, m, speaker(), 1, 60, 0)
	who := speaker()
	who.hand = true
	var method inference.LipsMethod
	for i := range 6 {
		var f *media.Frame
		f, method = render(t, m, s, who, 1, 3*time.Second+time.Duration(i)*tick, 1, inference.MouthShape{Open: .5, Wide: .5})
		f.Release()
	}
	if method != inference.Untouched {
		t.Errorf("a hand before the mouth: %v", method)
	}
}

func TestLimits(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*inference.Face)
		want   float64
	}{
		"as it is":          {func(*inference.Face) {}, 1},
		"turned away":       {func(f *inference.Face) { f.Yaw = .8 }, 0},
		"looking up":        {func(f *inference.Face) { f.Pitch = -.7 }, 0},
		"lying":             {func(f *inference.Face) { f.Roll = 1 }, 0},
		"not sure":          {func(f *inference.Face) { f.Confidence = .05 }, 0},
		"small":             {func(f *inference.Face) { f.RightEye.X = f.LeftEye.X + 18 }, 0},
		"half small":        {func(f *inference.Face) { f.RightEye = f.LeftEye; f.RightEye.X += 26 }, .5},
		"half turned":       {func(f *inference.Face) { f.Yaw = .6 }, .5},
		"larger than meant": {func(f *inference.Face) { f.RightEye.X = f.LeftEye.X + 600 }, 0},
	} {
		f := speaker().face(1)
		tc.change(&f)
		if got := trust(f); math.Abs(got-tc.want) > .01 {
			t.Errorf("%s: trust %.2f, want %.2f", name, got, tc.want)
		}
	}
}

func TestLargestSteadyFace(t *testing.T) {
	m, _ := open(t, Config{})
	f := media.NewFrame(64, 64)
	defer f.Release()
	f.PTS = time.Second
	small, large, fresh := speaker().face(1), speaker().face(2), speaker().face(3)
	small.Size, large.Size, fresh.Size = 100, 110, 300
	fresh.Since = f.PTS
	faces := []inference.Face{fresh, large, small}
	if got, _, ok := m.choose(faces, f); !ok || got.ID != 2 {
		t.Errorf("chose %d", got.ID)
	}
	m.face, m.trust, m.turn = 1, 1, 1
	if got, stays, _ := m.choose(faces, f); got.ID != 1 || !stays {
		t.Errorf("took turns: %d", got.ID)
	}
	// Another one's mouth moves: the face before fades out first.
	m.seen[2] = &activity{at: f.PTS, sum: 1}
	if got, stays, _ := m.choose(faces, f); got.ID != 1 || stays {
		t.Errorf("left at once: %d, %v", got.ID, stays)
	}
	m.turn = 0
	if got, stays, _ := m.choose(faces, f); got.ID != 2 || !stays {
		t.Errorf("did not leave: %d, %v", got.ID, stays)
	}
}

// TestDubsShareWhatIsKnown renders two dubs beside the learning, as a session does.
func TestDubsShareWhatIsKnown(t *testing.T) {
	m, _ := open(t, Config{})
	talk(t, m, speaker(), 1, 30, 0)
	var wg sync.WaitGroup
	work := make([]chan inference.LipsRequest, 2)
	out := make([][]byte, 2)
	for i := range work {
		work[i] = make(chan inference.LipsRequest, 64)
		s, err := m.Dub(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for r := range work[i] {
				if _, err := s.Render(t.Context(), r); err != nil {
					t.Error(err)
				}
				out[i] = append(out[i], r.Frame.Y...)
				r.Frame.Release()
			}
		})
	}
	for i := range 20 {
		d := speaker()
		d.height = .02 * float64(i%10)
		f := d.draw(picW, picH)
		f.PTS = 2*time.Second + time.Duration(i)*tick
		k, err := m.Learn(t.Context(), f, []inference.Face{d.face(1)})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range work {
			w <- inference.LipsRequest{Frame: f.Clone(), Snapshot: k, Mouth: []inference.MouthShape{{Open: float64(i%5) / 5, Wide: .5}}, Amount: 1, Step: tick}
		}
		f.Release()
	}
	for _, w := range work {
		close(w)
	}
	wg.Wait()
	if !bytes.Equal(out[0], out[1]) {
		t.Error("two dubs with the same plan differ")
	}
}

func FuzzOddFaces(f *testing.F) {
	f.Add(200.0, 150.0, 80.0, 0.0, .5, .1)
	f.Add(-5.0, 1e9, 30.0, 3.0, -1.0, math.Inf(1))
	f.Fuzz(func(t *testing.T, x, y, eyes, roll, wide, height float64) {
		d := drawn{x: x, y: y, eyes: eyes, roll: roll, height: height, width: .8, skin: 150}
		pic := media.NewFrame(161, 121)
		defer pic.Release()
		for i := range pic.Y {
			pic.Y[i] = byte(i)
		}
		clear(pic.U)
		clear(pic.V)
		m, s := open(t, Config{})
		for i := range 4 {
			pic.PTS = time.Duration(i) * tick
			k, err := m.Learn(t.Context(), pic, []inference.Face{d.face(1)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Render(t.Context(), inference.LipsRequest{Frame: pic, Snapshot: k, Amount: 1, Step: tick,
				Mouth: []inference.MouthShape{{Open: wide, Wide: wide}}}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkRender720p(b *testing.B) {
	engine := New(Config{})
	m, _ := engine.Open(b.Context())
	s, _ := m.Dub(b.Context())
	var frames []*media.Frame
	var faces []inference.Face
	for i := range 24 {
		d := drawn{x: 640, y: 330, eyes: 120, height: .15 + .15*math.Sin(float64(i)*.7), width: .8, skin: 150}
		f := d.draw(1280, 720)
		frames, faces = append(frames, f), append(faces, d.face(1))
	}
	own := media.NewFrame(1280, 720)
	i := 0
	for b.Loop() {
		f := frames[i%len(frames)]
		f.PTS = time.Duration(i) * tick
		k, err := m.Learn(b.Context(), f, faces[i%len(frames):][:1])
		if err != nil {
			b.Fatal(err)
		}
		copy(own.Y, f.Y)
		own.PTS = f.PTS
		if _, err := s.Render(b.Context(), inference.LipsRequest{Frame: own, Snapshot: k, Amount: 1, Step: tick,
			Mouth: []inference.MouthShape{{Open: float64(i%7) / 7, Wide: .5}, {Open: .5, Wide: .5}}}); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
