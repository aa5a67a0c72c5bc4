package main

import (
	"image"
	"image/draw"

	"livedub/inference"
	"livedub/inference/lips"
	"livedub/internal/bench/lipseval"
	"livedub/internal/testkit/testspeaker"
	"livedub/media"
)

// tear looks for what is foreign in a frame that was dubbed.
func (r *lipsRun) tear(src, made *media.Frame, eyes lipseval.Eyes, t lips.Trace, dub, was lipseval.Mouth) lipseval.Tear {
	var mouth *lipseval.Face
	if t.Method == inference.Own {
		mouth = r.faceAt(int((t.Source+r.clip.step()/2)/r.clip.step()) % len(r.clip.frames))
	}
	a := lipseval.NewFace(lipseval.View{Frame: made, Eyes: eyes})
	b := lipseval.NewFace(lipseval.View{Frame: src, Eyes: eyes})
	return r.est.Tears(a, b, mouth, dub, was)
}

// maxFaces bounds the faces that are kept; an engine's mouths are fewer.
const maxFaces = 100

// faceAt returns the face in frame i of the clip; nil where none is known.
func (r *lipsRun) faceAt(i int) *lipseval.Face {
	if f, ok := r.sources[i]; ok {
		return f
	}
	if i >= len(r.faces) {
		return nil
	}
	eyes, seen := r.eyesIn(i, 0)
	if !seen {
		return nil
	}
	if len(r.sources) >= maxFaces {
		clear(r.sources)
	}
	f := lipseval.NewFace(lipseval.View{Frame: r.clip.frames[i], Eyes: eyes})
	r.sources[i] = f
	return f
}

// tornFrames returns how many of the frames scored are torn, and their share.
func (r *lipsRun) tornFrames() (int, figure) {
	n := 0
	for _, t := range r.tears {
		if t.Torn() {
			n++
		}
	}
	return n, figure(float64(n) / float64(max(1, r.frames)))
}

// tornFrame is a frame that was found torn, before and after.
type tornFrame struct {
	i         int
	tear      lipseval.Tear
	src, made *media.Frame
}

// maxTorn is how many torn frames of a clip are drawn, and apart how far they are, in frames.
const maxTorn, tornApart = 6, 8

// keepTorn keeps the frames that are torn the worst.
func (r *lipsRun) keepTorn(i int, tear lipseval.Tear, src, made *media.Frame) {
	drop := -1
	for k, t := range r.torn {
		if i-t.i < tornApart {
			drop = k // the worse of neighbours is kept
		}
	}
	if drop < 0 && len(r.torn) == maxTorn {
		drop = 0
		for k, t := range r.torn {
			if t.tear.Badness() < r.torn[drop].tear.Badness() {
				drop = k
			}
		}
	}
	if drop >= 0 {
		if r.torn[drop].tear.Badness() >= tear.Badness() {
			return
		}
		r.torn[drop].release()
		r.torn = append(r.torn[:drop], r.torn[drop+1:]...)
	}
	r.torn = append(r.torn, tornFrame{i, tear, src.Retain(), made.Retain()})
}

func (t tornFrame) release() {
	t.src.Release()
	t.made.Release()
}

// writeTorn draws the frames kept as they are, source above and dub below; a
// frame of lines stands around what is torn. Where nothing is, it writes nothing.
func (r *lipsRun) writeTorn(path string) error {
	if len(r.torn) == 0 {
		return nil
	}
	const gap = 6
	w, h := 0, 0
	for _, t := range r.torn {
		w, h = w+t.src.Width+gap, max(h, t.src.Height+gap)
	}
	sheet := image.NewRGBA(image.Rect(0, 0, w-gap, 2*h-gap))
	draw.Draw(sheet, sheet.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	x := 0
	for _, t := range r.torn {
		for row, f := range []*media.Frame{t.src, t.made} {
			at := image.Rect(x, row*h, x+f.Width, row*h+f.Height)
			draw.Draw(sheet, at, testspeaker.Image(f), image.Point{}, draw.Src)
			in := t.tear.At.Inset(-3).Add(at.Min).Intersect(at)
			for _, side := range []image.Rectangle{
				{in.Min, image.Pt(in.Max.X, in.Min.Y+1)}, {image.Pt(in.Min.X, in.Max.Y-1), in.Max},
				{in.Min, image.Pt(in.Min.X+1, in.Max.Y)}, {image.Pt(in.Max.X-1, in.Min.Y), in.Max},
			} {
				bar(sheet, side, estimateColour)
			}
		}
		x += t.src.Width + gap
	}
	return writePNG(path, sheet)
}
