package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"

	"livedub/inference"
	"livedub/internal/bench/lipseval"
	"livedub/media"
	"livedub/media/codec"
)

// calibrate reads the source again, moved by half a pixel and encoded anew: what
// the estimator then says differently is its own noise.
func (r *lipsRun) calibrate(ctx context.Context) error {
	n := min(len(r.clip.frames), len(r.faces))
	every := max(1, n/150)
	first := r.clip.frames[0]
	enc, err := codec.NewVideoEncoder(r.b.frame.Encoder(media.H264, first.Width, first.Height, r.clip.fps))
	if err != nil {
		return err
	}
	defer enc.Close()
	dec, err := codec.NewVideoDecoder(enc.Track())
	if err != nil {
		return err
	}
	defer dec.Close()
	var h, w [3][]float64 // plain, moved, encoded
	read := func(k int, f *media.Frame, eyes lipseval.Eyes) {
		m := r.est.Read(lipseval.View{Frame: f, Eyes: eyes})
		h[k], w[k] = append(h[k], m.Height), append(w[k], m.Width)
	}
	for i := range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		f := r.clip.at(i)
		p, err := enc.Encode(f, i == 0)
		var coded []*media.Frame
		if err == nil {
			coded, err = dec.Decode(p)
		}
		if eyes, ok := eyesOf(r.faces[i], 0); err == nil && ok && i%every == 0 && len(coded) == 1 {
			read(0, f, eyes)
			read(2, coded[0], eyes)
			moved := lipseval.Shift(f, .5)
			for _, q := range []*inference.Point{&eyes.Left, &eyes.Right} {
				q.X, q.Y = q.X+.5, q.Y+.5
			}
			read(1, moved, eyes)
			moved.Release()
		}
		for _, g := range coded {
			g.Release()
		}
		f.Release()
		if err != nil {
			return err
		}
	}
	var square float64
	for k := 1; k < 3; k++ {
		c, d := lipseval.Reliability(h[0], h[k])
		cw, _ := lipseval.Reliability(w[0], w[k])
		r.reliable += c / 2
		r.reliableW += cw / 2
		square += d * d / 2
	}
	r.noise = math.Sqrt(square)
	return nil
}

// figures sums the run up.
func (r *lipsRun) figures() lipsFigures {
	r.fillTargets()
	f := lipsFigures{
		Outside: r.outside, Eyes: figure(r.eyes / float64(max(1, r.frames))), Noise: figure(r.noise),
		Reliability: figure(r.reliable), WidthReliable: figure(r.reliableW), Frames: r.frames,
		OwnShare: r.share(inference.Own), Untouched: r.share(inference.Untouched),
		PSNR: figure(r.distortion.PSNR()), SSIM: figure(r.ssim / r.ssimN),
		Flicker: figure(r.flicker[1] / r.flicker[0]), Sharpness: figure(r.sharp[1] / r.sharp[0]), Seam: figure(r.seam[1] / r.seam[0]),
		PlanCorr: figure(lipseval.Correlation(r.open, r.height)),
	}
	again, twin := r.twins()
	f.SSIMRatio, f.TwinSSIM = figure(again/twin), figure(twin)
	f.Torn, f.TornShare = r.tornFrames()
	c, lag := lipseval.BestLag(r.targetHeight, r.height, 5)
	f.HeightCorr, f.HeightLag = figure(c), lag
	c, lag = lipseval.BestLag(r.targetWidth, r.width, 5)
	f.WidthCorr, f.WidthLag = figure(c), lag
	f.MouthCorr = r.follow(r.targetHeight, r.mouthHeight)
	f.MouthWidthCorr = r.follow(r.targetWidth, r.mouthWidth)

	// The engine's idea of where an opening begins may differ from the
	// estimator's: what both say of the source tells by how much.
	f.SourceAgreement = figure(lipseval.Correlation(r.readHeight, r.sourceHeight))
	f.WidthAgreement = figure(lipseval.Correlation(r.readWidth, r.sourceWidth))
	r.doubt(&f)
	f.SourceScale = figure(spreadOf(r.readHeight) / spreadOf(r.sourceHeight))
	var apart []float64
	for i, h := range r.readHeight {
		apart = append(apart, h-r.sourceHeight[i])
	}
	offset := lipseval.Quantile(apart, .5)
	f.SourceOffset = figure(offset)
	if math.IsNaN(offset) {
		offset = 0
	}
	var level []float64
	for _, h := range r.height {
		level = append(level, h+offset)
	}
	f.HeightError = figure(lipseval.MeanError(r.targetHeight, level))

	touches := r.touches()
	f.Touches = len(touches)
	f.Closure = figure(lipseval.Closure(touches, r.height, lipseval.ClosedBelow(r.sourceHeight, r.noise)))
	return f
}

// share returns how many of the frames scored were made in one way.
func (r *lipsRun) share(m inference.LipsMethod) figure {
	return figure(float64(r.methods[m]) / float64(max(1, r.frames)))
}

// spreadOf returns how far the middle nine tenths of v reach.
func spreadOf(v []float64) float64 { return lipseval.Quantile(v, .95) - lipseval.Quantile(v, .05) }

// firstScored returns the number of the first frame scored.
func (r *lipsRun) firstScored() int { return int((r.b.warm + r.clip.step() - 1) / r.clip.step()) }

// touches returns the numbers of the frames at the middle of each p, b and m.
func (r *lipsRun) touches() []int {
	var out []int
	first := r.firstScored()
	for _, m := range r.b.marks {
		at := int(math.Round(float64(m.At+m.Dur/2)/float64(r.clip.step()))) - first
		if m.Viseme == inference.VisemePP && at >= 0 && at < len(r.height) {
			out = append(out, at)
		}
	}
	return out
}

// fillTargets says what should have been in frames that the engine left
// untouched, from the plan and what it asked for in the others: a mouth that is
// not re-rendered is a mouth that is wrong.
func (r *lipsRun) fillTargets() {
	fill := func(target, plan []float64) {
		var n, x, y, xx, xy float64
		for i, t := range target {
			if !math.IsNaN(t) {
				n, x, y, xx, xy = n+1, x+plan[i], y+t, xx+plan[i]*plan[i], xy+plan[i]*t
			}
		}
		slope := 0.0
		if d := n*xx - x*x; d > 1e-9 {
			slope = (n*xy - x*y) / d
		}
		for i, t := range target {
			if math.IsNaN(t) && n > 0 {
				target[i] = (y-slope*x)/n + slope*plan[i]
			}
		}
	}
	fill(r.targetHeight, r.open)
	fill(r.targetWidth, r.planWide)
}

// goals of one figure, and whether it is met.
type lipsGoal struct {
	name, goal string
	value      func(f lipsFigures) string
	met        func(f lipsFigures) bool
}

func lipsGoals() []lipsGoal {
	number := func(digits int, get func(lipsFigures) figure) func(lipsFigures) string {
		return func(f lipsFigures) string {
			if math.IsNaN(float64(get(f))) {
				return "none"
			}
			return fmt.Sprintf("%.*f", digits, float64(get(f)))
		}
	}
	within := func(get func(lipsFigures) figure, low, high float64) func(lipsFigures) bool {
		return func(f lipsFigures) bool { v := float64(get(f)); return v >= low && v <= high }
	}
	big := math.Inf(1)
	h := func(f lipsFigures) figure { return f.HeightCorr }
	w := func(f lipsFigures) figure { return f.WidthCorr }
	e := func(f lipsFigures) figure { return f.HeightError }
	get := func(name, goal string, digits int, low, high float64, v func(lipsFigures) figure) lipsGoal {
		return lipsGoal{name, goal, number(digits, v), within(v, low, high)}
	}
	return []lipsGoal{
		{"height", ">= .90 r", number(3, h), func(f lipsFigures) bool { return h(f) >= .9*f.Reliability }},
		get("mouths", "", 3, -1, big, func(f lipsFigures) figure { return f.MouthCorr }),
		{"lag", "0 +-1", func(f lipsFigures) string { return fmt.Sprint(f.HeightLag) }, func(f lipsFigures) bool { return max(f.HeightLag, -f.HeightLag) <= 1 }},
		{"width", ">= .75 r", number(3, w), func(f lipsFigures) bool { return w(f) >= .75*f.WidthReliable }},
		{"error", "<= .015 .025", number(4, e), func(f lipsFigures) bool { return e(f) <= .015 || f.Eyes < 80 && e(f) <= .025 }},
		get("closure", ">= .90", 2, .9, big, func(f lipsFigures) figure { return f.Closure }),
		get("psnr", ">= 28", 1, 28, big, func(f lipsFigures) figure { return f.PSNR }),
		get("ssim/twin", ">= .95", 3, .95, big, func(f lipsFigures) figure { return f.SSIMRatio }),
		get("flicker", ".85-1.15", 2, .85, 1.15, func(f lipsFigures) figure { return f.Flicker }),
		get("sharp", ".85-1.15", 2, .85, 1.15, func(f lipsFigures) figure { return f.Sharpness }),
		get("seam", "<= 1.1", 2, 0, 1.1, func(f lipsFigures) figure { return f.Seam }),
		{"outside", "0", func(f lipsFigures) string { return fmt.Sprint(f.Outside) }, func(f lipsFigures) bool { return f.Outside == 0 }},
		{"torn", "0", func(f lipsFigures) string { return fmt.Sprint(f.Torn) }, func(f lipsFigures) bool { return f.Torn == 0 }},
		get("own", ">= .80", 2, .8, big, func(f lipsFigures) figure { return f.OwnShare }),
		get("cpu/floor", "<= 1.3", 2, 0, 1.3, func(f lipsFigures) figure { return f.CPU / f.Floor }),
		get("total/floor", "<= 2.5", 2, 0, 2.5, func(f lipsFigures) figure { return f.TotalCPU / f.Floor }),
	}
}

// printLips writes a row a clip; what misses its goal carries a mark.
func printLips(out io.Writer, all []lipsFigures) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	goals := lipsGoals()
	fmt.Fprint(t, "clip\teyes px\tnoise\tr height\tr width")
	for _, g := range goals {
		fmt.Fprint(t, "\t"+g.name)
	}
	fmt.Fprint(t, "\ngoal\t\t\t\t")
	for _, g := range goals {
		fmt.Fprint(t, "\t"+g.goal)
	}
	missed := 0
	for _, f := range all {
		fmt.Fprintf(t, "\n%s\t%.0f\t%.4f\t%.3f\t%.3f", f.Clip, float64(f.Eyes), float64(f.Noise), float64(f.Reliability), float64(f.WidthReliable))
		for _, g := range goals {
			mark := ""
			switch {
			case f.Judge == judgeUnsure && slices.Contains([]string{"height", "lag", "error", "closure"}, g.name):
				mark = " ?"
			case !g.met(f):
				mark = " !"
				missed++
			}
			fmt.Fprint(t, "\t"+g.value(f)+mark)
		}
	}
	fmt.Fprintln(t)
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d figures miss their goal (!); r is what the estimator agrees with itself; ? is an estimator that is unsure of this clip\n", missed)
	return err
}

// milliseconds returns a share of a time.
func milliseconds(d time.Duration, n int) figure {
	return figure(d.Seconds() * 1000 / float64(max(1, n)))
}
