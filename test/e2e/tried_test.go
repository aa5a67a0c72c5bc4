package e2e

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestTriedWhole dubs what docs/TRIED.md has as right from the start and only the
// whole program shows; media/file has the rest.
func TestTriedWhole(t *testing.T) {
	const frame, tone = "testsrc2=size=320x240:rate=25:d=", "aevalsrc='0.4*sin(2*PI*300*t)*between(t,1,2)':s=48000:d="
	h264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"}
	for _, c := range []struct {
		name, out string // of the input, of the folder
		args      []string
		piped     bool
		seconds   float64   // of the dub
		phrases   []float64 // when they begin, s
	}{
		{"plain.mp4", "out", append([]string{"-f", "lavfi", "-i", frame + "4", "-f", "lavfi", "-i", tone + "4"}, h264...), false, 4, []float64{1}},
		{"late.mp4", "out", append([]string{"-f", "lavfi", "-i", frame + "5", "-itsoffset", "2", "-f", "lavfi", "-i", tone + "3"}, h264...), false, 5, []float64{3}},
		{"a: b %d [x] 'q'.mp4", "out [1] %d", append([]string{"-f", "lavfi", "-i", frame + "4", "-f", "lavfi", "-i", tone + "4"}, h264...), false, 4, []float64{1}},
		{"silent.mp4", "out", append([]string{"-f", "lavfi", "-i", frame + "3", "-f", "lavfi", "-i", "anullsrc=d=3"}, h264...), false, 3, nil},
		{"recorded.webm", "out", []string{"-f", "lavfi", "-i", frame + "4", "-f", "lavfi", "-i", tone + "4", "-c:v", "libvpx", "-deadline", "realtime",
			"-cpu-used", "8", "-c:a", "libopus", "-f", "webm", "-live", "1"}, true, 4, []float64{1}},
		// A recorder that paused for 30 s: the gap stays, and what is said on both sides of it.
		{"paused.mkv", "out", append([]string{"-f", "lavfi", "-i", frame + "5", "-f", "lavfi", "-i",
			"aevalsrc='0.4*sin(2*PI*300*t)*(between(t,0.5,1.5)+between(t,3.5,4.2))':s=48000:d=5",
			"-vf", "setpts='PTS+if(gt(T,2.7),30/TB,0)'", "-af", "asetpts='PTS+if(gt(T,2.7),30/TB,0)'", "-fps_mode", "passthrough"}, h264...), false, 35, []float64{.5, 33.5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			in, out := filepath.Join(dir, c.name), filepath.Join(dir, c.out)
			ffmpeg(t, append(c.args, "file:"+in)...)
			var r result
			if c.piped {
				r = dubWith(t, in, append([]string{"dub", "-", "--to", "es", "-o", out}, fakes...)...)
			} else {
				r = livedub(t, append([]string{"dub", in, "--to", "es", "-o", out}, fakes...)...)
			}
			if r.code != 0 {
				t.Fatalf("exit %d: %s", r.code, r.stderr)
			}
			if len(c.phrases) == 0 && !strings.Contains(r.stderr, "no speech was recognized") {
				t.Errorf("no warning of a film in which nobody speaks: %s", r.stderr)
			}
			v := probe(t, "file:"+filepath.Join(out, "es.mp4"))["video"]
			if got, err := strconv.ParseFloat(v.Duration, 64); err != nil || math.Abs(got-c.seconds) > .1 {
				t.Errorf("%s s, want %g", v.Duration, c.seconds)
			}
			phrases, _ := readReport(t, out)["phrases"].([]any)
			if len(phrases) != len(c.phrases) {
				t.Fatalf("%d phrases, want %d", len(phrases), len(c.phrases))
			}
			for i, p := range phrases {
				if at := p.(map[string]any)["source_start"].(float64); math.Abs(at-c.phrases[i]) > .15 {
					t.Errorf("phrase %d begins at %.2f s, want %g", i+1, at, c.phrases[i])
				}
			}
		})
	}
}

// TestFlippedBits: a film with single bits wrong is dubbed to its end.
func TestFlippedBits(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.mp4", "a.ts", "a.webm"} {
		in, out := filepath.Join(dir, name), filepath.Join(dir, name+".out")
		codecs := []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"}
		if name == "a.webm" {
			// By no clock: a busy machine would make another file, whose index a bit may hit.
			codecs = []string{"-c:v", "libvpx", "-deadline", "good", "-cpu-used", "5", "-threads", "1", "-fflags", "+bitexact", "-c:a", "libopus"}
		}
		ffmpeg(t, append(append([]string{"-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:d=4", "-f", "lavfi", "-i", "sine=d=4"}, codecs...), in)...)
		data, err := os.ReadFile(in)
		if err != nil {
			t.Fatal(err)
		}
		from, to := len(data)/8, len(data)*7/8 // neither head nor index
		if at := bytes.Index(data, []byte("mdat")); name == "a.mp4" {
			from, to = at+4, at-4+int(binary.BigEndian.Uint32(data[at-4:]))
		}
		for i := from + 1000; i < to; i += 9973 {
			data[i] ^= 1 << (i % 8)
		}
		if err := os.WriteFile(in, data, 0o600); err != nil {
			t.Fatal(err)
		}
		r := livedub(t, append([]string{"dub", in, "--to", "es", "-o", out}, fakes...)...)
		if r.code != 0 {
			t.Fatalf("%s: exit %d: %s", name, r.code, r.stderr)
		}
		v := probe(t, filepath.Join(out, "es.mp4"))["video"]
		if got, err := strconv.ParseFloat(v.Duration, 64); err != nil || math.Abs(got-4) > .2 {
			t.Errorf("%s: %s s, want 4", name, v.Duration)
		}
	}
}
