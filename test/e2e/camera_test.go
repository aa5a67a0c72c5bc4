package e2e

import (
	"context"
	_ "embed"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

//go:embed testdata/look.js
var lookJS string

// sight is a second of the dubbed frame: its mean brightness and what changed in it, 0 to 255.
type sight struct{ Light, Moved float64 }

// Black and standing are told from a test card that is drawn anew.
func (s sight) black() bool  { return s.Light < 10 }
func (s sight) stands() bool { return s.Moved < 0.3 }
func (s sight) moves() bool  { return !s.black() && !s.stands() }

// see waits until the dubbed frame is as wanted.
func see(t *testing.T, ctx context.Context, what string, want func(sight) bool) {
	t.Helper()
	var s sight
	for end := time.Now().Add(30 * time.Second); ; {
		var err error
		s, err = chromedp.Run(ctx, chromedp.Evaluate[sight](fmt.Sprintf("(%s)('%s')", lookJS, id("dubbed-video")), chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatal(err)
		}
		if want(s) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s did not come about: %+v", what, s)
		}
	}
}

// TestDevicesGoAndComeBack: without a frame the voice is dubbed on, the page
// says what is wrong, and the frame comes back with the camera; likewise the
// dub with the microphone.
func TestDevicesGoAndComeBack(t *testing.T) {
	wav := filepath.Join(t.TempDir(), "sentences.wav")
	sentences(t, wav)
	ctx := studio(t, serve(t, fakes...), cardCamera, wav)
	const (
		message = `document.querySelector('[data-testid="error"]')`
		plugged = `navigator.mediaDevices.dispatchEvent(new Event("devicechange"))`
		// A track that a page stops tells nobody; one whose device is pulled out does.
		unplugged = `.stop(); lost.dispatchEvent(new Event("ended"))`
		toggle    = `document.querySelector('[data-testid="camera-toggle"]').click()`
		video     = `window.__livedub.state.preview.getVideoTracks()[0]`
		sender    = `window.__livedub.pcs.publish.getTransceivers().find((x) => x.receiver.track.kind === "video").sender`
	)
	for _, c := range []struct {
		kind, says  string
		leave, back string
		gone        func(sight) bool
	}{
		{"camera-off", "camera is off", toggle, toggle, sight.black},
		{"camera-still", "No video comes", sender + `.replaceTrack(null)`, sender + `.replaceTrack(` + video + `)`, sight.stands},
		{"camera-lost", "was disconnected", `const lost = ` + video + `; lost` + unplugged, plugged, sight.stands},
	} {
		t.Run(c.kind, func(t *testing.T) {
			see(t, ctx, "a frame", sight.moves)
			evaluate(t, ctx, c.leave)
			await(t, ctx, "a message", message+`?.dataset.kind === "`+c.kind+`" && `+message+`.innerText.includes("`+c.says+`")`, 10*time.Second)
			see(t, ctx, "no frame", c.gone)
			screenshot(t, ctx, c.kind)
			listen(t, ctx, 15).onTime(t, 1)
			evaluate(t, ctx, c.back)
			await(t, ctx, "no message", "!"+message, 10*time.Second)
			see(t, ctx, "the frame again", sight.moves)
			await(t, ctx, "the same session, live", `window.__livedub.state.phase === "live"`, time.Second)
		})
	}
	screenshot(t, ctx, "camera-back")
	evaluate(t, ctx, `const lost = window.__livedub.state.preview.getAudioTracks()[0]; lost`+unplugged)
	await(t, ctx, "a message", message+`?.dataset.kind === "microphone-lost"`, 10*time.Second)
	see(t, ctx, "the frame without sound", sight.moves)
	evaluate(t, ctx, plugged)
	await(t, ctx, "no message", "!"+message, 10*time.Second)
	time.Sleep(8 * time.Second) // a sound's clock stood still without it, and is found again within seconds
	listen(t, ctx, 15).onTime(t, 1)
}

// evaluate runs a statement in the page.
func evaluate(t *testing.T, ctx context.Context, statement string) {
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("(() => { "+statement+"; return true })()")); err != nil {
		t.Fatal(err)
	}
}
