package lips

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
	"livedub/inference/lips/neural"
	"livedub/media"
)

// testNet answers as a net of one item would, at once or after took.
type testNet struct {
	inference.ModelQueue // Inputs and Outputs
	make                 func(face []float32, mel []float32) []float32
	took                 time.Duration
	err                  error // of Submit
	wg                   sync.WaitGroup
	asked                []inference.ModelRequest
}

func (q *testNet) Submit(r inference.ModelRequest) (<-chan inference.ModelResult, error) {
	q.asked = append(q.asked, r)
	if q.err != nil {
		return nil, q.err
	}
	c := make(chan inference.ModelResult, 1)
	q.wg.Go(func() {
		time.Sleep(q.took)
		c <- inference.ModelResult{Out: []inference.Tensor{{Data: q.make(r.In[0].Data, r.In[1].Data)}}}
	})
	return c, nil
}

type shapes struct{ in, out []inference.TensorInfo }

func (s shapes) Inputs() []inference.TensorInfo  { return s.in }
func (s shapes) Outputs() []inference.TensorInfo { return s.out }
func (s shapes) Submit(inference.ModelRequest) (<-chan inference.ModelResult, error) {
	return nil, errors.ErrUnsupported
}

// withNet returns an engine with a net of Wav2Lip's kind, of which only settings name something else.
func withNet(t *testing.T, q *testNet, size int, settings string, c Config) *Lips {
	t.Helper()
	q.ModelQueue = shapes{
		[]inference.TensorInfo{{Name: "face", Shape: []int{-1, 6, size, size}}, {Name: "mel", Shape: []int{-1, 1, 80, 16}}},
		[]inference.TensorInfo{{Name: "out", Shape: []int{-1, 3, size, size}}},
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"n.onnx": "", "n.json": fmt.Sprintf(`{"kind": "wav2lip", "model": "n.onnx", "size": %d%s}`, size, settings)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m, err := neural.Load(filepath.Join(dir, "n.json"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Net, err = neural.New(m, q, nil); err != nil {
		t.Fatal(err)
	}
	return New(c)
}

// reference is a net that gives the face back as it was.
func reference(face, _ []float32) []float32 { return slices.Clone(face[len(face)/2:]) }

// begin opens a session's mouths and one dub of them.
func begin(t *testing.T, l *Lips) (inference.LipsSession, inference.LipsAhead) {
	t.Helper()
	m, err := l.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Dub(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return m, s.(inference.LipsAhead)
}

// trusted learns one frame again and again, until its face is trusted.
func trusted(t *testing.T, m inference.LipsSession, f *media.Frame, faces []inference.Face) (known inference.Snapshot) {
	t.Helper()
	for range 8 {
		f.PTS += tick
		var err error
		if known, err = m.Learn(t.Context(), f, faces); err != nil {
			t.Fatal(err)
		}
	}
	return known
}

// ahead begins and renders one frame of who.
func ahead(t *testing.T, l *Lips, who drawn, voice func(time.Duration, []int16)) (before, after *media.Frame, method inference.LipsMethod, trace Trace) {
	t.Helper()
	l.cfg.Trace = func(tr Trace) { trace = tr }
	m, s := begin(t, l)
	before = who.draw(picW, picH)
	r := inference.LipsRequest{Frame: before, Faces: []inference.Face{who.face(1)}, Amount: 1, Mouth: []inference.MouthShape{{Open: .5, Wide: .5}}, Step: tick, Voice: voice}
	r.Snapshot = trusted(t, m, before, r.Faces)
	s.Begin(t.Context(), r)
	after = before.Clone()
	r.Frame = after
	var err error
	if method, err = s.Render(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return before, after, method, trace
}

func quiet(_ time.Duration, pcm []int16) { clear(pcm) }

// TestNetsGeometry: a net that gives back what it sees leaves the frame nearly
// as it was, however the face is cut out: nothing is moved, mirrored or exchanged.
func TestNetsGeometry(t *testing.T) {
	for _, c := range []struct {
		size     int
		settings string
		roll     float64
		least    float64 // dB
	}{
		{96, ``, 0, 30},
		{256, ``, 0, 36},
		{256, `, "align": "similarity"`, .25, 36},
		{256, `, "align": "box", "pad": [0, 0.1, 0.1, 0]`, -.2, 36},
		{256, `, "channels": "RGB", "range": "-1..1"`, .1, 36},
	} {
		who := speaker()
		who.roll, who.height = c.roll, .12
		q := &testNet{make: reference}
		before, after, method, trace := ahead(t, withNet(t, q, c.size, c.settings, Config{}), who, quiet)
		if method != inference.Net || trace.Method != inference.Net {
			t.Fatalf("%d%s: %v", c.size, c.settings, method)
		}
		sameOutside(t, before, after, trace.Mask)
		var sum, n float64
		for y := trace.Mask.Min.Y; y < trace.Mask.Max.Y; y++ {
			for x := trace.Mask.Min.X; x < trace.Mask.Max.X; x++ {
				d := float64(before.Y[y*before.YStride+x]) - float64(after.Y[y*after.YStride+x])
				sum, n = sum+d*d, n+1
			}
		}
		if psnr := 10 * math.Log10(255*255*n/max(sum, 1)); psnr < c.least {
			t.Errorf("%d%s, roll %v: %.1f dB against the frame", c.size, c.settings, c.roll, psnr)
		}
		if sum == 0 {
			t.Errorf("%d%s: nothing was laid on", c.size, c.settings)
		}
		before.Release()
		after.Release()
		q.wg.Wait()
	}
}

// TestNetPaintsWhereAndWhatItSaid: a net that paints the mouth red, as strongly as
// the sound, is seen to do so on the mouth, in red, by the sound of that moment.
func TestNetPaintsWhereAndWhatItSaid(t *testing.T) {
	for _, settings := range []string{``, `, "channels": "RGB"`} {
		const size = 96
		red := 2 // of BGR
		if settings != "" {
			red = 0
		}
		paint := func(face, mel []float32) []float32 {
			out := reference(face, nil)
			var loud float32
			for _, v := range mel {
				loud += (v + 4) / 8 / float32(len(mel))
			}
			for y := 58; y < 70; y++ { // the mouth's place in a box, by the contract
				for x := 36; x < 60; x++ {
					for c := range 3 {
						out[c*size*size+y*size+x] = 0
					}
					out[red*size*size+y*size+x] = loud
				}
			}
			return out
		}
		seen := map[bool]float32{}
		for _, loud := range []bool{false, true} {
			voice := func(from time.Duration, pcm []int16) {
				for i := range pcm {
					// Noise from the frame's time on, silence before: what is played then.
					if at := from + time.Duration(i)*time.Second/48000; loud && at > 0 && at < 200*time.Millisecond {
						pcm[i] = int16((i*7919)%20011 - 10005)
					} else if at > 260*time.Millisecond || at < -40*time.Millisecond {
						pcm[i] = 30000 // not this frame's affair
					}
				}
			}
			q := &testNet{make: paint}
			before, after, method, _ := ahead(t, withNet(t, q, size, settings, Config{}), speaker(), voice)
			if method != inference.Net {
				t.Fatal(method)
			}
			p := speaker().pose()
			x, y := p.out(0, mouthBelow)
			_, v := frameOf(after).chroma(x, y)
			u, _ := frameOf(after).chroma(x, y)
			seen[loud] = v
			if loud && u > 128 {
				t.Errorf("%s: painted red, seen Cb %.0f", settings, u)
			}
			x, y = p.out(.75, mouthBelow) // beside the mouth
			if a, b := frameOf(before).luma(x, y), frameOf(after).luma(x, y); math.Abs(float64(a-b)) > 12 {
				t.Errorf("%s: the cheek went from %.0f to %.0f", settings, a, b)
			}
			before.Release()
			after.Release()
			q.wg.Wait()
		}
		if seen[false] > 140 || seen[true] < 160 {
			t.Errorf("%s: Cr of the mouth is %.0f in silence, %.0f with sound", settings, seen[false], seen[true])
		}
	}
}

// TestWithoutTheNetOwnMouthsStandIn: whatever keeps the net from answering in time
// or well, the frame goes out with the default method, and why is told.
func TestWithoutTheNetOwnMouthsStandIn(t *testing.T) {
	for name, c := range map[string]struct {
		q    *testNet
		want error
	}{
		"late":         {&testNet{make: reference, took: time.Hour}, inference.ErrModelLate},
		"busy":         {&testNet{err: inference.ErrModelBusy}, inference.ErrModelBusy},
		"out of range": {&testNet{make: func(face, _ []float32) []float32 { return slices.Repeat([]float32{9}, len(face)/2) }}, neural.ErrOutOfRange},
		"too short":    {&testNet{make: func([]float32, []float32) []float32 { return nil }}, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			var missed []error
			l := withNet(t, c.q, 96, ``, Config{Missed: func(err error) { missed = append(missed, err) }})
			m, s := begin(t, l)
			who := speaker()
			f := who.draw(picW, picH)
			defer f.Release()
			r := inference.LipsRequest{Frame: f, Faces: []inference.Face{who.face(1)}, Amount: 1, Mouth: []inference.MouthShape{{Open: .8, Wide: .5}}, Step: tick, Voice: quiet}
			r.Snapshot = trusted(t, m, f, r.Faces)
			r.Due = time.Now().Add(100 * time.Millisecond)
			s.Begin(t.Context(), r)
			synctest.Wait()
			r.Frame = f.Clone()
			defer r.Frame.Release()
			method, err := s.Render(t.Context(), r)
			if err != nil || method != inference.Warp {
				t.Errorf("%s: %v, %v", name, method, err)
			}
			if len(missed) != 1 || c.want != nil && !errors.Is(missed[0], c.want) {
				t.Errorf("%s: told %v", name, missed)
			}
			c.q.wg.Wait()
		})
	}
}

// TestNetIsAskedForNobodyElse: no face, no sound, no dubbed moment: no work.
func TestNetIsAskedForNobodyElse(t *testing.T) {
	q := &testNet{make: reference}
	m, s := begin(t, withNet(t, q, 96, ``, Config{}))
	who := speaker()
	f := who.draw(picW, picH)
	defer f.Release()
	faces := []inference.Face{who.face(1)}
	full := inference.LipsRequest{Frame: f, Faces: faces, Amount: 1, Mouth: []inference.MouthShape{{Wide: .5}}, Voice: quiet}
	full.Snapshot = trusted(t, m, f, faces)
	for name, change := range map[string]func(*inference.LipsRequest){
		"nobody":    func(r *inference.LipsRequest) { r.Snapshot = &view{} },
		"unknown":   func(r *inference.LipsRequest) { r.Snapshot = nil },
		"no sound":  func(r *inference.LipsRequest) { r.Voice = nil },
		"no amount": func(r *inference.LipsRequest) { r.Amount = 0 },
		"no plan":   func(r *inference.LipsRequest) { r.Mouth = nil },
	} {
		r := full
		change(&r)
		s.Begin(t.Context(), r)
		if len(q.asked) != 0 {
			t.Fatalf("%s: asked", name)
		}
	}
	for range 3 * mostBegun { // a session that never renders
		f.PTS += tick
		s.Begin(t.Context(), full)
	}
	if n := len(s.(*netStream).begun); n != mostBegun {
		t.Errorf("%d frames are kept", n)
	}
	q.wg.Wait()
}
