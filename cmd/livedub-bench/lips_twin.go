package main

import (
	"cmp"
	"math"
	"slices"
	"time"

	"livedub/internal/bench/lipseval"
	"livedub/media"
)

// twinEvery is of how many frames of the self-reconstruction one is compared with twins.
const twinEvery = 5

// remade is how alike the mouth of a frame and of its self-reconstruction are.
type remade struct {
	i    int // among those shown
	ssim float64
}

// keepRemade compares the mouth of frame i with its self-reconstruction.
func (r *lipsRun) keepRemade(i int, src, made *media.Frame, eyes lipseval.Eyes) {
	if i%twinEvery != 0 {
		return
	}
	v := lipseval.View{Frame: src, Eyes: eyes}
	if s := lipseval.SSIM(src, made, lipseval.MouthBox(v, r.est.Read(v))); !math.IsNaN(s) {
		r.remade = append(r.remade, remade{i, s})
	}
}

// twins returns the mean SSIM of mouths made again, and of the same mouths with the
// most alike ones of other moments of the clip.
func (r *lipsRun) twins() (again, twin float64) {
	type known struct {
		frame         int
		height, width float64
	}
	first := r.firstScored()
	var all []known
	for k := range min(len(r.sourceHeight), len(r.clip.frames)) {
		if !math.IsNaN(r.sourceHeight[k]) {
			all = append(all, known{first + k, r.sourceHeight[k], r.sourceWidth[k]})
		}
	}
	var n float64
	for _, m := range r.remade {
		k := m.i - first
		at := r.clip.at(m.i)
		eyes, ok := r.eyesIn(m.i, 0)
		best := math.Inf(-1)
		if ok && !math.IsNaN(r.sourceHeight[k]) {
			far := func(o known) float64 {
				return math.Abs(o.height-r.sourceHeight[k]) + .5*math.Abs(o.width-r.sourceWidth[k])
			}
			others := slices.DeleteFunc(slices.Clone(all), func(o known) bool {
				return r.clip.near(at.PTS, time.Duration(o.frame)*r.clip.step())
			})
			slices.SortStableFunc(others, func(a, b known) int { return cmp.Compare(far(a), far(b)) })
			v := lipseval.View{Frame: at, Eyes: eyes}
			box := lipseval.MouthBox(v, r.est.Read(v))
			for _, o := range others[:min(len(others), 3)] {
				if e, ok := r.eyesIn(o.frame, 0); ok {
					other := lipseval.View{Frame: r.clip.frames[o.frame%len(r.clip.frames)], Eyes: e}
					if s := lipseval.TwinSSIM(v, other, box); s > best {
						best = s
					}
				}
			}
		}
		at.Release()
		if !math.IsInf(best, -1) {
			again, twin, n = again+m.ssim, twin+best, n+1
		}
	}
	return again / n, twin / n
}
