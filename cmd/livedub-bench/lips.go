package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"livedub/internal/cli"
	"livedub/internal/settings"
	"livedub/session/spec"

	"livedub/inference"
	"livedub/inference/face"
	"livedub/inference/lips"
	"livedub/inference/speak"
	"livedub/internal/config"
)

const benchLipsUsage = "bench lips [--clips DIR] [--only NAME] [--fit FILE] [--relight] [--limit 5m] [--sheet DIR] [--json]"

// benchLipsText is what every clip is dubbed with: 30 s of Spanish with many p b m, o, u, a and i.
//
//go:embed lips.txt
var benchLipsText string

// lipsFigures is what `livedub bench lips` tells of one clip; docs/LIPS-EVALUATION.md explains each.
type lipsFigures struct {
	Clip            string `json:"clip"`
	HeightCorr      figure `json:"height_corr"`
	HeightLag       int    `json:"height_lag_frames"`
	WidthCorr       figure `json:"width_corr"`
	HeightError     figure `json:"height_error"`
	Closure         figure `json:"bilabial_closure"`
	PSNR            figure `json:"selfrecon_psnr"`
	SSIM            figure `json:"selfrecon_ssim"`
	Flicker         figure `json:"flicker"`
	Sharpness       figure `json:"sharpness"`
	Seam            figure `json:"seam"`
	Outside         int    `json:"pixels_outside"`
	Eyes            figure `json:"eye_px"`
	Noise           figure `json:"estimator_noise"`
	Reliability     figure `json:"estimator_reliability"`
	OwnShare        figure `json:"own_share"`
	CPU             figure `json:"cpu_ms_per_frame"`
	TotalCPU        figure `json:"total_cpu_ms_per_frame"`
	Floor           figure `json:"codec_floor_ms_per_frame"`
	WidthLag        int    `json:"width_lag_frames"`
	Judge           string `json:"judge"`                  // sure, or unsure: height_corr, height_error and bilabial_closure say nothing
	EdgesAgreement  figure `json:"edges_agreement"`        // correlation of the estimator's reading of the source with that of edges, not learned from this clip
	EdgesCorr       figure `json:"edges_height_corr"`      // height_corr as these edges read the dub
	EyeAgreement    figure `json:"eye_agreement"`          // correlation of the estimator's reading of the source with an eye's
	WidthAgreement  figure `json:"source_width_agreement"` // as source_agreement, of widths
	MouthCorr       figure `json:"mouth_corr"`             // as height_corr, of what the mouths that were taken are in the source
	MouthWidthCorr  figure `json:"mouth_width_corr"`       // likewise
	WidthReliable   figure `json:"width_reliability"`
	PlanCorr        figure `json:"plan_height_corr"`        // of the estimate with the plan's openness, whatever the engine says it wants
	SourceAgreement figure `json:"source_agreement"`        // correlation of the engine's reading of the source with the estimator's
	SourceScale     figure `json:"source_scale"`            // spread of the engine's reading over the estimator's; 1: same scale
	SourceOffset    figure `json:"source_offset"`           // what is added to estimates for height_error
	Untouched       figure `json:"untouched_share"`         // of the frames scored
	SSIMRatio       figure `json:"selfrecon_ssim_ratio"`    // in the mouth's box, over twin_ssim
	TwinSSIM        figure `json:"twin_ssim"`               // of the most alike mouths in two frames of the source
	Torn            int    `json:"torn"`                    // of the frames scored
	TornShare       figure `json:"torn_share"`              // likewise
	Frames          int    `json:"pictures"`                // scored
	Touches         int    `json:"bilabials"`               // p b m among them
	SecondCPU       figure `json:"second_cpu_ms_per_frame"` // what one more language renders
}

// figure is a number that may be missing: NaN is written as null.
type figure float64

// MarshalJSON implements json.Marshaler.
func (f figure) MarshalJSON() ([]byte, error) {
	if v := float64(f); math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(math.Round(float64(f)*1e5) / 1e5)
}

// lipsBench runs clips through tracker and engine as a session does.
type lipsBench struct {
	faces  inference.FaceTracker
	lips   func(lips.Config) inference.Lips
	marks  []inference.Mark // what is said
	length time.Duration    // of each run
	warm   time.Duration    // of it that is not scored
	cost   time.Duration    // of the run whose CPU time is taken
	frame  spec.VideoConfig
	limit  time.Duration // of measuring a clip
	sheet  string        // folder; "": none
	say    func(string)
}

// runBenchLips measures the re-rendered mouths of clips; it asserts nothing.
func runBenchLips(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := cli.NewFlags("bench lips")
	dir := fs.String("clips", "", "`FOLDER` of talking faces; none is a drawn one")
	only := fs.String("only", "", "only clips with this `NAME` in theirs")
	sheet := fs.String("sheet", "", "`FOLDER` for an image per clip: source above, dub below, target and estimate as bars")
	fit := fs.String("fit", "", "learn the reading of openings from the clips, and write it to `FILE`")
	relight := fs.Bool("relight", false, "measure every clip in other light instead, mirrored, noisy, coded at 300 kbit/s and at half the size")
	limit := fs.Duration("limit", 5*time.Minute, "`TIME` that a clip, or a variant of one, may take; what takes longer is left out")
	asJSON := fs.Bool("json", false, "print JSON instead of a table")
	c, rest, err := cli.Settings(fs, benchLipsUsage, args, stdout, "speak", "video", "log")
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return cli.Usagef("bench lips: takes no arguments, got %q: livedub %s", rest[0], benchLipsUsage)
	}
	if *limit <= 0 {
		return cli.Usagef("bench lips: --limit is %v: give a time above 0", *limit)
	}
	paths, err := lipsClips(*dir, *only)
	if err != nil {
		return err
	}
	if *sheet != "" {
		if err := os.MkdirAll(*sheet, 0o755); err != nil {
			return fmt.Errorf("%w: choose another folder with --sheet", err)
		}
	}
	b, err := newLipsBench(ctx, c)
	if err != nil {
		return err
	}
	defer b.faces.Close()
	b.sheet, b.limit = *sheet, *limit
	var mu sync.Mutex
	began := time.Now()
	b.say = func(what string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(stderr, "bench lips: %4.0f s: %s\n", time.Since(began).Seconds(), what)
	}
	if *fit != "" {
		return b.fit(ctx, paths, *fit, stdout)
	}
	// What could be measured is told, whatever else could not.
	var figures []lipsFigures
	var variants []variantFigures
	var failed error
	if *relight {
		variants, failed = b.allVariants(ctx, paths)
	} else {
		figures, failed = b.all(ctx, paths)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: %w", ctx.Err())
	}
	if len(figures)+len(variants) == 0 {
		return fmt.Errorf("no clip could be judged: %w", failed)
	}
	if *asJSON {
		told := map[string]any{"clips": figures}
		if *relight {
			told = map[string]any{"variants": variants}
		}
		return errors.Join(printJSON(stdout, told), failed)
	}
	if *relight {
		return errors.Join(printVariants(stdout, variants), failed)
	}
	return errors.Join(printLips(stdout, figures), failed)
}

// lipsClips returns the files of dir whose name holds part; drawn for no dir.
func lipsClips(dir, part string) ([]string, error) {
	if dir == "" {
		if part != "" {
			return nil, cli.Usagef("bench lips: --only chooses among --clips: name their folder")
		}
		return []string{drawnClip}, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: check --clips", err)
	}
	var paths []string
	for _, e := range entries {
		if videoFile.MatchString(e.Name()) && !e.IsDir() {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s has no clips (mp4 mov mkv webm mpg avi): check --clips", dir)
	}
	chosen := matching(paths, part)
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no clip in %s has %q in its name: check --only", dir, part)
	}
	return chosen, nil
}

func newLipsBench(ctx context.Context, c config.Config) (*lipsBench, error) {
	s, err := speak.NewEspeak(speak.Config{Worker: c.Speak.Worker, Workers: 1})
	if err != nil {
		return nil, err
	}
	speech, err := s.Speak(ctx, inference.SpeechRequest{Lang: "es", Text: benchLipsText})
	if err = errors.Join(err, s.Close()); err != nil {
		return nil, fmt.Errorf("speaking the text of the bench: %w", err)
	}
	faces, err := face.New()
	if err != nil {
		return nil, err
	}
	return &lipsBench{
		faces: faces, lips: func(c lips.Config) inference.Lips { return lips.New(c) }, marks: speech.Marks,
		length: 30 * time.Second, warm: 10 * time.Second, cost: 10 * time.Second,
		frame: settings.Session(c).Video, say: func(string) {},
	}, nil
}

// all measures the clips, two at a time, then takes their CPU time one by one
// with nothing beside. A clip that cannot be read, or that takes longer than the
// limit, is named and left out; the error is of all these.
func (b *lipsBench) all(ctx context.Context, paths []string) ([]lipsFigures, error) {
	figures := make([]*lipsFigures, len(paths))
	errs := make([]error, len(paths))
	inTwos(len(paths), func(i int) {
		errs[i] = b.limited(ctx, func(ctx context.Context) error {
			f, err := b.clip(ctx, paths[i])
			if err == nil {
				figures[i] = &f
				b.say(fmt.Sprintf("%s: height %.3f, width %.3f, error %.4f", f.Clip, f.HeightCorr, f.WidthCorr, f.HeightError))
			}
			return err
		})
		b.leftOut(paths[i], errs[i])
	})
	out := []lipsFigures{}
	for i, f := range figures {
		if f == nil || ctx.Err() != nil {
			continue
		}
		err := b.limited(ctx, func(ctx context.Context) error { return b.costs(ctx, paths[i], f) })
		if err != nil {
			b.leftOut(paths[i], err)
			errs[i] = err
			continue
		}
		b.say(fmt.Sprintf("%s: %.2f ms a frame over a codec floor of %.2f", f.Clip, f.CPU, f.Floor))
		out = append(out, *f)
	}
	return out, named(paths, errs)
}

// allVariants measures the clips in other light, two at a time; likewise.
func (b *lipsBench) allVariants(ctx context.Context, paths []string) ([]variantFigures, error) {
	each := make([][]variantFigures, len(paths))
	errs := make([]error, len(paths))
	inTwos(len(paths), func(i int) {
		each[i], errs[i] = b.relight(ctx, paths[i])
		b.leftOut(paths[i], errs[i])
	})
	return append([]variantFigures{}, slices.Concat(each...)...), named(paths, errs)
}

// inTwos calls do with 0 to n-1, two at a time, and returns when all are done.
func inTwos(n int, do func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// limited calls do, which ends with its context, within the limit of a clip.
func (b *lipsBench) limited(ctx context.Context, do func(context.Context) error) error {
	short, cancel := context.WithTimeout(ctx, b.limit)
	defer cancel()
	err := do(short)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("it takes longer than %v: raise --limit", b.limit)
	}
	return err
}

// leftOut says what is missing, and why.
func (b *lipsBench) leftOut(path string, err error) {
	if err != nil {
		b.say(fmt.Sprintf("%s: %v: left out", filepath.Base(path), err))
	}
}

// named tells all errors in one line, each with its clip; nil where there is none.
func named(paths []string, errs []error) error {
	var said []string
	for i, err := range errs {
		if err != nil {
			said = append(said, fmt.Sprintf("%s: %v", filepath.Base(paths[i]), err))
		}
	}
	if said == nil {
		return nil
	}
	return fmt.Errorf("left out: %s", strings.Join(said, "; "))
}
