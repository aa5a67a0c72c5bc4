package inferencetest

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"livedub/inference"
	"livedub/media"
)

// TestFaces holds a tracker to its contract on the given frames, of which
// every one shows at least one face. The frames stay the caller's.
func TestFaces(t *testing.T, open func(*testing.T) inference.FaceTracker, frames []*media.Frame) {
	tracker := open(t)
	defer tracker.Close()
	look := func() [][]inference.Face {
		s, err := tracker.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var all [][]inference.Face
		for _, f := range frames {
			before := slices.Clone(f.Y)
			if err := s.Track(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(before, f.Y) {
				t.Fatal("the tracker changed the frame")
			}
		}
		for _, f := range frames {
			all = append(all, s.Faces(f.PTS))
		}
		return all
	}
	first := look()
	for i, faces := range first {
		if len(faces) == 0 {
			t.Errorf("frame %d: no face", i)
		}
		for n, f := range faces {
			checkFace(t, i, f, frames[i])
			if n > 0 && f.Size > faces[n-1].Size {
				t.Errorf("frame %d: faces are not largest first", i)
			}
		}
	}
	for i, faces := range look() {
		if !slices.Equal(faces, first[i]) {
			t.Errorf("frame %d: the second look differs from the first", i)
		}
	}
}

func checkFace(t *testing.T, frame int, f inference.Face, in *media.Frame) {
	t.Helper()
	for _, p := range []inference.Point{f.Center, f.LeftEye, f.RightEye, f.Nose, f.MouthLeft, f.MouthRight, f.UpperLip, f.LowerLip} {
		if math.IsNaN(p.X+p.Y) || p.X < -float64(in.Width) || p.X > 2*float64(in.Width) || p.Y < -float64(in.Height) || p.Y > 2*float64(in.Height) {
			t.Errorf("frame %d: point %v is far outside", frame, p)
		}
	}
	if f.Confidence < 0 || f.Confidence > 1 || f.Size <= 0 || f.ID == 0 {
		t.Errorf("frame %d: %+v", frame, f)
	}
	if f.LeftEye.X >= f.RightEye.X || f.MouthLeft.X >= f.MouthRight.X || f.UpperLip.Y > f.LowerLip.Y {
		t.Errorf("frame %d: left and right, or the lips, are exchanged: %+v", frame, f)
	}
}

// TestLips holds an engine to its contract: it renders in place, leaves the
// request's faces and shapes alone, gives the same frame for the same
// requests, and passes odd input without failing.
func TestLips(t *testing.T, open func(*testing.T) inference.Lips, frame *media.Frame, faces []inference.Face) {
	engine := open(t)
	defer engine.Close()
	shapes := []inference.MouthShape{{Open: .8, Wide: .5}, {Open: .4, Wide: .6}, {Close: 1, Wide: .5}}
	render := func(ctx context.Context, f *media.Frame, faces []inference.Face, n int) []byte {
		mouths, s := openLips(t, ctx, engine)
		defer mouths.Close()
		defer s.Close()
		own := f.Clone()
		defer own.Release()
		for i := range n {
			known, err := mouths.Learn(ctx, f, slices.Clone(faces))
			if err != nil {
				t.Fatal(err)
			}
			mouth := slices.Clone(shapes[i%len(shapes):])
			method, err := s.Render(ctx, inference.LipsRequest{Frame: own, Faces: slices.Clone(faces), Snapshot: known,
				Mouth: mouth, Amount: 1, Step: 40 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if method > inference.Net {
				t.Errorf("unknown method %d", method)
			}
			if !slices.Equal(mouth, shapes[i%len(shapes):]) {
				t.Error("the engine changed the mouth's plan")
			}
		}
		return slices.Clone(own.Y)
	}
	if !slices.Equal(render(t.Context(), frame, faces, 5), render(t.Context(), frame, faces, 5)) {
		t.Error("the same requests give another frame")
	}
	render(t.Context(), frame, nil, 1)
	tiny := media.NewFrame(2, 2)
	defer tiny.Release()
	clear(tiny.Y)
	render(t.Context(), tiny, faces, 1)

	ctx, cancel := context.WithCancel(t.Context())
	mouths, s := openLips(t, ctx, engine)
	defer mouths.Close()
	defer s.Close()
	cancel()
	own := frame.Clone()
	defer own.Release()
	if _, err := s.Render(ctx, inference.LipsRequest{Frame: own, Faces: faces, Mouth: shapes, Amount: 1}); err == nil {
		t.Error("rendering went on after its context had ended")
	}
}

func openLips(t *testing.T, ctx context.Context, engine inference.Lips) (inference.LipsSession, inference.LipsStream) {
	t.Helper()
	mouths, err := engine.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s, err := mouths.Dub(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return mouths, s
}
