// Package testspeaker tries faces and mouths on the drawn speaker, whose every
// point and opening is known: no recording of a person is needed.
package testspeaker

import (
	"context"
	"image"
	"math"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/inference/face"
	"livedub/inference/lips"
	"livedub/inference/viseme"
	"livedub/internal/testkit/testspeaker"
	"livedub/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	fps   = 30
	tick  = time.Second / fps
	ahead = 6 // frames between tracking and rendering: inference.FaceWindow and one more
)

// said is what the speaker says, and asked what the dub says: phonemes, "" a pause.
var (
	said = marksOf("", "w", "i", "n", "iː", "d", "m", "ɔː", "t", "aɪ", "m", "", "m", "aɪ", "b", "ɹ", "ʌ", "ð", "ɚ", "h", "æ", "z", "ə", "ɹ", "ɛ", "d", "k", "ɑː", "ɹ", "",
		"ð", "ə", "tʃ", "ɪ", "l", "d", "ɹ", "ə", "n", "p", "l", "eɪ", "ɪ", "n", "ð", "ə", "ɡ", "ɑː", "ɹ", "d", "ə", "n", "", "ɡ", "ʊ", "d", "m", "ɔː", "ɹ", "n", "ɪ", "ŋ", "ɛ", "v", "ɹ", "i", "w", "ʌ", "n", "")
	asked = marksOf("", "n", "e", "s", "e", "s", "i", "t", "a", "m", "o", "s", "m", "a", "s", "t", "j", "e", "m", "p", "o", "", "m", "i", "e", "ɾ", "m", "a", "n", "o",
		"t", "j", "e", "n", "e", "u", "n", "k", "o", "tʃ", "e", "r", "o", "x", "o", "", "b", "w", "e", "n", "o", "s", "d", "i", "a", "s", "a", "t", "o", "ð", "o", "s", "")
)

func marksOf(phonemes ...string) []inference.Mark {
	var marks []inference.Mark
	at := time.Duration(0)
	for _, p := range phonemes {
		dur := 85 * time.Millisecond
		switch v := viseme.Of(p); {
		case v == inference.VisemeRest:
			dur = 250 * time.Millisecond
		case v >= inference.VisemeA:
			dur = 130 * time.Millisecond
		}
		marks = append(marks, inference.Mark{IPA: p, Viseme: viseme.Of(p), At: at, Dur: dur})
		at += dur
	}
	return marks
}

// spoken returns the mouth of a speech that is said again and again.
func spoken(marks []inference.Mark, t time.Duration) inference.MouthShape {
	last := marks[len(marks)-1]
	return viseme.At(marks, t%(last.At+last.Dur))
}

// shown is one frame on its way through tracker and engine.
type shown struct {
	n      int
	drawn  inference.Face
	mouth  inference.MouthShape // as drawn
	faces  []inference.Face
	want   inference.MouthShape // of the dub
	before *media.Frame
	after  *media.Frame
	method inference.LipsMethod
	trace  lips.Trace
}

// show draws n frames and gives each, tracked and dubbed, to see.
func show(t *testing.T, w, h int, seed uint64, n int, see func(shown)) {
	t.Helper()
	d, err := testspeaker.NewDrawing(w, h, seed)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	tracker, err := face.New()
	if err != nil {
		t.Fatal(err)
	}
	faces, err := tracker.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer faces.Close()
	var trace lips.Trace
	mouths, err := lips.New(lips.Config{Trace: func(tr lips.Trace) { trace = tr }}).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer mouths.Close()
	dub, err := mouths.Dub(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer dub.Close()
	var line []*media.Frame
	for i := range n + ahead {
		if i < n {
			at := time.Duration(i) * tick
			f := d.Draw(at, spoken(said, at))
			if err := faces.Track(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			line = append(line, f)
		}
		if i < ahead {
			continue
		}
		s := shown{n: i - ahead, before: line[0]}
		line = line[1:]
		at := s.before.PTS
		s.mouth, s.faces = spoken(said, at), faces.Faces(at)
		s.drawn = d.Face(at, s.mouth)
		s.after = s.before.Clone()
		s.after.PTS = at
		if s.method, s.want, err = render(t.Context(), mouths, dub, s.after, s.faces); err != nil {
			t.Fatal(err)
		}
		s.trace = trace
		see(s)
		s.before.Release()
		s.after.Release()
	}
}

// render gives a frame the dub's mouth.
func render(ctx context.Context, mouths inference.LipsSession, dub inference.LipsStream, f *media.Frame, faces []inference.Face) (inference.LipsMethod, inference.MouthShape, error) {
	known, err := mouths.Learn(ctx, f, faces)
	if err != nil {
		return 0, inference.MouthShape{}, err
	}
	plan := make([]inference.MouthShape, 10)
	for k := range plan {
		plan[k] = spoken(asked, f.PTS+time.Duration(k)*tick)
	}
	method, err := dub.Render(ctx, inference.LipsRequest{Frame: f, Faces: faces, Snapshot: known, Mouth: plan, Amount: 1, Step: tick})
	return method, plan[0], err
}

// opening reads how far the lips are apart in a frame, in distances between
// the eyes, by the drawing's colours alone: the teeth are pale and the inside is dark, the lips red.
func opening(f *media.Frame, at inference.Face) float64 {
	ex, ey := at.RightEye.X-at.LeftEye.X, at.RightEye.Y-at.LeftEye.Y
	eyes := math.Hypot(ex, ey)
	ux, uy := -ey/eyes, ex/eyes // down the face
	const fine = 4              // steps a pixel
	var mean float64
	for _, aside := range []float64{-.06, -.03, 0, .03, .06} {
		x, y := (at.UpperLip.X+at.LowerLip.X)/2+aside*ex, (at.UpperLip.Y+at.LowerLip.Y)/2+aside*ey
		reach := int(.3 * eyes * fine)
		first, last := 0, -1
		for k := -reach; k <= reach; k++ {
			px, py := x+ux*float64(k)/fine, y+uy*float64(k)/fine
			luma, red := colour(f, px, py)
			if luma < 70 || red < 20 {
				if last < first {
					first = k
				}
				last = k
			}
		}
		mean += float64(last-first+1) / fine / eyes / 5
	}
	return mean
}

// colour reads a frame between its pixels: its brightness, and how red it is.
func colour(f *media.Frame, x, y float64) (luma, red float64) {
	read := func(b []byte, stride, w, h int, x, y float64) float64 {
		x, y = min(max(x, 0), float64(w-2)), min(max(y, 0), float64(h-2))
		i, u, v := int(y)*stride+int(x), x-math.Floor(x), y-math.Floor(y)
		return (float64(b[i])*(1-u)+float64(b[i+1])*u)*(1-v) + (float64(b[i+stride])*(1-u)+float64(b[i+stride+1])*u)*v
	}
	cx, cy := (x-.5)/2, (y-.5)/2
	return read(f.Y, f.YStride, f.Width, f.Height, x, y),
		read(f.V, f.UVStride, f.Width/2, f.Height/2, cx, cy) - read(f.U, f.UVStride, f.Width/2, f.Height/2, cx, cy)
}

// changedOutside counts the pixels that differ outside of a rectangle.
func changedOutside(a, b *media.Frame, r image.Rectangle) (n int) {
	for y := range a.Height {
		for x := range a.Width {
			if c := y/2*a.UVStride + x/2; !image.Pt(x, y).In(r) &&
				(a.Y[y*a.YStride+x] != b.Y[y*b.YStride+x] || a.U[c] != b.U[c] || a.V[c] != b.V[c]) {
				n++
			}
		}
	}
	return n
}
