package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"text/tabwriter"
	"time"

	"livedub/inference"
	"livedub/internal/bench/lipseval"
)

// variantFigures is what `livedub bench lips --relight` tells of one clip in
// another light; docs/LIPS-EVALUATION.md explains each.
type variantFigures struct {
	Clip       string `json:"clip"`
	Variant    string `json:"variant"`
	HeightCorr figure `json:"height_corr"`
	MouthCorr  figure `json:"mouth_corr"` // likewise, of what the mouths that were taken are in the plain clip
	Torn       int    `json:"torn"`       // frames
	HeightLag  int    `json:"height_lag_frames"`
	SeenCorr   figure `json:"seen_corr"`          // height_corr as the estimator reads there
	Below      figure `json:"below_plain"`        // the plain clip's height_corr less this one's
	MouthBelow figure `json:"mouths_below_plain"` // likewise of mouth_corr
	Allowed    figure `json:"allowed"`            // so much may be
	ReadCorr   figure `json:"read_corr"`          // the engine's reading of the source, with the truth
	JudgeCorr  figure `json:"judge_corr"`         // the estimator's, likewise
	TornShare  figure `json:"torn_share"`
	OwnShare   figure `json:"own_share"`
	Untouched  figure `json:"untouched_share"`
	Frames     int    `json:"pictures"`
}

// met tells whether the light did no harm: to what the estimator sees in the dub or, as
// its own errors grow in bad light, to which mouths were taken.
func (f variantFigures) met() bool {
	return (f.Below <= f.Allowed || f.MouthBelow <= f.Allowed) && f.Torn == 0
}

// Variants are shorter than the bench, for there are many.
const (
	lightLength = 13 * time.Second
	lightWarm   = 5 * time.Second
	lightClip   = 8 * time.Second // of the clip
)

// relit is a clip in its own light, by which its variants are judged.
type relit struct {
	b     *lipsBench
	name  string
	plain *lipsRun
	truth []float64 // heights, by frame scored
}

// relight measures all variants of one clip; each has the limit of a clip. What
// cannot be measured is named and left out.
func (b *lipsBench) relight(ctx context.Context, path string) ([]variantFigures, error) {
	lit := *b
	lit.length, lit.warm = lightLength, lightWarm
	c, err := readLipsClip(ctx, path, b.frame.MaxWidth, b.frame.MaxHeight, false, lightClip)
	if err != nil {
		return nil, err
	}
	defer c.release()
	l := &relit{b: &lit, name: filepath.Base(path), plain: newLipsRun(&lit, c)}
	if l.plain.byEye, err = lipsByEye(l.name); err != nil {
		return nil, err
	}
	if err := b.limited(ctx, l.read); err != nil {
		return nil, err
	}
	var out []variantFigures
	var names []string
	var errs []error
	for _, v := range lipsVariants() {
		var f variantFigures
		err := b.limited(ctx, func(ctx context.Context) (err error) {
			f, err = l.variant(ctx, v)
			return err
		})
		if err != nil {
			names, errs = append(names, v.name), append(errs, err)
			continue
		}
		if len(out) > 0 {
			f.Below, f.MouthBelow = out[0].HeightCorr-f.HeightCorr, out[0].MouthCorr-f.MouthCorr
		}
		out = append(out, f)
		b.say(fmt.Sprintf("%s, %s: height %.3f, mouths %.3f, read %.3f, judge %.3f, torn %d", f.Clip, f.Variant, f.HeightCorr, f.MouthCorr, f.ReadCorr, f.JudgeCorr, f.Torn))
	}
	return out, named(names, errs)
}

// read learns the speaker from the plain clip and reads the truth.
func (l *relit) read(ctx context.Context) (err error) {
	r := l.plain
	n, look := r.shown()
	if r.faces, err = r.clip.track(ctx, l.b.faces, n+look); err != nil {
		return err
	}
	if err = r.learn(ctx); err != nil {
		return err
	}
	for i := range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Duration(i)*r.clip.step() < l.b.warm {
			continue
		}
		height := math.NaN()
		if eyes, ok := r.eyesIn(i, 0); ok {
			height = r.est.Read(lipseval.View{Frame: r.clip.frames[i%len(r.clip.frames)], Eyes: eyes}).Height
		}
		l.truth = append(l.truth, height)
	}
	return nil
}

// variant measures one.
func (l *relit) variant(ctx context.Context, v lipsVariant) (variantFigures, error) {
	frames, err := v.change(l.b, l.plain.clip)
	if err != nil {
		return variantFigures{}, err
	}
	c := &lipsClip{frames: frames, fps: l.plain.clip.fps}
	defer c.release()
	if len(c.frames) != len(l.plain.clip.frames) {
		return variantFigures{}, fmt.Errorf("it has %d frames of %d", len(c.frames), len(l.plain.clip.frames))
	}
	r := newLipsRun(l.b, c)
	r.truth = l.plain
	defer r.release()
	if r.faces, err = c.track(ctx, l.b.faces, len(l.plain.faces)); err != nil {
		return variantFigures{}, err
	}
	for i := range l.plain.faces {
		eyes, ok := l.plain.eyesIn(i, 0)
		if v.eyes != nil {
			eyes = v.eyes(eyes, l.plain.clip.frames[0].Width)
		}
		r.given = append(r.given, sight{eyes, ok})
	}
	if r.est = l.plain.est; !v.same {
		if r.est, err = l.taught(ctx, r); err != nil {
			return variantFigures{}, err
		}
	}
	if err := r.play(ctx, false); err != nil {
		return variantFigures{}, err
	}
	if l.b.sheet != "" {
		if err := r.writeSheets(l.name + "." + v.name); err != nil {
			return variantFigures{}, err
		}
	}
	r.fillTargets()
	f := variantFigures{Clip: l.name, Variant: v.name, MouthBelow: figure(math.NaN()), Allowed: figure(v.within), Frames: r.frames}
	corr, lag := lipseval.BestLag(r.targetHeight, r.height, 5)
	f.SeenCorr, f.HeightLag = figure(corr), lag
	f.ReadCorr = figure(lipseval.Correlation(l.truth, r.readOpen))
	f.JudgeCorr = figure(lipseval.Correlation(l.truth, r.sourceHeight))
	f.MouthCorr = r.follow(r.targetHeight, r.mouthHeight)
	f.HeightCorr = comparable(f.SeenCorr, f.JudgeCorr)
	f.Torn, f.TornShare = r.tornFrames()
	f.OwnShare, f.Untouched = r.share(inference.Own), r.share(inference.Untouched)
	return f, nil
}

// leastJudge is how well the estimator must read a variant for its errors to be taken out.
const leastJudge = .8

// comparable takes out of a correlation what the estimator's own errors take from
// it (Spearman's correction for attenuation), so that it compares with the plain
// clip's. An estimator that reads too badly is not made up for.
func comparable(seen, judge figure) figure {
	return min(seen/max(judge, leastJudge), 1)
}

// taught returns an estimator for the variant's colours.
func (l *relit) taught(ctx context.Context, r *lipsRun) (*lipseval.Estimator, error) {
	var known, other []lipseval.View
	for i := range min(len(r.clip.frames), len(r.given)) {
		if eyes, ok := l.plain.eyesIn(i, 0); ok {
			known = append(known, lipseval.View{Frame: l.plain.clip.frames[i], Eyes: eyes})
			other = append(other, lipseval.View{Frame: r.clip.frames[i], Eyes: r.given[i].eyes})
		}
	}
	return l.plain.est.Taught(ctx, known, other)
}

// printVariants writes a row a clip and a column a variant; what misses its goal carries a mark.
func printVariants(out io.Writer, all []variantFigures) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "height in")
	for _, v := range lipsVariants() {
		fmt.Fprint(t, "\t"+v.name)
	}
	missed, clip, column := 0, "", 0
	for _, f := range all {
		if f.Clip != clip {
			clip, column = f.Clip, 0
			fmt.Fprintf(t, "\n%s", clip)
		}
		for ; column < len(lipsVariants()) && lipsVariants()[column].name != f.Variant; column++ {
			fmt.Fprint(t, "\tnone")
		}
		column++
		fmt.Fprintf(t, "\t%.3f", float64(f.HeightCorr))
		if f.Torn > 0 {
			fmt.Fprintf(t, " %d torn", f.Torn)
		}
		switch {
		case !f.met():
			missed++
			fmt.Fprint(t, " !")
		case f.Below > f.Allowed:
			fmt.Fprintf(t, " (mouths %.3f)", float64(f.MouthCorr))
		}
	}
	fmt.Fprintln(t)
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d variants miss their goal (!): torn, or further below the plain clip than %.2f in light, %.2f in noise, at 300 kbit/s and at half the size\n", missed, lightAllowed, damageAllowed)
	return err
}
