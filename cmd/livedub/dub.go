package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"livedub/internal/cli"
	"livedub/internal/settings"

	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/internal/config"
	"livedub/internal/proc"
	"livedub/internal/telemetry"
	"livedub/media"
	"livedub/media/file"
	"livedub/media/pace"
	"livedub/recording"
	"livedub/session"
	"livedub/session/report"
	"livedub/session/spec"
)

const dubUsage = "dub IN|- --from en --to es[,ca] -o DIR [--profile sync|live] [--delay-ms N] [--glossary FILE] [--realtime] [--badge off]"

// stdin is what "-" names.
const stdin = "/dev/stdin"

// fileKeyInterval keeps dubbed files easy to seek in.
const fileKeyInterval = 2 * time.Second

// fileNetLimit is onnx.time_limit where it is not set: a file waits for a slow
// machine, and only a net that hangs is given up.
const fileNetLimit = time.Minute

// dubJob is one file to be dubbed.
type dubJob struct {
	in, out  string
	from     inference.Lang
	to       []inference.Lang
	words    glossary.Words
	realtime bool
	settings config.Config
	stderr   io.Writer
}

var langCode = regexp.MustCompile(`^[a-z]{2,3}$`)

// runDub dubs a file: the same session as a live call, between a file and files.
func runDub(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := cli.NewFlags("dub")
	from := fs.String("from", "en", "spoken `LANGUAGE`, or auto to have the recognizer tell it (neural engines)")
	to := fs.StringSlice("to", nil, "target `LANGUAGES`, separated by commas")
	out := fs.StringP("out", "o", "", "`FOLDER` for what is made")
	words := fs.String("glossary", "", "`FILE` of words to keep, one a line, or with their translation: word = translation")
	realtime := fs.Bool("realtime", false, "take as long as the file lasts, as a live call would")
	settings, rest, err := cli.Settings(fs, dubUsage, args, stdout, "session", "recognize", "translate", "speak", "lips", "models", "onnx", "video", "sound", "log")
	if err != nil {
		return err
	}
	job := dubJob{from: inference.Lang(strings.TrimSpace(*from)), out: *out, realtime: *realtime, settings: settings, stderr: stderr}
	for _, l := range *to {
		job.to = append(job.to, inference.Lang(strings.TrimSpace(l)))
	}
	switch {
	case len(rest) != 1:
		return cli.Usagef("dub: name one file: livedub %s", dubUsage)
	case len(job.to) == 0:
		return cli.Usagef("dub: --to is missing: name a target language, as --to es")
	case *out == "":
		return cli.Usagef("dub: -o is missing: name a folder for what is made")
	}
	job.in = rest[0]
	if job.in == "-" {
		job.in = stdin
	}
	for _, l := range append([]inference.Lang{job.from}, job.to...) {
		if !langCode.MatchString(string(l)) && (l != inference.Auto || l != job.from) {
			return cli.Usagef("dub: %q is no language code: use two letters, as en or es, or --from auto", l)
		}
	}
	if job.words, err = readGlossary(*words, job.to); err != nil {
		return err
	}
	return job.run(ctx)
}

// maxGlossary bounds a glossary's file, in bytes: as many words as may be, in several languages.
const maxGlossary = 1 << 20

// readGlossary reads what glossary.Parse takes; "" is no file.
func readGlossary(path string, to []inference.Lang) (glossary.Words, error) {
	if path == "" {
		return glossary.Words{}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return glossary.Words{}, fmt.Errorf("--glossary: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxGlossary+1))
	switch {
	case err != nil:
		return glossary.Words{}, fmt.Errorf("--glossary: %w", err)
	case len(data) > maxGlossary:
		return glossary.Words{}, fmt.Errorf("--glossary %s: it is larger than %d bytes: name at most %d words", path, maxGlossary, glossary.MaxTerms)
	}
	words, err := glossary.Parse(string(data), to)
	if err != nil {
		return glossary.Words{}, fmt.Errorf("--glossary %s: %w", path, err)
	}
	return words, nil
}

// run is a file's way from beginning to end.
func (j *dubJob) run(ctx context.Context) error {
	began := time.Now()
	src, err := file.OpenSpoken(j.in, string(j.from))
	if err != nil {
		return err
	}
	defer src.Close()
	out, err := j.prepareOut()
	if err != nil {
		return err
	}
	defer out.Close()
	log, err := telemetry.NewLogger(j.stderr, j.settings.Log.Level, j.settings.Log.Format)
	if err != nil {
		return err
	}
	j.settings.Recognize.Spare = 0 // there is one speaker
	if limit := &j.settings.ONNX.TimeLimit; *limit == config.Default().ONNX.TimeLimit {
		*limit = fileNetLimit
	}
	engines, err := openEngines(ctx, j.settings, log)
	if err != nil {
		return err
	}
	defer engines.Close()
	engines.tier.settle(&j.settings)

	cfg := settings.Session(j.settings)
	cfg.Neural = engines.tier.name == "neural"
	cfg.From, cfg.To, cfg.Words, cfg.Log = j.from, j.to, j.words, log
	cfg.SinkErrorsEnd = true
	cfg.Consent = spec.Consent{Given: true, At: began} // the operator's own, who names the file
	cfg.Video.File, cfg.Video.KeyInterval = true, fileKeyInterval
	var clock pace.Clock = pace.NewVirtual()
	var source media.Source = src
	if j.realtime {
		clock = pace.NewWall()
		source = pace.Realtime(src, clock)
	}
	s, err := session.New(cfg, engines.Engines, clock)
	if err != nil {
		return err
	}
	films, err := j.attachFiles(s, cfg.Delay, began)
	if err != nil {
		return err
	}

	engines.tier.tell(log)
	bar := startProgress(j.stderr, src.Duration(), func() time.Duration { return clock.Now() - cfg.Delay })
	runErr := s.Dub(ctx, source)
	bar.stop(runErr == nil)
	if errors.Is(runErr, spec.ErrEmpty) || runErr == nil && films[0].Empty() {
		return fmt.Errorf("%s: no sample of audio or video in it can be decoded: is the file whole?", j.in)
	}

	state := s.State()
	r := report.Build(cfg, state)
	r.Clock = "virtual"
	if j.realtime {
		r.Clock = "wall"
	}
	r.Warnings = append(r.Warnings, j.warnings(src, state)...)
	for stage, d := range engines.cpu() {
		r.StageCPU[stage] += float64(d.Microseconds()) / 1000
	}
	r.PeakRSSMB, r.PeakMemMB = peakMemory()
	r.WallS = time.Since(began).Seconds()
	if runErr == nil {
		j.measure(ctx, r, state)
	}
	failed := j.explain(ctx, runErr)
	return errors.Join(failed, j.write(r, state), j.sidecar(began, engines.Names, state, failed))
}

// prepareOut takes the folder and sees to it that the input is not among what is overwritten.
func (j *dubJob) prepareOut() (*outDir, error) {
	in, err := os.Stat(j.in)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, to := range j.to {
		path := j.path(to, "mp4")
		if out, err := os.Stat(path); err == nil && os.SameFile(in, out) {
			return nil, fmt.Errorf("%s would be overwritten by its own dub: choose another folder with -o", j.in)
		}
		names = append(names, filepath.Base(path))
	}
	return openOutDir(j.out, names)
}

// attachFiles gives every dub its file. After an error none is left.
func (j *dubJob) attachFiles(s *session.Session, delay time.Duration, at time.Time) ([]*file.Sink, error) {
	var made []*file.Sink
	for _, to := range j.to {
		sink, err := file.Create(j.path(to, "mp4"), file.SinkConfig{
			Epoch: delay, Video: media.H264, Audio: media.AAC, Tags: recording.Tags(j.title(), string(j.from), string(to), at),
		})
		if err == nil {
			made = append(made, sink)
			_, err = s.Subscribe(to, sink)
		}
		if err != nil {
			for _, sink := range made {
				err = errors.Join(err, sink.Close())
			}
			return nil, err
		}
	}
	return made, nil
}

func (j *dubJob) path(lang inference.Lang, ext string) string {
	return filepath.Join(j.out, string(lang)+"."+ext)
}

// warnings tells what the user should know though the work was done.
func (j *dubJob) warnings(src *file.Source, st spec.State) []string {
	var out []string
	warn := func(text string) {
		out = append(out, text)
		fmt.Fprintln(j.stderr, "warning: "+text)
	}
	kinds := map[media.Kind]bool{}
	for _, t := range src.Tracks() {
		kinds[t.Kind] = true
	}
	for _, t := range src.Tracks() {
		if t.Color.HDR() && st.Failures["filter_video"] == 0 {
			warn("the input is of high dynamic range: the video was brought to standard range, BT.709")
		}
	}
	if !kinds[media.Audio] {
		warn("the input has no sound: the video was copied, nothing was dubbed")
	} else if st.Heard == 0 {
		warn("no speech was recognized: the original sound was kept")
	}
	if !kinds[media.Video] {
		warn("the input has no video: only sound was written")
	}
	if src.Truncated() {
		warn("the input ends early: what could be read was dubbed")
	}
	for stage, n := range st.Failures {
		warn(fmt.Sprintf("%s failed %d times: see the log lines above", stage, n))
	}
	return out
}

// measure finds audio against video in what was written.
func (j *dubJob) measure(ctx context.Context, r *report.Report, st spec.State) {
	if in, err := os.Stat(j.in); err != nil || !in.Mode().IsRegular() {
		return // a pipe is read once
	}
	for _, d := range st.Dubs[:1] { // all dubs leave by the same way
		off, err := report.MeasureOffset(ctx, j.in, j.path(d.Lang, "mp4"), d.Records)
		if err != nil {
			r.Warnings = append(r.Warnings, "audio against video could not be measured: "+err.Error())
			continue
		}
		r.AVOffset = off
	}
}

// write writes captions, the report and the waterfall.
func (j *dubJob) write(r *report.Report, st spec.State) error {
	source := map[int]report.Cue{}
	var order []int
	for _, d := range st.Dubs {
		for _, rec := range d.Records {
			p := rec.Phrase
			if _, ok := source[p.ID]; !ok {
				source[p.ID] = report.SaidCue(j.from, p)
				order = append(order, p.ID)
			}
		}
		if err := os.WriteFile(j.path(d.Lang, "vtt"), report.VTT(report.DubCues(d.Records)), 0o644); err != nil {
			return err
		}
	}
	var cues []report.Cue
	for _, id := range order {
		cues = append(cues, source[id])
	}
	if err := os.WriteFile(j.path(j.from, "vtt"), report.VTT(cues), 0o644); err != nil {
		return err
	}
	if err := r.WriteWaterfall(filepath.Join(j.out, "timeline.svg")); err != nil {
		return err
	}
	return r.Write(filepath.Join(j.out, "report.json"))
}

// explain turns the end of a run into what the user reads.
func (j *dubJob) explain(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted: what was dubbed until then is in %s", j.out)
	}
	return fmt.Errorf("%s: %w", strings.TrimSuffix(j.in, "/"), err)
}

// peakMemory returns the peak memory of this process and its workers in MB:
// the sum of what each shows by itself, and with shared pages counted once.
func peakMemory() (rss, once float64) {
	for _, pid := range append(proc.Children(os.Getpid()), os.Getpid()) {
		peak := float64(proc.PeakRSS(pid)) / 1e6
		rss += peak
		once += peak - float64(proc.Shared(pid))/1e6
	}
	return rss, once
}
