package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"livedub/inference"
	"livedub/inference/lips/opening"
	"livedub/internal/bench/lipseval"
	"livedub/internal/bench/lipsfit"
	"livedub/media"
)

// lipsHeights holds openings that an eye has read, a number for each frame of a clip by its
// file's name, in distances between the eyes: those of clips whose colours deceive the estimator.
//
//go:embed lips_heights.json
var lipsHeights []byte

// fitClip is what one clip teaches.
type fitClip struct {
	name    string
	plain   []lipsfit.Sample // its frames as they are
	twisted []lipsfit.Sample // some of them, disturbed
}

const (
	fitFrames = 100 // of a clip, that teach
	fitTimes  = 6   // how often each is disturbed
)

// fit learns the reading of openings from the clips and writes it to a file. Before, it
// tells for each clip how a model that has not seen it reads it, and keeps those beside it.
func (b *lipsBench) fit(ctx context.Context, paths []string, to string, stdout io.Writer) error {
	var known map[string][]float64
	if err := json.Unmarshal(lipsHeights, &known); err != nil {
		return err
	}
	var clips []fitClip
	for _, path := range append(paths, drawnClip) {
		c, err := b.fitClip(ctx, path, known[filepath.Base(path)])
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
		clips = append(clips, c)
		b.say(fmt.Sprintf("%s: %d frames", c.name, len(c.plain)))
	}
	fmt.Fprintf(stdout, "correlation of a model with what it has not seen:\n")
	others := map[string][]byte{}
	for i, c := range clips {
		var rest []lipsfit.Sample
		for j, o := range clips {
			if j != i {
				rest = append(rest, o.twisted...)
			}
		}
		m, err := lipsfit.Fit(rest)
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%-24s %.3f\n", c.name, c.read(m))
		others[c.name] = m.Bytes()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	var all []lipsfit.Sample
	for _, c := range clips {
		all = append(all, c.twisted...)
	}
	m, err := lipsfit.Fit(all)
	if err != nil {
		return err
	}
	told, err := json.Marshal(others)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(to, m.Bytes(), 0o644), os.WriteFile(to+".others.json", told, 0o644))
}

// fitClip samples a clip. known are its openings; nil has the estimator read them.
func (b *lipsBench) fitClip(ctx context.Context, path string, known []float64) (fitClip, error) {
	out := fitClip{name: filepath.Base(path)}
	c, err := readLipsClip(ctx, path, b.frame.MaxWidth, b.frame.MaxHeight, false, mostLipsClip)
	if err != nil {
		return out, err
	}
	defer c.release()
	faces, err := c.track(ctx, b.faces, len(c.frames))
	if err != nil {
		return out, err
	}
	r := &lipsRun{b: b, clip: c, faces: faces}
	if known == nil {
		if err := r.learn(ctx); err != nil {
			return out, err
		}
	}
	seed := rand.New(rand.NewPCG(1, uint64(len(c.frames))))
	every := max(1, len(c.frames)/fitFrames)
	for i, f := range c.frames {
		eyes, ok := eyesOf(faces[i], 0)
		if !ok {
			continue
		}
		var height float64
		if known != nil {
			height = known[min(i, len(known)-1)]
		} else if m := r.est.Read(lipseval.View{Frame: f, Eyes: eyes}); m.Confidence > .2 {
			height = m.Height
		} else {
			continue
		}
		p, at := placeOf(f, faces[i][0])
		out.plain = append(out.plain, lipsfit.Sample{Features: p.Sample(at).Features(), Height: height, Weight: 1})
		for k := range fitTimes {
			if i%every == 0 {
				out.twisted = append(out.twisted, lipsfit.Sample{Features: lipsfit.Disturb(p, at, k%2 == 1, seed), Height: height})
			}
		}
	}
	for i := range out.twisted { // every clip counts alike
		out.twisted[i].Weight = 1 / float64(len(out.twisted))
	}
	return out, nil
}

// placeOf returns where the mouth of a face is.
func placeOf(f *media.Frame, face inference.Face) (opening.Plane, opening.Place) {
	l, r := face.MouthLeft, face.MouthRight
	eyes := math.Hypot(face.RightEye.X-face.LeftEye.X, face.RightEye.Y-face.LeftEye.Y) / max(math.Cos(face.Yaw), .8)
	wide := math.Hypot(r.X-l.X, r.Y-l.Y)
	return opening.Plane{Pix: f.Y, Stride: f.YStride, W: f.Width, H: f.Height}, opening.Place{
		X: (l.X + r.X) / 2, Y: (l.Y + r.Y) / 2, Ax: (r.X - l.X) / wide * eyes, Ay: (r.Y - l.Y) / wide * eyes,
	}
}

// read returns how a model's reading of the clip correlates with its openings.
func (c fitClip) read(m *opening.Model) float64 {
	var is, read []float64
	for _, s := range c.plain {
		is, read = append(is, s.Height), append(read, m.Height(s.Features))
	}
	return lipseval.Correlation(is, read)
}
