package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser opens a page in headless Chromium whose camera and microphone play
// files, and closes it with the test.
func browser(t *testing.T, camera, microphone string) context.Context {
	t.Helper()
	exe, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("SKIPPED: no chromium: sudo apt-get install -y chromium")
	}
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(exe), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 960)}
	for _, f := range strings.Fields(`headless=new no-sandbox disable-gpu disable-quic no-first-run disable-background-networking
		disable-component-update disable-sync use-fake-device-for-media-stream use-fake-ui-for-media-stream
		autoplay-policy=no-user-gesture-required disable-background-timer-throttling disable-renderer-backgrounding
		disable-backgrounding-occluded-windows allow-loopback-in-peer-connection disable-dev-shm-usage lang=en-US`) {
		name, value, ok := strings.Cut(f, "=")
		if ok {
			opts = append(opts, chromedp.Flag(name, value))
		} else {
			opts = append(opts, chromedp.Flag(name, true))
		}
	}
	if camera != "" {
		opts = append(opts, chromedp.Flag("use-file-for-fake-video-capture", camera), chromedp.Flag("use-file-for-fake-audio-capture", microphone))
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithErrorf(t.Logf))
	t.Cleanup(func() {
		cancel()
		stop()
	})
	err = chromedp.Listen(ctx, func(ev any) {
		if e, ok := ev.(*runtime.EventExceptionThrown); ok {
			t.Errorf("the page threw: %v", e.ExceptionDetails)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// await evaluates a JavaScript condition until it holds.
func await(t *testing.T, ctx context.Context, what, condition string, limit time.Duration) {
	t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(200 * time.Millisecond) {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+condition+")"))
		if err == nil && ok {
			return
		}
		if time.Now().After(end) {
			screenshot(t, ctx, "failed")
			text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
			t.Fatalf("%s did not come about in %v (%v); the page says:\n%s", what, limit, err, text)
		}
	}
}

// screenshot keeps a picture of the page where LIVEDUB_SCREENSHOTS points to.
func screenshot(t *testing.T, ctx context.Context, name string) {
	dir := os.Getenv("LIVEDUB_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Logf("screenshot: %v", err)
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		t.Logf("screenshot: %v", err)
	}
}

// id is how the page names its parts for tests.
func id(name string) string { return `[data-testid="` + name + `"]` }

// studio opens the page, starts a dub of a drawn camera and a microphone that
// plays a file, and waits until its picture comes back.
func studio(t *testing.T, s *server, microphone string) context.Context {
	t.Helper()
	camera := filepath.Join(t.TempDir(), "camera.mjpeg")
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc2=size=640x480:rate=30:d=4", "-q:v", "4", camera)
	ctx := browser(t, camera, microphone)
	if err := chromedp.Do(ctx, chromedp.Navigate(s.base), chromedp.WaitVisible(chromedp.CSS(id("start")))); err != nil {
		t.Fatal(err)
	}
	screenshot(t, ctx, "before")
	if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(id("consent"))), chromedp.Click(chromedp.CSS(id("start")))); err != nil {
		t.Fatal(err)
	}
	await(t, ctx, "a dubbed picture", `document.querySelector('`+id("dubbed-video")+`').videoWidth > 0 && document.querySelector('`+id("dubbed-video")+`').currentTime > 1`, 40*time.Second)
	return ctx
}

// TestCameraInTheBrowser dubs a camera and a microphone in real Chromium.
func TestCameraInTheBrowser(t *testing.T) {
	dir := t.TempDir()
	talk(t, filepath.Join(dir, "talk.mp4"))
	wav := filepath.Join(dir, "talk.wav")
	ffmpeg(t, "-i", filepath.Join(dir, "talk.mp4"), "-vn", "-ar", "48000", "-ac", "1", wav)
	ctx := studio(t, serve(t), wav)
	await(t, ctx, "an English caption", `/car|garden|morning|time|weather/i.test(document.querySelector('`+id("caption-source")+`').innerText)`, 40*time.Second)
	await(t, ctx, "a Spanish caption", `/coche|jard|tiempo|buenos|rojo/i.test(document.querySelector('`+id("caption-target")+`').innerText)`, 40*time.Second)
	screenshot(t, ctx, "live")

	// Sound against picture as this player aligns them, which takes it some
	// seconds, and more where other work keeps it from the processor.
	var offsets []float64
	together := func() bool {
		if len(offsets) < 5 {
			return false
		}
		last := slices.Sorted(slices.Values(offsets[len(offsets)-5:]))
		return last[2] <= 45 && last[4] <= 80
	}
	time.Sleep(8 * time.Second)
	for end := time.Now().Add(60 * time.Second); !together() && time.Now().Before(end); time.Sleep(time.Second) {
		if v, err := chromedp.Run(ctx, chromedp.Evaluate[float64](`+document.querySelector('`+id("offset")+`').dataset.value`)); err == nil {
			offsets = append(offsets, max(v, -v))
		}
	}
	t.Logf("sound against picture in the browser, ms: %.0f", offsets)
	if !together() {
		t.Errorf("sound and picture do not come together: %.0f ms", offsets)
	}
}

// TestSampleInTheBrowser is what a newcomer without a camera does first.
func TestSampleInTheBrowser(t *testing.T) {
	s := serve(t)
	ctx := browser(t, "", "")
	if err := chromedp.Do(ctx, chromedp.Navigate(s.base), chromedp.WaitVisible(chromedp.CSS(id("try-sample"))), chromedp.Click(chromedp.CSS(id("try-sample")))); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	await(t, ctx, "a dubbed picture", `document.querySelector('`+id("dubbed-video")+`')?.videoWidth > 0`, 40*time.Second)
	await(t, ctx, "a Spanish caption", `/[a-z]{3}/i.test(document.querySelector('`+id("caption-target")+`').innerText)`, 40*time.Second)
	t.Logf("the first Spanish caption came %v after the click", time.Since(began).Round(100*time.Millisecond))
	time.Sleep(8 * time.Second)
	screenshot(t, ctx, "sample")
}
