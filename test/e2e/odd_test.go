package e2e

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// dubWith runs livedub with a file as its standard input, by a pipe.
func dubWith(t *testing.T, in string, args ...string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-c", `cat "$0" | "$@"`, in, filepath.Join(bin, "livedub")}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, io.MultiWriter(&stderr, allLogs.of(t, args, os.Environ()))
	_ = cmd.Run()
	return result{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

func TestSourcesWithoutSamples(t *testing.T) {
	dir := t.TempDir()
	in, wav, out := filepath.Join(dir, "in.mp4"), filepath.Join(dir, "in.wav"), filepath.Join(dir, "out")
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc2=size=360x360:rate=30:d=4", "-f", "lavfi", "-i", "sine=d=4", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", in)
	head := "RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00data\x00\x00\x00\x00"
	if err := os.WriteFile(wav, []byte(head), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, r := range map[string]result{
		"save it to a file first": dubWith(t, in, append([]string{"dub", "-", "--to", "es", "-o", out}, fakes...)...),
		"not one sample":          livedub(t, append([]string{"dub", wav, "--to", "es", "-o", out}, fakes...)...),
	} {
		if r.code != 1 || !strings.Contains(r.stderr, want) {
			t.Errorf("exit %d, want 1 with %q in: %s", r.code, want, r.stderr)
		}
		if _, err := os.Stat(out); !os.IsNotExist(err) {
			t.Errorf("something is left: %v", err)
		}
	}
	// Samples that are none: the film opens, and nothing in it can be decoded.
	for _, only := range []string{"-an", "-vn"} {
		broken := filepath.Join(dir, "broken.mp4")
		ffmpeg(t, "-i", in, "-c", "copy", only, broken)
		data, err := os.ReadFile(broken)
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(data, []byte("mdat"))
		for i := at + 4; i < at-4+int(binary.BigEndian.Uint32(data[at-4:])); i++ {
			data[i] = 0xff
		}
		if err := os.WriteFile(broken, data, 0o600); err != nil {
			t.Fatal(err)
		}
		r := livedub(t, append([]string{"dub", broken, "--to", "es", "-o", out}, fakes...)...)
		if _, err := os.Stat(out); r.code != 1 || !strings.Contains(r.stderr, "can be decoded") || !os.IsNotExist(err) {
			t.Errorf("%s: exit %d, %v: %s", only, r.code, err, r.stderr)
		}
	}
	// A file by redirection can be searched, and a stream needs not be; languages may stand apart.
	ts := filepath.Join(dir, "in.ts")
	ffmpeg(t, "-i", in, "-c", "copy", ts)
	if r := dubWith(t, ts, append([]string{"dub", "-", "--to", "es, ca", "-o", out}, fakes...)...); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	for _, lang := range []string{"es", "ca"} {
		if s := probe(t, filepath.Join(out, lang+".mp4")); s["video"].NbFrames != "120" {
			t.Errorf("%s: %+v", lang, s["video"])
		}
	}
}

// TestTwoDubsIntoOneFolder: the second is refused while the first works, and not after that was killed.
func TestTwoDubsIntoOneFolder(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.mp4"), filepath.Join(dir, "out")
	bursts(t, in, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac")
	first, _, _ := marked(t, append([]string{"dub", in, "--to", "es", "-o", out, "--realtime"}, fakes...)...)
	made := func() []string {
		found, _ := filepath.Glob(filepath.Join(out, ".es.mp4.*.part"))
		return found
	}
	until(t, "the first has begun", func() bool { return len(made()) == 1 })
	r := livedub(t, append([]string{"dub", in, "--to", "es", "-o", out}, fakes...)...)
	if r.code != 1 || !strings.Contains(r.stderr, "another dub") || !strings.Contains(r.stderr, "-o") {
		t.Errorf("the second: exit %d: %s", r.code, r.stderr)
	}
	if err := first.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	if len(made()) != 1 {
		t.Errorf("killed, the first leaves %v", made())
	}
	if r := livedub(t, append([]string{"dub", in, "--to", "es", "-o", out}, fakes...)...); r.code != 0 {
		t.Fatalf("after a kill: exit %d: %s", r.code, r.stderr)
	}
	if len(made()) != 0 {
		t.Errorf("left behind: %v", made())
	}
	if s := probe(t, filepath.Join(out, "es.mp4")); s["video"].NbFrames != "225" {
		t.Errorf("%+v", s["video"])
	}
}

// look is what ffprobe tells of how frames are to be shown.
type look struct {
	Primaries string `json:"color_primaries"`
	Transfer  string `json:"color_transfer"`
	Matrix    string `json:"color_space"`
	Range     string `json:"color_range"`
	Fields    string `json:"field_order"`
	Duration  string
}

func lookOf(t *testing.T, path string) look {
	t.Helper()
	var v struct{ Streams []look }
	out := tool(t, "ffprobe", "-v", "error", "-select_streams", "v", "-show_streams", "-of", "json", path)
	if err := json.Unmarshal([]byte(out), &v); err != nil || len(v.Streams) != 1 {
		t.Fatalf("%s: %v", out, err)
	}
	return v.Streams[0]
}

// fieldsIn returns how many frames of a file are two fields, as ffmpeg sees it.
func fieldsIn(t *testing.T, path string) (n int) {
	t.Helper()
	out := tool(t, "sh", "-c", `ffmpeg -hide_banner -i "$0" -vf idet -an -f null - 2>&1 | sed -n 's/.*Multi frame.*TFF: *\([0-9]*\) BFF: *\([0-9]*\).*/\1 \2/p'`, path)
	var top, bottom int
	if _, err := fmt.Sscan(out, &top, &bottom); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	return top + bottom
}

// TestFramesOfEveryKind: colours are told, HDR is made standard, fields are made
// whole, and slides last as long as they do.
func TestFramesOfEveryKind(t *testing.T) {
	dir := t.TempDir()
	tags := func(primaries, transfer, matrix string) []string {
		return []string{"-color_primaries", primaries, "-color_trc", transfer, "-colorspace", matrix}
	}
	h264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"}
	hdr := []string{"-c:v", "ffv1", "-pix_fmt", "yuv420p10le", "-color_range", "tv"}
	for _, c := range []struct {
		name   string
		source string
		args   []string
		want   look
		n      string
		warns  string
	}{
		{"tagged.mp4", "testsrc2=size=320x240:rate=25:d=1", append(h264, tags("smpte170m", "smpte170m", "smpte170m")...),
			look{Primaries: "smpte170m", Transfer: "smpte170m", Matrix: "smpte170m", Range: "tv"}, "25", ""},
		{"untagged.mp4", "testsrc2=size=320x240:rate=25:d=1", h264, look{}, "25", ""},
		{"pq.mkv", "testsrc2=size=320x240:rate=25:d=1", append(hdr, tags("bt2020", "smpte2084", "bt2020nc")...),
			look{Primaries: "bt709", Transfer: "bt709", Matrix: "bt709", Range: "tv"}, "25", "standard range"},
		{"hlg.mkv", "testsrc2=size=320x240:rate=25:d=1", append(hdr, tags("bt2020", "arib-std-b67", "bt2020nc")...),
			look{Primaries: "bt709", Transfer: "bt709", Matrix: "bt709", Range: "tv"}, "25", "standard range"},
		{"interlaced.ts", "testsrc2=size=720x576:rate=50:d=2", []string{"-vf", "interlace", "-c:v", "mpeg2video", "-b:v", "6M", "-flags", "+ilme+ildct", "-top", "1"},
			look{Fields: "progressive"}, "50", ""},
		{"slides.mp4", "testsrc2=size=320x240:rate=1/2:d=6", h264, look{Duration: "6.000000"}, "3", ""},
		{"one slide.mp4", "testsrc2=size=320x240:rate=1/20:d=20", h264, look{Duration: "20.000000"}, "1", ""},
		{"raw.avi", "testsrc2=size=320x240:rate=25:d=1", []string{"-c:v", "rawvideo", "-pix_fmt", "yuv422p"}, look{}, "25", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, out := filepath.Join(dir, c.name), filepath.Join(dir, c.name+".out")
			ffmpeg(t, append(append([]string{"-f", "lavfi", "-i", c.source}, c.args...), in)...)
			r := livedub(t, append([]string{"dub", in, "--to", "es", "-o", out}, fakes...)...)
			if r.code != 0 || !strings.Contains(r.stderr, c.warns) {
				t.Fatalf("exit %d: %s", r.code, r.stderr)
			}
			path := filepath.Join(out, "es.mp4")
			got := lookOf(t, path)
			for _, v := range [][3]string{{"primaries", got.Primaries, c.want.Primaries}, {"transfer", got.Transfer, c.want.Transfer},
				{"matrix", got.Matrix, c.want.Matrix}, {"range", got.Range, c.want.Range}, {"fields", got.Fields, c.want.Fields}, {"duration", got.Duration, c.want.Duration}} {
				if v[2] != "" && v[1] != v[2] {
					t.Errorf("%s %q, want %q", v[0], v[1], v[2])
				}
			}
			if n := probe(t, path)["video"].NbFrames; n != c.n {
				t.Errorf("%s frames, want %s", n, c.n)
			}
			if c.want.Fields != "" {
				if n := fieldsIn(t, path); n != 0 {
					t.Errorf("ffmpeg sees fields in %d frames of it", n)
				}
			}
		})
	}
}

// TestSpeechThatIsHardToHear: what people hear, the recognizer hears.
func TestSpeechThatIsHardToHear(t *testing.T) {
	dir := t.TempDir()
	say, other := filepath.Join(dir, "say.wav"), filepath.Join(dir, "other.wav")
	tool(t, "flite", "-voice", "rms", "-t", "Good morning. We drink coffee every day.", "-o", say)
	tool(t, "flite", "-voice", "slt", "-t", "The children play in the garden.", "-o", other)
	for name, args := range map[string][]string{
		"antiphase.wav": {"-i", say, "-af", "aresample=48000,pan=stereo|c0=c0|c1=-1*c0"},
		"36 less.wav":   {"-i", say, "-af", "volume=-36dB"},
		"42 less.wav":   {"-i", say, "-af", "volume=-42dB"},
		"centre.ac3":    {"-i", say, "-af", "aresample=48000,pan=5.1|c2=c0"},
		"a.wma":         {"-i", say, "-c:a", "wmav2"},
		"ima.wav":       {"-i", say, "-c:a", "adpcm_ima_wav"},
		"ms.wav":        {"-i", say, "-c:a", "adpcm_ms"},
		"second.mka": {"-i", other, "-i", say, "-map", "0", "-map", "1", "-c:a", "libopus",
			"-metadata:s:a:0", "language=spa", "-metadata:s:a:1", "language=eng"},
	} {
		t.Run(name, func(t *testing.T) {
			in, out := filepath.Join(dir, name), filepath.Join(dir, name+".out")
			ffmpeg(t, append(args, in)...)
			if r := livedub(t, "dub", in, "--to", "es", "-o", out); r.code != 0 {
				t.Fatalf("exit %d: %s", r.code, r.stderr)
			}
			text, err := os.ReadFile(filepath.Join(out, "en.vtt"))
			if err != nil || !strings.Contains(string(text), "we drink coffee every day") || !strings.Contains(string(text), "good morning") {
				t.Errorf("heard %v: %s", err, fmt.Sprintf("%.300s", text))
			}
		})
	}
}
