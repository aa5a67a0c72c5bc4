package e2e

import (
	"fmt"
	"testing"
	"time"
)

// silent has Firefox find no loudspeaker, as on most servers, also where there
// is one: it then never runs what pages do with sound, and never says so.
var silent = map[string]any{"media.cubeb.force_null_context": true}

// plays waits until a video of the page shows one new frame after another.
func (f *fox) plays(name string) {
	f.t.Helper()
	video := `document.querySelector('` + id(name) + `')`
	f.await("a frame in "+name, video+`?.videoWidth > 0`, 40*time.Second)
	var seen struct{ Frames, Seconds float64 }
	const watch = `(async (v) => {
		const at = v.currentTime;
		let frames = 0, over = false;
		const count = () => over || (frames++, v.requestVideoFrameCallback(count));
		v.requestVideoFrameCallback(count);
		await new Promise((done) => setTimeout(done, 3000));
		over = true;
		return { frames, seconds: v.currentTime - at };
	})(%s)`
	if err := f.value(fmt.Sprintf(watch, video), &seen); err != nil {
		f.t.Fatal(err)
	}
	f.t.Logf("%s: %.0f frames in 3 s, of %.1f s", name, seen.Frames, seen.Seconds)
	if seen.Frames < 15 || seen.Seconds < 1 {
		f.t.Errorf("%s stands: %+v in 3 s", name, seen)
	}
}

// heard returns how much sound the page has received of its dub: seconds, and the energy in them.
func (f *fox) heard() (seconds, energy float64) {
	f.t.Helper()
	var got struct{ Seconds, Energy float64 }
	const stats = `window.__livedub.pcs.watch.getStats().then((all) => {
		const s = [...all.values()].find((r) => r.type === "inbound-rtp" && r.kind === "audio");
		return { seconds: s?.totalSamplesDuration ?? 0, energy: s?.totalAudioEnergy ?? 0 };
	})`
	if err := f.value(stats, &got); err != nil {
		f.t.Fatal(err)
	}
	return got.Seconds, got.Energy
}

func phaseIs(name string) string { return `window.__livedub.state.phase === "` + name + `"` }

// TestSampleInFirefox presses "try a sample" where no loudspeaker is: a dub comes all the same.
func TestSampleInFirefox(t *testing.T) {
	f := firefox(t, silent)
	s := serve(t)
	f.open(s.base)
	f.await("languages", `!document.querySelector('`+id("try-sample")+`').disabled`, 20*time.Second)
	f.click("try-sample")
	f.await("a live session", phaseIs("live"), 30*time.Second)
	f.plays("preview-video")
	f.plays("dubbed-video")
	f.await("a Spanish caption", `document.querySelector('`+id("caption-target")+` [data-final="true"]')?.innerText.length > 3`, 40*time.Second)
	f.await("a dubbed voice", `window.__livedub.state.level === "lips" || window.__livedub.state.level === "voice"`, 20*time.Second)
	seconds, energy := f.heard()
	t.Logf("the dub's sound: %.1f s, energy %.4f", seconds, energy)
	if seconds < 2 || energy < .01 {
		t.Errorf("the dub is silent: %.1f s, energy %.4f", seconds, energy)
	}
	f.screenshot("firefox-sample")
	f.click("stop")
	f.await("the end", phaseIs("idle"), 10*time.Second)
}

// TestCameraInFirefox dubs Firefox's own test camera. The view changes in every
// way before, and a viewer watches in another tab.
func TestCameraInFirefox(t *testing.T) {
	f := firefox(t, silent)
	s := serve(t, fakes...)
	const ready = `document.querySelector('[data-testid="start"]')?.disabled === false`
	level := `document.querySelector('` + id("level") + `')`
	f.open(s.base)
	f.await("the form", ready, 20*time.Second)
	for range 3 { // the level is drawn until the view changes, and not after
		f.click("camera-on")
		f.await("a level", level, 20*time.Second)
		f.plays("preview-video")
		f.click("kind-file")
		f.await("no level", "!"+level, 5*time.Second)
		f.click("kind-camera")
		f.await("a level again", level, 5*time.Second)
		f.run(`location.hash = "#/watch/nothing/es"`)
		f.await("a viewer's page", `document.querySelector('`+id("error")+`')?.dataset.kind === "session-gone"`, 20*time.Second)
		f.run(`location.hash = ""`)
		f.await("the form again", ready+` && document.querySelector('`+id("camera-on")+`')`, 20*time.Second)
	}
	f.click("camera-on")
	f.await("a level", level, 20*time.Second)
	f.click("consent")
	f.click("start")
	f.await("a live session", phaseIs("live"), 30*time.Second)
	f.plays("dubbed-video")
	f.await("a dubbed caption", `document.querySelector('`+id("caption-target")+` [data-final="true"]')?.innerText.length > 1`, 40*time.Second)
	f.screenshot("firefox-camera")

	var link string
	if err := f.value(`document.querySelector('`+id("watch-link")+`').href`, &link); err != nil {
		t.Fatal(err)
	}
	f.tab()
	f.open(link)
	f.plays("dubbed-video")
	f.click("lang-en")
	f.await("the original", `document.querySelector('`+id("badge")+`')?.textContent === "Original"`, 5*time.Second)
	f.plays("dubbed-video")
	f.screenshot("firefox-watch")
}
