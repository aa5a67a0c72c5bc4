package e2e

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// r128 measures a file's sound from a time on by ffmpeg: integrated loudness, LUFS, and true peak, dBTP.
func r128(t *testing.T, path, from string) (integrated, peak float64) {
	t.Helper()
	out, err := exec.Command("ffmpeg", "-hide_banner", "-nostats", "-i", path, "-af", "atrim=start="+from+",ebur128=peak=true:framelog=verbose", "-vn", "-f", "null", "-").CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	figure := func(of string) float64 {
		m := regexp.MustCompile(of).FindSubmatch(out)
		if m == nil {
			t.Fatalf("ffmpeg says no %s:\n%s", of, out)
		}
		v, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	return figure(`I: +(-?[0-9.]+) LUFS`), figure(`Peak: +(-?[0-9.]+) dBFS`)
}

// TestDubIsAsLoudAsAsked has a file whose speaker and whose dub are too loud for the target, or
// too quiet, come out at it, by ffmpeg's measure, and the report say so.
func TestDubIsAsLoudAsAsked(t *testing.T) {
	for name, target := range map[string]float64{"by default": -16, "-30": -30} {
		dir := t.TempDir()
		in, out := filepath.Join(dir, "in.mp4"), filepath.Join(dir, "out")
		const said = "aevalsrc='0.05*sin(2*PI*300*t)*lt(mod(t,3),2)':s=48000:d=24"
		ffmpeg(t, "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:d=24", "-f", "lavfi", "-i", said, "-c:v", "libx264", "-c:a", "aac", "-pix_fmt", "yuv420p", in)
		args := append([]string{"dub", in, "--from", "en", "--to", "es", "-o", out}, fakes...)
		if name != "by default" {
			args = append(args, "--sound-loudness", name)
		}
		if r := livedub(t, args...); r.code != 0 {
			t.Fatalf("exit %d: %s", r.code, r.stderr)
		}
		got, _ := r128(t, filepath.Join(out, "es.mp4"), "9")
		all, peak := r128(t, filepath.Join(out, "es.mp4"), "0")
		if math.Abs(got-target) > 1 || peak > -.8 {
			t.Errorf("%s: %v LUFS, %v dBTP, want %v", name, got, peak, target)
		}
		b, err := os.ReadFile(filepath.Join(out, "report.json"))
		if err != nil {
			t.Fatal(err)
		}
		var report struct {
			Loudness map[string]struct {
				Target     float64 `json:"target_lufs"`
				Integrated float64 `json:"integrated_lufs"`
				TruePeak   float64 `json:"true_peak_dbtp"`
			} `json:"loudness"`
		}
		if err := json.Unmarshal(b, &report); err != nil {
			t.Fatal(err)
		}
		if is := report.Loudness["es"]; is.Target != target || math.Abs(is.Integrated-all) > .5 || is.TruePeak > -1 || is.TruePeak < -20 { // AAC comes after it, with peaks of its own
			t.Errorf("%s: the report says %+v, ffmpeg %v LUFS, %v dBTP", name, is, all, peak)
		}
	}
}
