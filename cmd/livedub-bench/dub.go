package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"text/tabwriter"
	"time"

	"livedub/internal/cli"
	"livedub/internal/settings"

	"golang.org/x/sys/unix"

	"livedub/internal/config"
	"livedub/internal/proc"
	"livedub/media"
	"livedub/media/codec"
	"livedub/media/file"
	"livedub/session/report"
)

// benchFigures is what `livedub bench dub` measures, all within one run.
type benchFigures struct {
	Machine     string   `json:"machine"`
	Clip        string   `json:"clip"`
	MediaS      float64  `json:"media_s"`
	Frames      int      `json:"frames"`
	FloorMS     float64  `json:"codec_floor_ms_per_frame"`    // decode + encode alone
	VideoMS     float64  `json:"video_cpu_ms_per_frame"`      // of a session, lips off
	VideoRatio  float64  `json:"video_to_floor"`              // goal 1.3
	OneCore     float64  `json:"one_core_times_real_time"`    // goal over 1: 1 target, pinned to one core
	FirstCPU    float64  `json:"first_language_cpu_s"`        // whole process tree
	SecondCPU   float64  `json:"second_language_cpu_s"`       // what the second target added
	SecondRatio float64  `json:"second_to_first"`             // goal 0.6
	ReadyMS     *float64 `json:"phrase_end_to_dub_ms_median"` // in real time, hangover included; goal 600
	FaceMS      float64  `json:"face_cpu_ms_per_frame"`       // in real time with the lips that are set, of all frames
	LearnMS     float64  `json:"learn_cpu_ms_per_frame"`
	LipsMS      float64  `json:"lips_cpu_ms_per_frame"`
	Phrases     int      `json:"phrases"`
	PeakMB      float64  `json:"peak_rss_mb"`             // with workers; goal 700
	FurtherMB   float64  `json:"further_target_rss_mb"`   // every process's own RSS added up
	FurtherMem  float64  `json:"further_target_mem_mb"`   // shared pages counted once; goal 250
	SpeechSpeed float64  `json:"speech_share_of_one_cpu"` // recognize + translate + speak, of real time
}

// runBenchDub measures what the README promises; it asserts nothing.
func runBenchDub(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := cli.NewFlags("bench")
	clip := fs.String("clip", "", "talking `FILE` to measure with; none is a test frame under synthetic speech")
	length := fs.Int("seconds", 40, "length of the synthetic clip")
	asJSON := fs.Bool("json", false, "print JSON instead of a table")
	_, rest, err := cli.Settings(fs, benchUsage, args, stdout, "log")
	if err != nil {
		return err
	}
	if len(rest) > 1 || len(rest) == 1 && rest[0] != "dub" {
		return cli.Usagef("bench: %q is no bench: livedub %s", rest, benchUsage)
	}
	dir, err := os.MkdirTemp("", "livedub-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if *clip == "" {
		*clip = filepath.Join(dir, "clip.mp4")
		if err := makeClip(ctx, *clip, *length); err != nil {
			return err
		}
	}
	f, err := benchDub(ctx, *clip, dir, stderr)
	if err != nil {
		return err
	}
	if *asJSON {
		return printJSON(stdout, f)
	}
	return f.print(stdout)
}

// benchDub runs the dubbing of a file in three ways, each a process of its own.
func benchDub(ctx context.Context, clip, dir string, stderr io.Writer) (benchFigures, error) {
	f := benchFigures{Machine: machine(), Clip: filepath.Base(clip)}
	say := func(what string) { fmt.Fprintln(stderr, "bench: "+what) }

	say("codec floor: decode and encode alone")
	before, _, err := codecFloor(ctx, clip)
	if err != nil {
		return f, err
	}
	say("one target on one core")
	one, cpuOne, err := dubOnce(ctx, clip, filepath.Join(dir, "one"), "es", true, false)
	if err != nil {
		return f, err
	}
	say("codec floor again: machines are noisy")
	after, frames, err := codecFloor(ctx, clip)
	if err != nil {
		return f, err
	}
	f.Frames, f.FloorMS = frames, (before+after).Seconds()*500/float64(max(1, frames))
	say("two targets")
	two, cpuTwo, err := dubOnce(ctx, clip, filepath.Join(dir, "two"), "es,ca", false, false)
	if err != nil {
		return f, err
	}
	say("one target in real time")
	live, _, err := dubOnce(ctx, clip, filepath.Join(dir, "live"), "es", false, true)
	if err != nil {
		return f, err
	}

	f.MediaS, f.OneCore = one.MediaS, one.MediaS/one.WallS
	video := one.StageCPU["decode_video"] + one.StageCPU["shape"] + one.StageCPU["encode_video"]
	f.VideoMS = video / float64(max(1, one.Frames["es"].Out))
	f.VideoRatio = f.VideoMS / f.FloorMS
	f.FirstCPU, f.SecondCPU = cpuOne.Seconds(), (cpuTwo - cpuOne).Seconds()
	f.SecondRatio = f.SecondCPU / f.FirstCPU
	f.PeakMB, f.FurtherMB, f.FurtherMem = one.PeakRSSMB, two.PeakRSSMB-one.PeakRSSMB, two.PeakMemMB-one.PeakMemMB
	f.SpeechSpeed = (one.StageCPU["recognize"] + one.StageCPU["translate"] + one.StageCPU["speak"]) / 1000 / one.MediaS
	shown := float64(max(1, live.Frames["es"].Out))
	f.FaceMS, f.LearnMS, f.LipsMS = live.StageCPU["face"]/shown, live.StageCPU["learn"]/shown, live.StageCPU["lips"]/shown
	f.ReadyMS, f.Phrases = live.ReadyMedian(), len(live.Phrases)
	return f, nil
}

// codecFloor returns the CPU time that decoding and encoding a clip's frames takes alone.
func codecFloor(ctx context.Context, clip string) (time.Duration, int, error) {
	src, err := file.Open(clip)
	if err != nil {
		return 0, 0, err
	}
	defer src.Close()
	var video *media.Track
	for _, t := range src.Tracks() {
		if t.Kind == media.Video {
			video = &t
		}
	}
	if video == nil {
		return 0, 0, fmt.Errorf("%s has no video: choose another with --clip", clip)
	}
	dec, err := codec.NewVideoDecoder(*video)
	if err != nil {
		return 0, 0, err
	}
	defer dec.Close()
	enc, err := codec.NewVideoEncoder(settings.Session(config.Default()).Video.Encoder(media.H264, video.Width, video.Height, video.FrameRate))
	if err != nil {
		return 0, 0, err
	}
	defer enc.Close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var spent time.Duration
	n := 0
	for {
		p, err := src.Read(ctx)
		if errors.Is(err, io.EOF) {
			return spent, n, nil
		}
		if err != nil {
			return 0, 0, err
		}
		if p.Kind != media.Video {
			continue
		}
		before := proc.ThreadCPU()
		frames, err := dec.Decode(p)
		for _, f := range frames {
			if err == nil {
				_, err = enc.Encode(f, false)
			}
			f.Release()
			n++
		}
		spent += proc.ThreadCPU() - before
		if err != nil {
			return 0, 0, err
		}
	}
}

// dubOnce dubs clip in a process of its own and returns its report and the CPU
// time of its whole tree. Lips are off but in real time.
func dubOnce(ctx context.Context, clip, out, to string, oneCore, realtime bool) (*report.Report, time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, 0, err
	}
	livedub := filepath.Join(filepath.Dir(self), "livedub") // beside this program
	args := []string{"dub", clip, "--from", "en", "--to", to, "-o", out}
	if realtime {
		args = append(args, "--realtime")
	} else {
		args = append(args, "--lips-engine", "off")
	}
	cmd := exec.CommandContext(ctx, livedub, args...)
	start := cmd.Start
	if oneCore {
		start = func() error { return onOneCore(cmd.Start) }
	}
	if err := start(); err != nil {
		return nil, 0, err
	}
	if err := cmd.Wait(); err != nil {
		return nil, 0, fmt.Errorf("livedub %v: %w: run it by hand to see why", args, err)
	}
	r, err := report.Read(filepath.Join(out, "report.json"))
	return r, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
}

// onOneCore runs start on a thread that is bound to the first allowed CPU; the
// process it starts inherits that.
func onOneCore(start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return err
	}
	for cpu := range 1024 {
		if all.IsSet(cpu) {
			one.Set(cpu)
			break
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return err
	}
	defer func() { _ = unix.SchedSetaffinity(0, &all) }()
	return start()
}

// makeClip makes a 720p30 test frame under synthetic speech.
func makeClip(ctx context.Context, path string, seconds int) error {
	for _, tool := range []string{"flite", "ffmpeg"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is needed to make a clip: sudo apt-get install -y %s, or name one with --clip", tool, tool)
		}
	}
	wav := path + ".wav"
	text := "Good morning everyone and welcome to our meeting. Today we talk about the new house near the river. " +
		"The weather is very good and the children play in the garden. My brother has a red car and a small dog. " +
		"We need more time to finish the work before the end of the week. Please send me the report tomorrow. "
	if out, err := exec.CommandContext(ctx, "flite", "-voice", "rms", "-t", text, "-o", wav).CombinedOutput(); err != nil {
		return fmt.Errorf("flite: %w: %s", err, out)
	}
	out, err := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30",
		"-stream_loop", "-1", "-i", wav, "-t", strconv.Itoa(seconds), "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p",
		"-c:a", "aac", "-ar", "48000", path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ffmpeg: %w: %s", err, out)
	}
	return nil
}

func (f benchFigures) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	ready := "none"
	if f.ReadyMS != nil {
		ready = fmt.Sprintf("%.0f ms", *f.ReadyMS)
	}
	fmt.Fprintf(t, "machine\t%s\t\nclip\t%s, %.1f s, %d frames\t\n", f.Machine, f.Clip, f.MediaS, f.Frames)
	fmt.Fprintf(t, "codec floor\t%.2f ms a frame\t\n", f.FloorMS)
	fmt.Fprintf(t, "video, lips off\t%.2f ms a frame = %.2f x floor\tgoal 1.3\n", f.VideoMS, f.VideoRatio)
	fmt.Fprintf(t, "faces, learning, lips\t%.2f + %.2f + %.2f ms a frame\t\n", f.FaceMS, f.LearnMS, f.LipsMS)
	fmt.Fprintf(t, "one core, one target\t%.2f times real time\tgoal over 1\n", f.OneCore)
	fmt.Fprintf(t, "second language\t%.2f s CPU = %.2f x the first's %.2f s\tgoal 0.60\n", f.SecondCPU, f.SecondRatio, f.FirstCPU)
	fmt.Fprintf(t, "speech chain\t%.2f of one CPU\t\n", f.SpeechSpeed)
	fmt.Fprintf(t, "phrase end to dub, real time\t%s median of %d\tgoal 600 ms\n", ready, f.Phrases)
	fmt.Fprintf(t, "peak memory, one target\t%.0f MB\tgoal 700\n", f.PeakMB)
	fmt.Fprintf(t, "further target\t%.0f MB, %.0f with shared pages counted once\tgoal 250\n", f.FurtherMB, f.FurtherMem)
	return t.Flush()
}
