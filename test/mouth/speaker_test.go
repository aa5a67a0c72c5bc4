package mouth

import (
	"errors"
	"io"
	"math"
	"sync"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/face"
	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/testspeaker"
	"livedub/media"
	"livedub/media/codec"
	"livedub/media/file"
)

// speaker is somebody who talks, forth and back without end.
type speaker struct {
	frames []*media.Frame
	faces  []inference.Face // where they are

	once  sync.Once
	usual *speaker // as plain shows them
}

// at returns frame i and the face in it.
func (s *speaker) at(i int) (*media.Frame, inference.Face) {
	n := len(s.frames)
	if i %= 2 * n; i >= n {
		i = 2*n - 1 - i
	}
	return s.frames[i], s.faces[i]
}

// speakers are made once for all tests.
var speakers sync.Map // name -> func() (*speaker, error)

func known(t *testing.T, name string, load func() (*speaker, error)) *speaker {
	t.Helper()
	once, _ := speakers.LoadOrStore(name, sync.OnceValues(load))
	s, err := once.(func() (*speaker, error))()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// drawn returns the drawn head of a seed, in frames of 360x360, about 59 pixels between the eyes.
func drawn(t *testing.T, seed uint64) *speaker {
	return known(t, "drawn"+string(rune('0'+seed)), func() (*speaker, error) {
		d, err := testspeaker.NewDrawing(360, 360, seed)
		if err != nil {
			return nil, err
		}
		defer d.Close()
		s := &speaker{}
		for i := range 60 {
			at := time.Duration(i) * tick
			mouth := spoken(said, at)
			s.frames = append(s.frames, d.Draw(at, mouth))
			s.faces = append(s.faces, d.Face(at, mouth))
		}
		return s, nil
	})
}

// clip returns a recorded speaker, and skips where there is none.
func clip(t *testing.T, name string) *speaker {
	t.Helper()
	path := groundtest.Shared(t, "clips/"+name+"*")
	return known(t, name, func() (*speaker, error) { return readClip(t, path) })
}

func readClip(t *testing.T, path string) (*speaker, error) {
	frames, err := readFrames(t, path, 60)
	if err != nil {
		return nil, err
	}
	s := &speaker{frames: frames}
	return s, s.locate(t)
}

// readFrames returns the first n frames of a file.
func readFrames(t *testing.T, path string, n int) (out []*media.Frame, err error) {
	src, err := file.Open(path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	var track media.Track
	for _, tr := range src.Tracks() {
		if tr.Kind == media.Video {
			track = tr
		}
	}
	dec, err := codec.NewVideoDecoder(track)
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	for len(out) < n {
		p, err := src.Read(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if p.Kind != media.Video {
			continue
		}
		frames, err := dec.Decode(p)
		if err != nil {
			return nil, err
		}
		for _, f := range frames {
			out = append(out, f.Clone())
			f.Release()
		}
	}
	return out, nil
}

// locate finds out where the speaker is in their own good frames.
func (s *speaker) locate(t *testing.T) error {
	tracker, err := face.New()
	if err != nil {
		return err
	}
	defer tracker.Close()
	faces, err := tracker.Open(t.Context())
	if err != nil {
		return err
	}
	defer faces.Close()
	const ahead = 5
	for i := range len(s.frames) + ahead {
		if i < len(s.frames) {
			s.frames[i].PTS = time.Duration(i) * tick
			if err := faces.Track(t.Context(), s.frames[i]); err != nil {
				return err
			}
		}
		if i >= ahead {
			found := faces.Faces(time.Duration(i-ahead) * tick)
			if len(found) != 1 {
				return errors.New("a clip of one speaker does not show one face")
			}
			s.faces = append(s.faces, found[0])
		}
	}
	return nil
}

// placed is a turn, a size and a place of a frame within another: a
// similarity, and mirrored or not.
type placed struct {
	x, y   float64 // where the frame's corner goes
	scale  float64
	turn   float64 // radians, clockwise
	mirror bool
	w      float64 // width of the mirrored frame
}

func (p placed) out(q inference.Point) inference.Point {
	if p.mirror {
		q.X = p.w - 1 - q.X
	}
	s, c := math.Sincos(p.turn)
	return inference.Point{X: p.x + p.scale*(c*q.X-s*q.Y), Y: p.y + p.scale*(s*q.X+c*q.Y)}
}

func (p placed) in(q inference.Point) inference.Point {
	s, c := math.Sincos(p.turn)
	x, y := (q.X-p.x)/p.scale, (q.Y-p.y)/p.scale
	q = inference.Point{X: c*x + s*y, Y: c*y - s*x}
	if p.mirror {
		q.X = p.w - 1 - q.X
	}
	return q
}

// face maps a face.
func (p placed) face(f inference.Face) inference.Face {
	for _, q := range []*inference.Point{&f.Center, &f.LeftEye, &f.RightEye, &f.Nose, &f.MouthLeft, &f.MouthRight, &f.UpperLip, &f.LowerLip} {
		*q = p.out(*q)
	}
	if p.mirror {
		f.LeftEye, f.RightEye, f.MouthLeft, f.MouthRight = f.RightEye, f.LeftEye, f.MouthRight, f.MouthLeft
	}
	f.Size *= p.scale
	return f
}

// at returns where f goes so that the middle between the eyes is at x, y and the eyes are eyes pixels apart.
func at(f inference.Face, x, y, eyes float64) placed {
	p := placed{scale: eyes / apart(f)}
	m := p.out(inference.Point{X: (f.LeftEye.X + f.RightEye.X) / 2, Y: (f.LeftEye.Y + f.RightEye.Y) / 2})
	p.x, p.y = x-m.X, y-m.Y
	return p
}
