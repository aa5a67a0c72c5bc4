package fake

import (
	"math"
	"testing"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/inference/inferencetest"
	"livedub/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func grey(w, h int) *media.Frame {
	f := media.NewFrame(w, h)
	for i := range f.Y {
		f.Y[i] = 128
	}
	for i := range f.U {
		f.U[i], f.V[i] = 128, 128
	}
	return f
}

func TestFacesContract(t *testing.T) {
	f := grey(320, 240)
	defer f.Release()
	inferencetest.TestFaces(t, func(*testing.T) inference.FaceTracker { return Faces{} }, []*media.Frame{f, f})
}

func TestLipsContract(t *testing.T) {
	f := grey(320, 240)
	defer f.Release()
	s, err := Faces{}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Track(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	inferencetest.TestLips(t, func(*testing.T) inference.Lips { return &Lips{} }, f, s.Faces(f.PTS))
}

func TestBarIsRead(t *testing.T) {
	for _, open := range []float64{0, .1, .5, 1} {
		f := grey(321, 241)
		l := &Lips{}
		if _, err := l.Render(t.Context(), inference.LipsRequest{Frame: f, Mouth: []inference.MouthShape{{Open: open}}}); err != nil {
			t.Fatal(err)
		}
		if got := ReadBar(f); math.Abs(got-open) > .005 {
			t.Errorf("painted %v, read %v", open, got)
		}
		if f.Y[BarWidth] != 128 {
			t.Error("painted beside the bar")
		}
		f.Release()
	}
}
