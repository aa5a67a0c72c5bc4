package e2e

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"livedub/internal/testkit/groundtest"
)

// TestRecordingsInTheBrowser records the sample call, and has the page play what was
// recorded: while it grows, by its segments, and afterwards as one file; in both
// languages on one clock; by its transcript. Then it deletes it.
func TestRecordingsInTheBrowser(t *testing.T) {
	s := serve(t, "--record", "all", "--store-dir", t.TempDir())
	t.Run("while it grows", func(t *testing.T) { grows(t, s) })
	ctx := browser(t, "", "")
	if err := chromedp.Do(ctx, chromedp.Navigate(s.base), chromedp.WaitEnabled(chromedp.CSS(id("try-sample"))), chromedp.WaitVisible(chromedp.CSS(id("consent-record")))); err != nil {
		t.Fatal(err)
	}
	load := groundtest.NewStrain(t)
	press(t, ctx, id("try-sample"))
	await(t, ctx, "a sign that the call is recorded", `document.querySelector('`+id("recorded")+`')?.dataset.state === "on"`, 30*time.Second)
	screenshot(t, ctx, "recorded-call")

	await(t, ctx, "a link to the recording, when the sample is over", `document.querySelector('`+id("kept-link")+`')`, 60*time.Second)
	screenshot(t, ctx, "recorded-ended")
	await(t, ctx, "the end of the recording, as one file", `fetch("./v1/recordings?limit=1").then((r) => r.json()).then((r) => window.ended = r.recordings[0].state === "whole" && r.recordings[0].languages.every((l) => l.file)) && window.ended`, 60*time.Second)
	press(t, ctx, id("kept-link"))
	await(t, ctx, "the recording", ready, 30*time.Second)
	if src := script[string](t, ctx, video+`.currentSrc`); !strings.HasPrefix(src, s.base) {
		t.Errorf("one file is there, and %s is played", src)
	}
	play(t, ctx, "recording", load)

	if err := chromedp.Do(ctx, chromedp.Navigate(s.base+"/#/recordings")); err != nil {
		t.Fatal(err)
	}
	await(t, ctx, "the list", `document.querySelectorAll('`+id("recording")+`').length === 1`, 10*time.Second)
	screenshot(t, ctx, "recordings")
	press(t, ctx, id("recording-delete"))
	screenshot(t, ctx, "recordings-delete")
	press(t, ctx, id("recording-delete-sure"))
	await(t, ctx, "an empty list", `document.querySelector('`+id("recordings-empty")+`')`, 10*time.Second)
}

// grows looks at the recording of a call that goes on meanwhile, of a camera.
func grows(t *testing.T, s *server) {
	dir := t.TempDir()
	talk(t, filepath.Join(dir, "talk.mp4"))
	wav := filepath.Join(dir, "talk.wav")
	ffmpeg(t, "-i", filepath.Join(dir, "talk.mp4"), "-vn", "-ar", "48000", "-ac", "1", wav)
	ctx := studio(t, s, cardCamera, wav)
	var list struct {
		Recordings []struct{ ID, State, Session, Watch string }
	}
	for end := time.Now().Add(15 * time.Second); len(list.Recordings) == 0; time.Sleep(200 * time.Millisecond) {
		if status, body := s.call(t, "GET", "/v1/recordings", "", &list); status != 200 || time.Now().After(end) {
			t.Fatalf("%d %s", status, body)
		}
	}
	if list.Recordings[0].State != "growing" {
		t.Fatalf("%+v", list)
	}
	tab, cancel := chromedp.NewContext(ctx)
	defer cancel()
	if err := chromedp.Do(tab, chromedp.Navigate(list.Recordings[0].Watch)); err != nil {
		t.Fatal(err)
	}
	await(t, tab, "the growing recording", ready+" && "+saidThere+" > 0 && document.querySelector('"+id("lang-es")+"') !== null", 60*time.Second) // the dub's first segment ends D later
	if src := script[string](t, tab, video+`.currentSrc`); !strings.HasPrefix(src, "blob:") {
		t.Errorf("it grows, and %s is played", src)
	}
	play(t, tab, "growing", groundtest.NewStrain(t))
	press(t, ctx, id("stop"))
	if status, body := s.call(t, "DELETE", "/v1/recordings/"+list.Recordings[0].ID, "", nil); status != 204 {
		t.Errorf("%d %s", status, body)
	}
	if status, body := s.call(t, "GET", "/v1/recordings/"+list.Recordings[0].ID, "", nil); status != 404 {
		t.Errorf("after it was deleted: %d %s", status, body)
	}
}

const (
	video     = `document.querySelector('[data-testid="recording-video"]')`
	ready     = video + `?.readyState >= 3`
	saidThere = `document.querySelectorAll('[data-testid="transcript"] li').length`
)

// play plays a recording, changes its language and back, and goes where a phrase of its transcript was said.
func play(t *testing.T, ctx context.Context, name string, load groundtest.Strain) {
	t.Helper()
	script[bool](t, ctx, video+`.play(), true`)
	await(t, ctx, "a recording that plays", `window.__livedub.recording.now > 2 && `+video+`.videoWidth > 0`, 20*time.Second)
	screenshot(t, ctx, name)
	script[bool](t, ctx, video+`.pause(), true`)
	for _, lang := range []string{"en", "es"} {
		before := script[float64](t, ctx, `window.__livedub.recording.now`)
		press(t, ctx, id("lang-"+lang))
		time.Sleep(300 * time.Millisecond)
		await(t, ctx, lang, ready+` && !`+video+`.seeking && document.querySelector("canvas").hidden`, 20*time.Second)
		after := script[float64](t, ctx, `window.__livedub.recording.now`)
		t.Logf("%s: %s: %.3f s before, %.3f s after", name, lang, before, after)
		if math.Abs(after-before) > 0.05 {
			t.Errorf("%s: the clock jumps from %.3f to %.3f s at the change to %s", name, before, after, lang)
		}
	}
	if script[int](t, ctx, saidThere) == 0 {
		if why, heavy := load.Heavy(t); !heavy {
			t.Errorf("%s: nothing was heard of the sample, with %s", name, why)
		}
		return
	}
	const line = `[data-testid="transcript"] li:first-child`
	press(t, ctx, line+" button")
	said := script[string](t, ctx, `document.querySelector('`+line+` time').innerText`)
	await(t, ctx, "the phrase that was clicked", fmt.Sprintf(`(() => { const [m, s] = %q.split(":").map(Number); const d = window.__livedub.recording.now - 60 * m - s; return d >= 0 && d < 4; })()`, said), 10*time.Second)
	await(t, ctx, "its line as the one that is heard", `document.querySelector('`+line+`').classList.contains("now")`, 5*time.Second)
	screenshot(t, ctx, name+"-phrase")
}

// press clicks what a selector names, wherever it is on the page.
func press(t *testing.T, ctx context.Context, selector string) {
	t.Helper()
	script[bool](t, ctx, fmt.Sprintf(`document.querySelector(%q).click(), true`, selector))
}

// script evaluates JavaScript.
func script[T any](t *testing.T, ctx context.Context, text string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}
