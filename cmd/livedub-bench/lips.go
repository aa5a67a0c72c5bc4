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

const benchLipsUsage = "bench lips [--clips DIR] [--only NAME] [--sheet DIR] [--json]"

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
	WidthReliable   figure `json:"width_reliability"`
	PlanCorr        figure `json:"plan_height_corr"`        // of the estimate with the plan's openness, whatever the engine says it wants
	SourceAgreement figure `json:"source_agreement"`        // correlation of the engine's reading of the source with the estimator's
	SourceScale     figure `json:"source_scale"`            // spread of the engine's reading over the estimator's; 1: same scale
	SourceOffset    figure `json:"source_offset"`           // what is added to estimates for height_error
	Untouched       figure `json:"untouched_share"`         // of the frames scored
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
	sheet  string // folder; "": none
	say    func(string)
}

// runBenchLips measures the re-rendered mouths of clips; it asserts nothing.
func runBenchLips(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := cli.NewFlags("bench lips")
	dir := fs.String("clips", "", "`FOLDER` of talking faces; none is a drawn one")
	only := fs.String("only", "", "only clips with this `NAME` in theirs")
	sheet := fs.String("sheet", "", "`FOLDER` for an image per clip: source above, dub below, target and estimate as bars")
	fit := fs.String("fit", "", "learn the reading of openings from the clips, and write it to `FILE`")
	asJSON := fs.Bool("json", false, "print JSON instead of a table")
	c, rest, err := cli.Settings(fs, benchLipsUsage, args, stdout, "speak", "video", "log")
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return cli.Usagef("bench lips: takes no arguments, got %q: livedub %s", rest[0], benchLipsUsage)
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
	b.sheet = *sheet
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
	figures, err := b.all(ctx, paths)
	if err != nil {
		return err
	}
	if *asJSON {
		return printJSON(stdout, map[string]any{"clips": figures})
	}
	return printLips(stdout, figures)
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
// with nothing beside. A clip that cannot be read is named and left out.
func (b *lipsBench) all(ctx context.Context, paths []string) ([]lipsFigures, error) {
	figures := make([]*lipsFigures, len(paths))
	var first error
	var mu sync.Mutex
	note := func(path string, err error) {
		b.say(fmt.Sprintf("%s: %v: left out", filepath.Base(path), err))
		mu.Lock()
		defer mu.Unlock()
		if first == nil {
			first = fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
	}
	next := make(chan int)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := range next {
				f, err := b.clip(ctx, paths[i])
				if err != nil {
					note(paths[i], err)
					continue
				}
				figures[i] = &f
				b.say(fmt.Sprintf("%s: height %.3f, width %.3f, error %.4f", f.Clip, f.HeightCorr, f.WidthCorr, f.HeightError))
			}
		})
	}
	for i := range paths {
		next <- i
	}
	close(next)
	wg.Wait()
	out := []lipsFigures{}
	for i, f := range figures {
		if f == nil || ctx.Err() != nil {
			continue
		}
		if err := b.costs(ctx, paths[i], f); err != nil {
			note(paths[i], err)
			continue
		}
		b.say(fmt.Sprintf("%s: %.2f ms a frame over a codec floor of %.2f", f.Clip, f.CPU, f.Floor))
		out = append(out, *f)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("interrupted: %w", ctx.Err())
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no clip could be judged: %w", first)
	}
	return out, nil
}
