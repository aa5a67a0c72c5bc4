package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// bursts makes a clip whose speech is a tone of 300 Hz at 1-2 s, 3-5 s and 6.5-7.5 s.
func bursts(t *testing.T, path string, args ...string) {
	t.Helper()
	const said = "aevalsrc='0.4*sin(2*PI*300*t)*(between(t,1,2)+between(t,3,5)+between(t,6.5,7.5))':s=48000:d=9"
	all := []string{"-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:d=9", "-f", "lavfi", "-i", said}
	ffmpeg(t, append(append(all, args...), path)...)
}

// TestDubInStep judges audio and video of a dub by the fakes' known tones, decoded by ffmpeg.
func TestDubInStep(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.mp4")
	bursts(t, in, "-c:v", "libx264", "-bf", "2", "-c:a", "aac", "-pix_fmt", "yuv420p")
	out := filepath.Join(dir, "out")
	if r := livedub(t, append([]string{"dub", in, "--from", "en", "--to", "es,ca", "-o", out, "--sound-loudness", "off"}, fakes...)...); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	for _, lang := range []string{"es", "ca"} {
		path := filepath.Join(out, lang+".mp4")
		s := probe(t, path)
		if v := s["video"]; v.CodecName != "h264" || v.Profile != "Constrained Baseline" || v.NbFrames != "225" || v.StartTime != "0.000000" {
			t.Errorf("%s: frame %+v", lang, v)
		}
		if a := s["audio"]; a.CodecName != "aac" {
			t.Errorf("%s: sound %+v", lang, a)
		}
		pcm := soundOf(t, path)
		for i, said := range []struct{ from, to float64 }{{1, 2}, {3, 5}, {6.5, 7.5}} {
			// The fake voice begins with the tone of a vowel (es: e), or after one silent letter (ca: c).
			at := onset(pcm, 1000, said.from-.3, 8000)
			if d := at - said.from; d < -.012 || d > .11 || lang == "es" && d > .012 {
				t.Errorf("%s: dub %d begins at %.3f s, the speaker at %.3f", lang, i+1, at, said.from)
			}
			if l := tone(pcm, 300, (said.from+said.to)/2) / (.4 * 32767); l < .13 || l > .17 {
				t.Errorf("%s: the original is at %.3f of its level under dub %d, want 0.15", lang, l, i+1)
			}
		}
	}
	r := readReport(t, out)
	for _, key := range []string{"phrases", "frames", "av_offset_ms", "ear_voice_span_ms", "stage_cpu_ms", "wall_s", "media_s", "peak_rss_mb"} {
		if r[key] == nil {
			t.Errorf("report.json lacks %s", key)
		}
	}
	av := r["av_offset_ms"].(map[string]any)
	if av["p99"] == nil || av["p99"].(float64) > 5 {
		t.Errorf("av_offset_ms %v", av)
	}
	phrases := r["phrases"].([]any)
	if len(phrases) != 6 {
		t.Fatalf("%d phrases", len(phrases))
	}
	first := phrases[0].(map[string]any)
	for _, key := range []string{"id", "lang", "source_text", "text", "source_start", "source_end", "dub_start", "dub_end", "late_ms", "rate", "fate", "marks"} {
		if first[key] == nil {
			t.Errorf("a phrase lacks %s", key)
		}
	}
	mark := first["marks"].([]any)[0].(map[string]any)
	for _, key := range []string{"ipa", "viseme", "at", "dur"} {
		if mark[key] == nil {
			t.Errorf("a mark lacks %s", key)
		}
	}
	frames := r["frames"].(map[string]any)["es"].(map[string]any)
	if frames["in"] != 225. || frames["out"] != 225. || frames["untouched"] != 225. {
		t.Errorf("frames %v", frames)
	}
	for file, want := range map[string]string{"es.vtt": "es:phrase es:2", "en.vtt": "phrase 3", "timeline.svg": "</svg>"} {
		b, err := os.ReadFile(filepath.Join(out, file))
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v: %.200s", file, err, b)
		}
	}
}

// TestDubGlossary: words of a file are kept or become what it says; the report
// names the engines, and the file's mistakes are told with their line.
func TestDubGlossary(t *testing.T) {
	dir := t.TempDir()
	in, words := filepath.Join(dir, "in.mp4"), filepath.Join(dir, "words.txt")
	bursts(t, in, "-vn", "-c:a", "aac")
	dub := func(text, out string) result {
		if err := os.WriteFile(words, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return livedub(t, append([]string{"dub", in, "--from", "en", "--to", "es,ca", "-o", out, "--glossary", words}, fakes...)...)
	}
	out := filepath.Join(dir, "out")
	if r := dub("PHRASE = es: Frase\n# no word\n3\n", out); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	for file, want := range map[string]string{"es.vtt": "es:Frase es:3", "ca.vtt": "ca:phrase ca:3"} {
		b, err := os.ReadFile(filepath.Join(out, file))
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v: %.200s", file, err, b)
		}
	}
	r := readReport(t, out)
	engines, _ := r["phrases"].([]any)[0].(map[string]any)["engines"].(map[string]any)
	if engines["recognizer"] != "fake" || engines["translator"] != "fake" || engines["voice"] != "fake" {
		t.Errorf("engines %v", engines)
	}
	if l := r["ladder"].(map[string]any)["es"].(map[string]any); l["terms_missed"] != 0. {
		t.Errorf("ladder %v", l)
	}
	if r := dub("a\nb =\n", out); r.code != 1 || !strings.Contains(r.stderr, "words.txt: line 2: ") {
		t.Errorf("a bad line: exit %d: %s", r.code, r.stderr)
	}
}

// TestDubWithTheRealEngines speaks English with flite and expects Spanish and Catalan.
func TestDubWithTheRealEngines(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.mp4"), filepath.Join(dir, "out")
	talk(t, in)
	if r := livedub(t, "dub", in, "--from", "en", "--to", "es,ca", "-o", out); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	text := map[string]string{}
	r := readReport(t, out)
	var last float64
	for _, p := range r["phrases"].([]any) {
		p := p.(map[string]any)
		lang := p["lang"].(string)
		text[lang] += " " + p["text"].(string)
		if p["fate"] != "played" {
			t.Errorf("phrase %v: %v %v", p["id"], p["fate"], p["error"])
			continue
		}
		if lang == "es" {
			if p["dub_start"].(float64) < last {
				t.Errorf("phrase %v begins at %v, before the one before it ends at %v", p["id"], p["dub_start"], last)
			}
			last = p["dub_end"].(float64)
		}
		if rate := p["rate"].(float64); rate < .9 || rate > 1.35 {
			t.Errorf("phrase %v: rate %v", p["id"], rate)
		}
	}
	for lang, want := range map[string]string{"es": "coche rojo", "ca": "vermell"} {
		if !strings.Contains(text[lang], want) {
			t.Errorf("%s: %q is not in:%s", lang, want, text[lang])
		}
		if s := probe(t, filepath.Join(out, lang+".mp4")); s["video"].CodecName != "h264" || s["audio"].CodecName != "aac" {
			t.Errorf("%s: %+v", lang, s)
		}
	}
	// Engines' own processes count: PocketSphinx needs a sixth of the sound's length, and is not in this one.
	if cpu := r["stage_cpu_ms"].(map[string]any); cpu["recognize"].(float64) < 500 || cpu["speak"].(float64) <= 0 || cpu["translate"].(float64) <= 0 {
		t.Errorf("stage_cpu_ms %v", cpu)
	}
	if av := r["av_offset_ms"].(map[string]any); av["p99"] == nil || av["p99"].(float64) > 20 {
		t.Errorf("av_offset_ms %v", av)
	}
}

func TestInputsOfEveryKind(t *testing.T) {
	dir := t.TempDir()
	const tones = "sine=frequency=300:duration=2"
	h264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"}
	for _, c := range []struct {
		name string
		args []string
		w, h int // of the dub, 0 for no frame
		n    int // frames, 0 for any number
	}{
		{"no sound.mp4", append([]string{"-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:d=2"}, h264...), 320, 240, 50},
		{"no frame.wav", []string{"-f", "lavfi", "-i", tones}, 0, 0, 0},
		{"one pixel.mkv", []string{"-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "1x1", "-r", "25", "-t", "1", "-i", "/dev/zero", "-c:v", "ffv1"}, 16, 16, 25},
		{"eight k.mp4", append([]string{"-f", "lavfi", "-i", "color=c=gray:size=7680x4320:rate=10:d=0.5"}, h264...), 1920, 1080, 5},
		{"odd.mkv", []string{"-f", "lavfi", "-i", "testsrc2=size=321x241:rate=25:d=1", "-c:v", "libvpx", "-deadline", "realtime"}, 0, 0, 25},
		{"15 fps.mp4", append([]string{"-f", "lavfi", "-i", "testsrc2=size=320x240:rate=15:d=2"}, h264...), 320, 240, 30},
		{"29.97 fps.mp4", append([]string{"-f", "lavfi", "-i", "testsrc2=size=320x240:rate=30000/1001:d=2"}, h264...), 320, 240, 60},
		{"60 fps.mp4", append([]string{"-f", "lavfi", "-i", "testsrc2=size=320x240:rate=60:d=2"}, h264...), 320, 240, 120},
		{"variable.mp4", append([]string{"-f", "lavfi", "-i", "testsrc2=size=320x240:rate=50:d=2", "-vf", "select='not(mod(n,3))+gt(n,70)'", "-vsync", "vfr"}, h264...), 320, 240, 53},
		{"stereo 8 kHz.mkv", append([]string{"-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:d=2", "-f", "lavfi", "-i", tones, "-ar", "8000", "-ac", "2", "-c:a", "pcm_s16le"}, h264...), 320, 240, 50},
		{"b-frames.mp4", append([]string{"-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:d=2", "-f", "lavfi", "-i", tones, "-bf", "3"}, append(h264, "-preset", "medium")...), 320, 240, 50},
		{"old.mpg", []string{"-f", "lavfi", "-i", "testsrc2=size=352x288:rate=25:d=2", "-f", "lavfi", "-i", tones}, 352, 288, 50},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, out := filepath.Join(dir, c.name), filepath.Join(dir, c.name+".out")
			ffmpeg(t, append(c.args, in)...)
			r := livedub(t, append([]string{"dub", in, "--to", "es", "-o", out}, fakes...)...)
			if r.code != 0 {
				t.Fatalf("exit %d: %s", r.code, r.stderr)
			}
			v, ok := probe(t, filepath.Join(out, "es.mp4"))["video"]
			if ok != (c.n > 0) {
				t.Fatalf("frame written: %v", ok)
			}
			if c.w > 0 && (v.Width != c.w || v.Height != c.h) {
				t.Errorf("%dx%d, want %dx%d", v.Width, v.Height, c.w, c.h)
			}
			if c.n > 0 && v.NbFrames != fmt.Sprint(c.n) {
				t.Errorf("%s frames, want %d", v.NbFrames, c.n)
			}
			if c.n > 0 && times(t, in) != times(t, filepath.Join(out, "es.mp4")) {
				t.Errorf("frames' times differ from the source's")
			}
			readReport(t, out)
		})
	}
}

// times lists the times of a file's frames against the first one's, to 10 ms.
func times(t *testing.T, path string) string {
	t.Helper()
	list := tool(t, "sh", "-c", `ffmpeg -hide_banner -i "$0" -map 0:v:0 -vsync passthrough -vf scale=16:16,showinfo -f null - 2>&1 | sed -n 's/.*pts_time:\([0-9.]*\).*/\1/p'`, path)
	var b strings.Builder
	first := -1.0
	for line := range strings.Lines(list) {
		var s float64
		if _, err := fmt.Sscan(line, &s); err == nil {
			if first < 0 {
				first = s
			}
			fmt.Fprintf(&b, "%.2f ", s-first)
		}
	}
	return b.String()
}

func TestRotationIsApplied(t *testing.T) {
	dir := t.TempDir()
	plain, in, out := filepath.Join(dir, "plain.mp4"), filepath.Join(dir, "in.mp4"), filepath.Join(dir, "out")
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:d=1", "-c:v", "libx264", "-pix_fmt", "yuv420p", plain)
	ffmpeg(t, "-i", plain, "-c", "copy", "-metadata:s:v:0", "rotate=90", in)
	if r := livedub(t, append([]string{"dub", in, "--to", "es", "-o", out}, fakes...)...); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	if v := probe(t, filepath.Join(out, "es.mp4"))["video"]; v.Width != 240 || v.Height != 320 {
		t.Fatalf("%dx%d", v.Width, v.Height)
	}
	// ffmpeg turns the source upright by itself: the two must look the same.
	psnr := tool(t, "sh", "-c", `ffmpeg -hide_banner -i "$0" -i "$1" -lavfi psnr -f null - 2>&1 | sed -n 's/.*average:\([0-9.inf]*\).*/\1/p'`, in, filepath.Join(out, "es.mp4"))
	var db float64
	if _, err := fmt.Sscan(psnr, &db); err != nil || db < 25 {
		t.Errorf("PSNR against ffmpeg's own turning: %q", psnr)
	}
}

func TestErrorsNameTheNextStep(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.mp4")
	bursts(t, in, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-t", "2")
	text := filepath.Join(dir, "text.mp4")
	if err := os.WriteFile(text, []byte("this is no film"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"dub", filepath.Join(dir, "none.mp4"), "--to", "es", "-o", dir + "/o"}, 1, "no such file"},
		{[]string{"dub", text, "--to", "es", "-o", dir + "/o"}, 1, "not a media file"},
		{[]string{"dub", dir, "--to", "es", "-o", dir + "/o"}, 1, "director"},
		{append([]string{"dub", in, "--to", "xx", "-o", dir + "/o"}, fakes...), 1, "en->es"},
		{append([]string{"dub", in, "--from", "de", "--to", "es", "-o", dir + "/o"}, fakes...), 1, "en->es"},
		{append([]string{"dub", in, "--to", "es", "-o", text + "/o"}, fakes...), 1, "-o"},
		{append([]string{"dub", in, "--to", "es", "-o", "/proc/livedub"}, fakes...), 1, "-o"},
		{[]string{"dub", in, "-o", dir + "/o"}, 2, "--to"},
		{[]string{"dub", in, "--to", "es"}, 2, "-o"},
		{[]string{"dub", "--to", "es", "-o", dir + "/o"}, 2, "name one file"},
		{[]string{"dub", in, "--to", "../../es", "-o", dir + "/o"}, 2, "language code"},
		{[]string{"dub", in, "--too", "es"}, 2, "--to"},
		{[]string{"dbu"}, 2, "dub"},
	} {
		r := livedub(t, c.args...)
		if r.code != c.code || !strings.Contains(r.stderr, c.want) {
			t.Errorf("%q: exit %d, want %d with %q in: %s", c.args, r.code, c.code, c.want, r.stderr)
		}
		if lines := strings.Count(strings.TrimSpace(r.stderr), "\n"); lines > 0 && c.code == 1 {
			t.Errorf("%q: %d lines on stderr: %s", c.args, lines+1, r.stderr)
		}
		if regexp.MustCompile(`goroutine \d|panic:`).MatchString(r.stderr) {
			t.Errorf("%q: %s", c.args, r.stderr)
		}
	}
	if es, err := os.ReadDir(dir + "/o"); err == nil {
		for _, e := range es {
			if info, err := e.Info(); err == nil && info.Size() == 0 {
				t.Errorf("an empty %s is left behind", e.Name())
			}
		}
	}
}

func TestOwnInputIsNotOverwritten(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "es.mp4")
	bursts(t, in, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-t", "2")
	before, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	r := livedub(t, append([]string{"dub", in, "--to", "es", "-o", dir}, fakes...)...)
	after, err := os.ReadFile(in)
	if r.code != 1 || err != nil || len(after) != len(before) {
		t.Errorf("exit %d, %d bytes of %d left: %s", r.code, len(after), len(before), r.stderr)
	}
}
