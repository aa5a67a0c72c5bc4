package mouth

import (
	"cmp"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/internal/bench/lipseval"
	"livedub/internal/testkit/groundtest"
	"livedub/media"
)

// film makes a film by ffmpeg of clips, each an input of the filter graph, for a number of frames.
func film(t *testing.T, frames int, graph string, clips ...string) []*media.Frame {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		groundtest.Need(t, "no ffmpeg to make a film with")
	}
	args := []string{"-v", "error", "-nostdin"}
	for _, name := range clips {
		args = append(args, "-stream_loop", "-1", "-i", groundtest.Shared(t, "clips/"+name+"*"))
	}
	out := filepath.Join(t.TempDir(), "film.mp4")
	args = append(args, "-filter_complex", graph, "-map", "[out]", "-an", "-r", fmt.Sprint(fps), "-frames:v", fmt.Sprint(frames),
		"-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-pix_fmt", "yuv420p", "-threads", "1", out)
	if text, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, text)
	}
	shown, err := readFrames(t, out, frames)
	if err != nil {
		t.Fatal(err)
	}
	if len(shown) < frames-2 {
		t.Fatalf("the film has %d frames, want %d", len(shown), frames)
	}
	t.Cleanup(func() {
		for _, f := range shown {
			f.Release()
		}
	})
	return shown
}

// screening is a film that was dubbed, frame by frame.
type screening struct {
	t      *testing.T
	frames []*media.Frame
	faces  [][]inference.Face    // that the tracker saw
	est    []*lipseval.Estimator // by person
	made   map[string]int
	torn   []int
}

// screen dubs a film. teach are, for each person in it, the frames from which an
// estimator learns what the mouth looks like, to find what is torn: the one who was
// taught nearest before a frame is in it. see is shown each frame.
func screen(t *testing.T, frames []*media.Frame, teach [][]int, see func(p shown)) *screening {
	t.Helper()
	s := &screening{t: t, frames: frames, made: map[string]int{}}
	type seen struct {
		shown
		made *media.Frame
	}
	var all []seen
	c := begin(t, func(p shown) {
		how := p.method.String()
		if p.trace.Why != "" {
			how += " " + string(p.trace.Why)
		}
		s.made[how]++
		s.faces = append(s.faces, p.faces)
		if see != nil {
			see(p)
		}
		if p.changed > 0 {
			all = append(all, seen{p, p.after.Clone()})
		}
	})
	for i, f := range frames {
		g := again(f, time.Duration(i)*tick)
		c.takeSome(g, nil, true)
	}
	c.end()
	for _, of := range teach {
		var views []lipseval.View
		for _, i := range of {
			if v, ok := s.view(frames[i], i, 0); ok {
				views = append(views, v)
			}
		}
		est, err := lipseval.Learn(t.Context(), views)
		if err != nil {
			t.Fatal(err)
		}
		s.est = append(s.est, est)
	}
	whose := func(n int) *lipseval.Estimator {
		best, last := 0, -1
		for k, of := range teach {
			for _, i := range of {
				if i <= n && i > last {
					best, last = k, i
				}
			}
		}
		return s.est[best]
	}
	for _, p := range all {
		if s.tears(whose(p.n), p.shown, p.made) {
			s.torn = append(s.torn, p.n)
		}
		p.made.Release()
	}
	t.Logf("%s; torn: %v", s, s.torn)
	return s
}

// String tells how many frames got which mouth.
func (s *screening) String() string {
	var out []string
	for how, n := range s.made {
		out = append(out, fmt.Sprintf("%d %s", n, how))
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return strings.Join(out, ", ")
}

// view returns the face with an ID in frame i; 0: the first one.
func (s *screening) view(f *media.Frame, i, id int) (lipseval.View, bool) {
	for _, face := range s.faces[i] {
		if id == 0 || face.ID == id {
			return lipseval.View{Frame: f, Eyes: lipseval.Eyes{Left: face.LeftEye, Right: face.RightEye}}, true
		}
	}
	return lipseval.View{}, false
}

// tears tells whether a frame that was made is torn.
func (s *screening) tears(est *lipseval.Estimator, p shown, made *media.Frame) bool {
	tr := p.trace
	now, ok := s.view(made, p.n, tr.Face)
	if !ok {
		return false
	}
	came := now
	came.Frame = s.frames[p.n]
	var mouth *lipseval.Face
	if tr.Method == inference.Own {
		if v, ok := s.view(s.frames[tr.Source/tick], int(tr.Source/tick), 0); ok {
			mouth = lipseval.NewFace(v)
		}
	}
	return est.Tears(lipseval.NewFace(now), lipseval.NewFace(came), mouth, est.Read(now), est.Read(came)).Torn()
}

// every returns the numbers from one to another one by step.
func every(from, to, step int) (out []int) {
	for i := from; i < to; i += step {
		out = append(out, i)
	}
	return out
}
