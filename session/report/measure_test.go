package report

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"livedub/session/spec"
)

// ffmpeg runs the program, or fails the test.
func ffmpeg(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ffmpeg", append([]string{"-nostdin", "-v", "error", "-y"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %v: %v: %s", args, err, out)
	}
}

// TestMeasureOffset writes files whose dub begins some time beside its frames:
// that is what is measured, whatever the records say.
func TestMeasureOffset(t *testing.T) {
	const rate, length = 48000, 8 // Hz, s
	dir := t.TempDir()
	source := filepath.Join(dir, "source.mp4")
	ffmpeg(t, "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=320x240:rate=25:duration=%d", length), "-c:v", "libx264", "-pix_fmt", "yuv420p", source)
	// Two dubs of a second, like no other sound.
	starts := []time.Duration{2 * time.Second, 5 * time.Second}
	rng := rand.New(rand.NewPCG(1, 2))
	dubs := make([][]int16, len(starts))
	var records []spec.Record
	for i, at := range starts {
		tone := 0.
		for n := range rate {
			tone += 2 * math.Pi * (150 + 40*math.Sin(float64(n)/3000+float64(i))) / rate
			dubs[i] = append(dubs[i], int16(6000*math.Sin(tone)*(1+.5*math.Sin(float64(n)/900))+300*rng.NormFloat64()))
		}
		probe := make([]int16, rate/3)
		for n := range probe {
			probe[n] = int16((int(dubs[i][3*n]) + int(dubs[i][3*n+1]) + int(dubs[i][3*n+2])) / 3)
		}
		records = append(records, spec.Record{Outcome: spec.Played, DubStart: at, DubEnd: at + time.Second, Probe: probe})
	}
	for _, off := range []time.Duration{0, 40 * time.Millisecond, -60 * time.Millisecond} {
		raw := make([]byte, 2*rate*length)
		for i, at := range starts {
			from := int((at + off).Seconds() * rate)
			for n, v := range dubs[i] {
				binary.LittleEndian.PutUint16(raw[2*(from+n):], uint16(v))
			}
		}
		pcm, written := filepath.Join(dir, "dub.raw"), filepath.Join(dir, "written.mp4")
		if err := os.WriteFile(pcm, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		ffmpeg(t, "-i", source, "-f", "s16le", "-ar", fmt.Sprint(rate), "-ac", "1", "-i", pcm, "-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-crf", "26", "-c:a", "aac", "-b:a", "96k", written)
		got, err := MeasureOffset(t.Context(), source, written, records)
		if err != nil {
			t.Fatal(err)
		}
		if got.Samples != 2 || math.Abs(*got.P50-ms(off)) > 5 {
			t.Errorf("off by %v: measured %+v", off, got)
		}
	}
	if got, err := MeasureOffset(t.Context(), source, source, nil); err != nil || got.Samples != 0 || got.P50 != nil {
		t.Errorf("without a dub: %+v, %v", got, err)
	}
	if _, err := MeasureOffset(t.Context(), source, filepath.Join(dir, "none.mp4"), records); err == nil {
		t.Error("a file that is not there was measured")
	}
}
