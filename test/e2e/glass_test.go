package e2e

import (
	_ "embed"
	"fmt"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"livedub/internal/testkit/testspeaker"
)

//go:embed testdata/glass.js
var glass string

// glassResult is what glass.js returns.
type glassResult struct {
	Came, Shown []float64 // ms after the capture
	Sent, Got   int
}

// TestGlassToGlass measures in real Chromium, by bar codes in both frames,
// that a dubbed frame is later by D than one that goes through a server which
// neither waits nor dubs, and by nothing else. Times count from the camera's
// capture to the packet's return: that varies by 2 ms from run to run, while the
// page shows frames, the preview's too, anywhere from 10 to 60 ms later, and
// changes that with every stream.
func TestGlassToGlass(t *testing.T) {
	dir := t.TempDir()
	talk(t, filepath.Join(dir, "talk.mp4"))
	wav, camera := filepath.Join(dir, "talk.wav"), filepath.Join(dir, "speaker.mjpeg")
	ffmpeg(t, "-i", filepath.Join(dir, "talk.mp4"), "-vn", "-ar", "48000", "-ac", "1", wav)
	film(t, camera, 300)
	bare, dubbing := serve(t, "--recognize-engine", "off", "--lips-engine", "off"), serve(t)
	ctx := browser(t, camera, wav)
	bench := httptest.NewServer(http.NotFoundHandler()) // a page without a policy: the servers' own allow no camera here, or no other server
	defer bench.Close()
	if err := chromedp.Do(ctx, chromedp.Navigate(bench.URL)); err != nil {
		t.Fatal(err)
	}
	came := map[int]float64{}
	for d, s := range map[int]*server{0: bare, 2000: dubbing} {
		var made struct {
			Whip string
			Whep map[string]string
		}
		s.call(t, "POST", "/v1/sessions", fmt.Sprintf(`{"from":"en","to":["es"],"delay_ms":%d,"consent":true}`, d), &made)
		r, err := chromedp.Run(ctx, chromedp.Evaluate[glassResult](fmt.Sprintf("(%s)(%q, %q, %d)", glass, made.Whip, made.Whep["es"], 8), chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Came) < 60 {
			t.Fatalf("D %d ms: %d codes sent, %d came, %d paired", d, r.Sent, r.Got, len(r.Came))
		}
		var shown float64
		came[d], shown = median(r.Came), median(r.Shown)
		t.Logf("D %d ms: %d frames, median %.1f ms after their capture, shown after %.1f ms", d, len(r.Came), came[d], shown)
		if late := shown - float64(d); late < 0 || late > 150 {
			t.Errorf("D %d ms: frames are shown %.1f ms after their capture", d, shown)
		}
	}
	// 2 ms on an idle machine, 8 ms where others keep both cores busy.
	if diff := came[2000] - came[0] - 2000; diff < -34 || diff > 34 {
		t.Errorf("D of 2 s delays frames by %.1f ms more than none: %.1f ms off, more than a frame", came[2000]-came[0], diff)
	}
}

// median returns that of the second half, when the stream has settled.
func median(v []float64) float64 {
	settled := slices.Sorted(slices.Values(v[len(v)/2:]))
	return settled[len(settled)/2]
}

// film writes n frames of the drawn speaker with their numbers as Motion JPEG, which Chromium plays as a camera.
func film(t *testing.T, path string, n int) {
	t.Helper()
	tk, err := testspeaker.New(testspeaker.Config{Width: 640, Height: 360, FPS: testFPS, BarCode: true})
	if err != nil {
		t.Fatal(err)
	}
	defer tk.Close()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := range n {
		frame := tk.Frame(i)
		err := jpeg.Encode(f, testspeaker.Image(frame), &jpeg.Options{Quality: 85})
		frame.Release()
		if err != nil {
			t.Fatal(err)
		}
	}
}
