package e2e

import (
	_ "embed"
	"fmt"
	"image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"livedub/internal/talker"
)

//go:embed testdata/glass.js
var glass string

// glassResult is what glass.js returns.
type glassResult struct {
	Delays    []float64 `json:"delays"`
	Sent, Got int
}

// TestGlassToGlass measures in real Chromium, by bar codes in both pictures,
// that a dubbed picture is later by D than one that goes through a server which
// neither waits nor dubs, and by nothing else.
func TestGlassToGlass(t *testing.T) {
	dir := t.TempDir()
	talk(t, filepath.Join(dir, "talk.mp4"))
	wav, camera := filepath.Join(dir, "talk.wav"), filepath.Join(dir, "talker.mjpeg")
	ffmpeg(t, "-i", filepath.Join(dir, "talk.mp4"), "-vn", "-ar", "48000", "-ac", "1", wav)
	film(t, camera, 300)
	bare, dubbing := serve(t, "--recognize-engine", "off", "--lips-engine", "off"), serve(t)
	ctx := browser(t, camera, wav)
	if err := chromedp.Do(ctx, chromedp.Navigate(bare.base+"/healthz")); err != nil {
		t.Fatal(err)
	}
	median := map[int]float64{}
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
		if len(r.Delays) < 60 {
			t.Fatalf("D %d ms: %d codes sent, %d came, %d paired", d, r.Sent, r.Got, len(r.Delays))
		}
		settled := r.Delays[len(r.Delays)/2:]
		slices.Sort(settled)
		median[d] = settled[len(settled)/2]
		t.Logf("D %d ms: %d pictures, median %.1f ms, middle half %.1f to %.1f ms later than in the preview",
			d, len(settled), median[d], settled[len(settled)/4], settled[len(settled)*3/4])
	}
	// Both medians are whole pictures of the page's: each may be one off on a busy machine.
	if diff := median[2000] - median[0] - 2000; diff < -68 || diff > 68 {
		t.Errorf("D of 2 s delays pictures by %.1f ms more than none: %.1f ms off, more than two pictures", median[2000]-median[0], diff)
	}
}

// film writes n pictures of the drawn talker with their numbers as Motion JPEG, which Chromium plays as a camera.
func film(t *testing.T, path string, n int) {
	t.Helper()
	tk, err := talker.New(talker.Config{Width: 640, Height: 360, FPS: testFPS, BarCode: true})
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
		err := jpeg.Encode(f, talker.Image(frame), &jpeg.Options{Quality: 85})
		frame.Release()
		if err != nil {
			t.Fatal(err)
		}
	}
}
