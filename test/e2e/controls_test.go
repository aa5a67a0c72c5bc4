package e2e

import (
	"context"
	_ "embed"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"livedub/inference/fake"
)

//go:embed testdata/tones.js
var tonesJS string

// turn is how many seconds two sentences of the microphone take, and their pauses.
const turn = 8

// loudest waits until the loudest tone that a page's dub has in a while, from now on, is
// within bounds, and returns it. A server that is too slow leaves dubs out.
func loudest(t *testing.T, page context.Context, what string, least, most float64) float64 {
	t.Helper()
	script[float64](t, page, `__tones.mark()`)
	await(t, page, what, fmt.Sprintf(`(m => m && (window.__loudest = m.tone) > %f && m.tone < %f)(__tones.most(%d))`, least, most, turn), 90*time.Second)
	return script[float64](t, page, `window.__loudest`)
}

// TestControlsInTheBrowser: by the page's controls a dub is muted, levelled and dumped.
// The voice of the fake speaker is a tone, which is looked for in what the player lets
// be heard.
func TestControlsInTheBrowser(t *testing.T) {
	wav := filepath.Join(t.TempDir(), "sentences.wav")
	sentences(t, wav)
	s := serve(t, slices.Concat(fakes, []string{"--sound-loudness", "off"})...) // levels are judged as they are set
	page := studio(t, s, cardCamera, wav)
	script[bool](t, page, fmt.Sprintf("(%s)(%d)", tonesJS, fake.Tone))
	sounds := func(what string) {
		t.Helper()
		script[float64](t, page, `__tones.mark()`)
		await(t, page, what, `__tones.most(.5)?.tone > .05`, 60*time.Second)
	}
	click := func(name string) {
		t.Helper()
		if err := chromedp.Do(page, chromedp.Click(chromedp.CSS(id(name)))); err != nil {
			t.Fatal(err)
		}
	}
	pressed := func(name string, is bool) {
		t.Helper()
		await(t, page, fmt.Sprintf("%s as the server tells it", name), fmt.Sprintf(`document.querySelector('%s[aria-pressed="%v"]')`, id(name), is), 20*time.Second)
	}
	sounds("the dub")

	click("mute-es")
	pressed("mute-es", true)
	script[float64](t, page, `__tones.mark()`)
	await(t, page, "a dub that is not heard, and the original in its place", fmt.Sprintf(`(m => m && m.tone < .02 && m.all > .02)(__tones.most(%d))`, turn), 60*time.Second)
	screenshot(t, page, "controls-muted")
	click("mute-es")
	pressed("mute-es", false)
	sounds("the dub, which is not muted anymore")

	before := loudest(t, page, "the dub as loud as it comes", .1, 1)
	script[bool](t, page, fmt.Sprintf(`(e => (e.value = -12, e.dispatchEvent(new Event("input", { bubbles: true }))))(document.querySelector(%q))`, id("gain-es")))
	await(t, page, "a level that the server tells", `window.__livedub.state.session.dubs.es.gain_db === -12`, 20*time.Second)
	after := loudest(t, page, "the dub at a quarter of that", before/8, before/2.5)
	t.Logf("the tone is %.3f loud, and %.3f by 12 dB less", before, after)

	link := script[string](t, page, `document.querySelector('`+id("watch-link")+`').href`)
	viewer := tab(t, page, link)
	await(t, viewer, "a viewer's caption", `window.__livedub.state.rows.some((r) => r.lines.es?.final)`, 60*time.Second)
	if n := script[int](t, viewer, `document.querySelectorAll('`+id("board")+`').length`); n != 0 {
		t.Error("who may only watch has controls")
	}
	dumps(t, page, viewer)

	controls := script[string](t, page, `window.__livedub.state.session.control`)
	withRight := tab(t, page, s.base+"/#/watch/"+filepath.Base(controls)+"/es")
	await(t, withRight, "controls for who has the right", `document.querySelector('`+id("mute-es")+`[aria-pressed="false"]')`, 30*time.Second)
	press(t, withRight, id("mute-es"))
	pressed("mute-es", true)
	screenshot(t, withRight, "controls-watch")
}

// dumpShown is what a page knows of a dump.
type dumpShown struct {
	From, To float64
	Phrases  []int
}

// dumps presses the dump as soon as a phrase has been captioned, and looks for it in the
// captions, at a viewer's, and in the sound.
func dumps(t *testing.T, page, viewer context.Context) {
	t.Helper()
	var is dumpShown
	for try := 0; len(is.Phrases) == 0; try++ {
		if try == 5 {
			t.Fatal("no phrase was in time to be dumped") // not even of five
		}
		script[float64](t, page, `(window.__known = Math.max(0, ...window.__livedub.state.rows.filter((r) => r.lines.es?.final).map((r) => r.id)), __tones.mark())`)
		await(t, page, "another phrase", `window.__livedub.state.rows.some((r) => r.id > window.__known && r.lines.es?.final)`, 60*time.Second)
		press(t, page, id("dump"))
		await(t, page, "word of the dump", fmt.Sprintf(`document.querySelector('%s').dataset.from > %f`, id("dumped"), is.From), 20*time.Second)
		is = script[dumpShown](t, page, `(({ from, to, phrases }) => ({ From: from, To: to, Phrases: phrases }))(window.__livedub.state.dumped)`)
	}
	t.Logf("dumped %+v: %s", is, script[string](t, page, `document.querySelector('`+id("dumped")+`').innerText`))
	if d := is.To - is.From; d < 3.9 || d > 4.1 {
		t.Errorf("%.2f s", d)
	}
	screenshot(t, page, "controls-dumped")
	last := is.Phrases[len(is.Phrases)-1]
	for who, p := range map[string]context.Context{"speaker": page, "viewer": viewer} {
		await(t, p, "the "+who+"'s captions without what was dumped", fmt.Sprintf(`window.__livedub.state.dumped?.from === %v && !window.__livedub.state.rows.some((r) => r.id === %d)`, is.From, last), 20*time.Second)
	}
	if n := script[int](t, page, fmt.Sprintf(`document.querySelectorAll('.captions [data-id="%d"]').length`, last)); n != 0 {
		t.Errorf("%d lines of what was dumped are shown", n)
	}
	// The sentences' own pauses are two seconds.
	await(t, page, "silence of what was dumped", `__tones.hush() > 3.2`, 30*time.Second)
	await(t, page, "captions of what is said then", fmt.Sprintf(`window.__livedub.state.rows.some((r) => r.id > %d && r.lines.es?.final)`, last), 60*time.Second)
}
