package e2e

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"livedub/internal/testkit/onnxfile"
	"livedub/internal/testkit/testspeaker"
)

// painter writes a net that paints the mouth green, as bright as the voice is loud, and its manifest.
func painter(t *testing.T) (manifest string) {
	t.Helper()
	dir := t.TempDir()
	if err := onnxfile.PaintByMel(filepath.Join(dir, "paint.onnx"), 96, 1); err != nil {
		t.Fatal(err)
	}
	return writeManifest(t, dir, `{"kind": "wav2lip", "model": "paint.onnx", "size": 96, "batch": 4}`)
}

func writeManifest(t *testing.T, dir, text string) string {
	t.Helper()
	path := filepath.Join(dir, "net.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// greenness returns, for every frame of a file decoded by ffmpeg, how far its
// 30 greenest samples of colour lie from grey.
func greenness(t *testing.T, path string, w, h int) []float64 {
	t.Helper()
	raw := tool(t, "ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
	size := w * h * 3 / 2
	var out []float64
	for ; len(raw) >= size; raw = raw[size:] {
		var count [511]int
		u, v := raw[w*h:w*h*5/4], raw[w*h*5/4:size]
		for i := range u {
			count[int(u[i])+int(v[i])]++
		}
		n, sum := 0, 0
		for both := 0; n < 30; both++ {
			n, sum = n+count[both], sum+count[both]*(256-both)
		}
		out = append(out, float64(sum)/float64(n))
	}
	return out
}

// TestDubByANet sends a file through a real net, from the setting to the pixels:
// the mouth is green where and as loudly as the dub speaks, and as it was elsewhere.
func TestDubByANet(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.mp4"), filepath.Join(dir, "out")
	film(t, filepath.Join(dir, "face.mjpeg"), 270)
	ffmpeg(t, "-framerate", fmt.Sprint(testFPS), "-i", filepath.Join(dir, "face.mjpeg"), "-f", "lavfi", "-i",
		"aevalsrc='0.4*sin(2*PI*300*t)*(between(t,1,2)+between(t,4,6))':s=48000:d=9",
		"-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest", in)
	r := livedub(t, "dub", in, "--to", "es", "-o", out, "--lips", painter(t), "--badge", "off",
		"--recognize-engine", "fake", "--translate-engine", "fake")
	if r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	report := readReport(t, out)
	frames := report["frames"].(map[string]any)["es"].(map[string]any)
	made := frames["net"].(float64)
	if made < 40 || frames["own"] != 0. || frames["warp"] != 0. {
		t.Errorf("frames %v: every mouth should be the net's", frames)
	}
	green := greenness(t, filepath.Join(out, "es.mp4"), 640, 360)
	was := greenness(t, in, 640, 360)
	pcm := soundOf(t, filepath.Join(out, "es.mp4"))
	var loud, lightness []float64
	painted := 0
	for i := range min(len(green), len(was)) {
		if green[i] < was[i]+8 {
			continue
		}
		painted++
		loud, lightness = append(loud, heardAt(pcm, i*soundRate/testFPS)), append(lightness, green[i])
	}
	if painted < int(made)/3 {
		t.Errorf("%d frames have a green mouth, %.0f went through the net", painted, made)
	}
	// .79 to .81: no run is like another, for espeak-ng's sound depends on what its
	// process said before. Sound 100 ms off has .65, 200 ms off .5, 400 ms off .2.
	c := correlation(loud, lightness)
	t.Logf("how green the mouth is and how loud the dub is correlate by %.2f", c)
	if c < .7 {
		t.Errorf("how green the mouth is and how loud the dub is correlate by %.2f", c)
	}
	for _, p := range report["phrases"].([]any) {
		p := p.(map[string]any)
		if p["fate"] != "played" {
			continue
		}
		middle := int((p["dub_start"].(float64) + .4) * testFPS)
		if green[middle] < was[middle]+8 {
			t.Errorf("frame %d, in a dub: no greener than it was (%.0f, %.0f)", middle, green[middle], was[middle])
		}
	}
	if green[3] > was[3]+4 {
		t.Errorf("a frame before any dub is greener than it was: %.0f, %.0f", green[3], was[3])
	}
}

// heardAt returns how loud the 200 ms of sound from a sample on are to a net that
// hears mel features: the mean of the logarithms of the energy of 12.5 ms each, low
// tones taken off, as such features are made.
func heardAt(pcm []float64, from int) (sum float64) {
	const lag = soundRate / 16000 // features are made at 16 kHz
	for frame := range 16 {
		var energy float64
		start := max(from+frame*soundRate/80, lag)
		for i := min(start, len(pcm)); i < min(start+soundRate/80, len(pcm)); i++ {
			v := pcm[i] - .97*pcm[i-lag]
			energy += v * v
		}
		sum += math.Log(energy+1e4) / 16
	}
	return sum
}

func correlation(a, b []float64) float64 {
	var ma, mb, saa, sbb, sab float64
	n := float64(len(a))
	for i := range a {
		ma, mb = ma+a[i]/n, mb+b[i]/n
	}
	for i := range a {
		saa, sbb, sab = saa+(a[i]-ma)*(a[i]-ma), sbb+(b[i]-mb)*(b[i]-mb), sab+(a[i]-ma)*(b[i]-mb)
	}
	return sab / math.Sqrt(saa*sbb)
}

// TestLiveByANet: a call by a net, its counts and its metrics, and the end of places.
func TestLiveByANet(t *testing.T) {
	s := serve(t, append([]string{"--lips", painter(t), "--max-sessions", "1"}, fakes...)...)
	var made mouthInfo
	if code, answer := s.call(t, "POST", "/v1/sessions", `{"from":"en","to":["es"],"delay_ms":1000,"consent":true}`, &made); code != 201 {
		t.Fatalf("%d %s", code, answer)
	}
	if code, answer := s.call(t, "POST", "/v1/sessions", `{"from":"en","to":["es"]}`, nil); code != 503 {
		t.Errorf("a second session of one: %d %s", code, answer)
	}
	publish(t, s, "/whip/"+made.ID, record(t, testspeaker.Config{Width: 640, Height: 360}, 20*time.Second), nil)
	watch(t, s, "/whep/"+made.ID+"/es")
	var now mouthInfo
	until(t, "mouths by the net", func() bool {
		s.call(t, "GET", "/v1/sessions/"+made.ID, "", &now)
		return now.Dubs["es"].Frames["net"] > 20
	})
	f := now.Dubs["es"].Frames
	if f["net"] < f["own"]+f["warp"] {
		t.Errorf("frames %v: most mouths should be the net's", f)
	}
	_, metrics := s.call(t, "GET", "/metrics", "", nil)
	for _, name := range []string{`livedub_frames_total{mouth="net"}`, `livedub_model_run_seconds_count{model="lips"}`, `livedub_model_capacity_fps{model="lips"}`, "livedub_capacity 1"} {
		if !strings.Contains(metrics, name) {
			t.Errorf("/metrics has no %s", name)
		}
	}
}

// TestNetsThatCannotBeUsed: each ends the start with a line that says what to do.
func TestNetsThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	for name, write := range map[string]func(string) error{
		"truncated.onnx": func(p string) error { return onnxfile.Truncated(p, 96) },
		"inputs.onnx":    func(p string) error { return onnxfile.WrongInputs(p, 96) },
		"good.onnx":      func(p string) error { return onnxfile.CopyReference(p, 96) },
	} {
		if err := write(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	in := filepath.Join(dir, "in.mp4")
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:d=1", "-c:v", "libx264", "-pix_fmt", "yuv420p", in)
	// A GPU that is not there is no reason not to start where the settings say so.
	r := livedub(t, append([]string{"dub", in, "--to", "es", "-o", filepath.Join(dir, "out"), "--onnx-provider", "cuda", "--onnx-allow-fallback",
		"--lips", writeManifest(t, dir, `{"kind": "wav2lip", "model": "good.onnx", "size": 96}`)}, fakes...)...)
	if r.code != 0 || !strings.Contains(r.stderr, "does not run where it was asked to") {
		t.Errorf("cuda with a fallback: exit %d: %s", r.code, r.stderr)
	}
	for _, c := range []struct {
		manifest string
		args     []string
		says     []string
	}{
		{`{"kind": "wav2lip", "model": "gone.onnx", "size": 96}`, nil, []string{"gone.onnx", "no such file"}},
		{`{"kind": "wav2lip", "model": "truncated.onnx", "size": 96}`, nil, []string{"truncated.onnx"}},
		{`{"kind": "wav2lip", "model": "inputs.onnx", "size": 96}`, nil, []string{"does not fit its manifest"}},
		{`{"kind": "wav2lip", "model": "good.onnx", "size": 256}`, nil, []string{"does not fit its manifest"}},
		{`{"kind": "wav2lip", "model": "good.onnx", "siz": 96}`, nil, []string{`unknown field "siz"`}},
		{`{"kind": "wav2lip", "model": "good.onnx", "size": 96}`, []string{"--onnx-provider", "cuda"}, []string{"cuda"}},
		{`{"kind": "wav2lip", "model": "good.onnx", "size": 96}`, []string{"--onnx-library", "/nowhere"}, []string{"/nowhere"}},
		{`{"kind": "wav2lip", "model": "good.onnx", "size": 96}`, []string{"--lips-engine", "off"}, []string{"lips.engine"}},
		{`{"kind": "wav2lip", "remote": {"addr": "127.0.0.1:1", "model": "m"}, "size": 96}`, nil, []string{"127.0.0.1:1"}},
	} {
		args := append([]string{"dub", in, "--to", "es", "-o", filepath.Join(dir, "out"), "--lips", writeManifest(t, dir, c.manifest)}, c.args...)
		r := livedub(t, append(args, fakes...)...)
		if r.code == 0 {
			t.Errorf("%s %v: taken", c.manifest, c.args)
		}
		for _, want := range c.says {
			if !strings.Contains(r.stderr, want) {
				t.Errorf("%s %v: no %q in %s", c.manifest, c.args, want, r.stderr)
			}
		}
		if strings.Contains(r.stderr, "panic") || strings.Contains(r.stderr, "goroutine") {
			t.Errorf("%s %v: %s", c.manifest, c.args, r.stderr)
		}
	}
}
