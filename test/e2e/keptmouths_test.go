package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"livedub/internal/testkit/caller"
	"livedub/internal/testkit/groundtest"
)

// keptCall is what a call tells of the speaker's mouths.
type keptCall struct {
	ID, WHIP, Control string
	WHEP              map[string]string
	MouthsKey         string `json:"mouths_key"`
	Mouths            *struct {
		Known, Enough int
		Speech        float64  `json:"speech_s"`
		Ready         *float64 `json:"ready_s"`
	}
	Kept *struct {
		State, Why string
		Keeps      bool
	} `json:"kept_mouths"`
	Dubs map[string]struct{ Frames map[string]int }
}

// callAs has a recorded speaker call for a while, and returns the call as it stands at the
// end of it, when it is over, and as it was made.
func callAs(t *testing.T, s *server, m *caller.Material, ask string, until func(keptCall) bool) (last, made keptCall) {
	t.Helper()
	if code, text := s.call(t, "POST", "/v1/sessions", `{"from":"en","to":["es"],"delay_ms":1500,"consent":true`+ask+`}`, &made); code != 201 {
		t.Fatalf("%d %s", code, text)
	}
	client := caller.NewClient(s.base, "", 4)
	defer client.Close()
	peers, err := caller.NewPeers()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	target := func(address, lang string) caller.Target {
		return caller.Target{Address: address, Session: made.ID, Lang: lang, Fence: &caller.Fence{}}
	}
	speaker := caller.NewSpeaker(m, client, peers, target(made.WHIP, ""), func(caller.Event) {})
	viewer := caller.NewViewer(client, peers, target(made.WHEP["es"], "es"), nil, func(caller.Event) {})
	ended := make(chan bool, 2)
	go func() { speaker.Run(ctx); ended <- true }()
	go func() { viewer.Run(ctx); ended <- true }()
	path := strings.TrimPrefix(made.Control, s.base)
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(40 * time.Millisecond) {
		last = keptCall{}
		s.call(t, "GET", path, "", &last)
		if until(last) {
			break
		}
	}
	stop()
	<-ended
	<-ended
	if code, text := s.call(t, "DELETE", path, "", nil); code != 204 {
		t.Errorf("%d %s", code, text)
	}
	return last, made
}

// TestKeptMouths calls a server twice as a recorded speaker who agrees to their mouths being
// kept: the second call starts warm by the key of the first one, also when the server was
// started anew. Somebody else who has the key gets nothing of it. What lies on the disk,
// and the log, tell neither key nor picture.
func TestKeptMouths(t *testing.T) {
	who, other := groundtest.Shared(t, "clips/lp__d10.mp4"), groundtest.Shared(t, "clips/vr__3.mp4")
	material := func(clip string) *caller.Material {
		m, err := caller.Prepare(t.Context(), caller.Making{Width: 640, Height: 360, Clip: clip})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	mine, theirs := material(who), material(other)
	dir := t.TempDir()
	args := append([]string{"--lips-keep", "1h", "--store-dir", dir, "--log-level", "debug"}, fakes...)
	s := serve(t, args...)
	known := func(n int) func(keptCall) bool {
		return func(c keptCall) bool { return c.Mouths != nil && c.Mouths.Known >= n }
	}
	first, made := callAs(t, s, mine, `,"keep_mouths":true`, known(24))
	if first.Mouths == nil || first.Mouths.Ready == nil || first.Kept == nil || first.Kept.State != "none" || !first.Kept.Keeps || len(made.MouthsKey) != 43 {
		t.Fatalf("the first call: %+v, kept %+v", first.Mouths, first.Kept)
	}
	t.Logf("cold: %d mouths, enough after %.2f s of speech", first.Mouths.Known, *first.Mouths.Ready)
	s.stop(t) // a call's end does not wait for the store, the server's does
	onDisk := keptFiles(t, dir)
	if len(onDisk) != 1 {
		t.Fatalf("%d files are kept, want the mouths of one speaker", len(onDisk))
	}

	s = serve(t, args...)
	key := fmt.Sprintf(`,"keep_mouths":true,"mouths_key":%q`, made.MouthsKey)
	seen := 0
	second, _ := callAs(t, s, mine, key, func(c keptCall) bool {
		if c.Mouths != nil && c.Mouths.Ready != nil && seen == 0 {
			seen = c.Mouths.Known
		}
		return c.Kept != nil && c.Kept.State == "warm" && c.Dubs["es"].Frames["own"] > 10
	})
	if second.Kept == nil || second.Kept.State != "warm" || second.Mouths.Ready == nil || seen < 12 {
		t.Errorf("the second call: %+v, kept %+v", second.Mouths, second.Kept)
	} else {
		t.Logf("warm: %d mouths at once, enough after %.2f s of speech; frames %v", seen, *second.Mouths.Ready, second.Dubs["es"].Frames)
	}

	third, _ := callAs(t, s, theirs, key, known(16))
	if third.Kept == nil || third.Kept.State != "waiting" || third.Mouths == nil || third.Mouths.Known < 16 {
		t.Errorf("somebody else: %+v, kept %+v", third.Mouths, third.Kept)
	}

	for range 100 { // a call's end does not wait for the store
		if b := keptFiles(t, dir); len(b) == 1 && !bytes.Equal(b[0], onDisk[0]) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, b := range append(keptFiles(t, dir), onDisk...) {
		for _, plain := range []string{made.MouthsKey, "PNG", "IHDR", "mouths"} {
			if bytes.Contains(b, []byte(plain)) {
				t.Errorf("%q lies on the disk", plain)
			}
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), "DELETE", s.base+"/v1/mouths", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+made.MouthsKey)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if left := keptFiles(t, dir); resp.StatusCode != 204 || len(left) > 0 {
		t.Errorf("erased: %d, %d files are left", resp.StatusCode, len(left))
	}
	if log := s.printed(); strings.Contains(log, made.MouthsKey) {
		t.Errorf("the log tells the key: %s", log)
	}
}

// keptFiles returns the mouths that lie in a store.
func keptFiles(t *testing.T, dir string) (out [][]byte) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), "mouths", func(path string, e fs.DirEntry, err error) error {
		if os.IsNotExist(err) || err == nil && !e.Type().IsRegular() {
			return nil
		}
		if err != nil {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		out = append(out, b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestPageKeepsMouths has the page keep a speaker's mouths: the next call from the same
// browser starts warm and says so, until the person has them forgotten.
func TestPageKeepsMouths(t *testing.T) {
	groundtest.Shared(t, "clips/ls__demo2_video.mp4") // of the drawn face no tracker is sure
	dir := t.TempDir()
	s := serve(t, append([]string{"--lips-keep", "1h", "--store-dir", dir}, fakes...)...)
	camera, wav := filepath.Join(t.TempDir(), "camera.mjpeg"), filepath.Join(t.TempDir(), "talk.wav")
	faceCamera(t, camera)
	ffmpeg(t, "-f", "lavfi", "-i", "sine=300:d=8", "-ar", "48000", "-ac", "1", wav)
	page := browser(t, camera, wav)
	click := func(names ...string) {
		t.Helper()
		for _, name := range names {
			if err := chromedp.Do(page, chromedp.WaitVisible(chromedp.CSS(id(name))), chromedp.Click(chromedp.CSS(id(name)))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := chromedp.Do(page, chromedp.Navigate(s.base)); err != nil {
		t.Fatal(err)
	}
	const kept = `localStorage.getItem("livedub.mouths")`
	mouths := func(is string) string { return `document.querySelector('` + id("mouths") + `')?.dataset.` + is }
	click("keep-mouths", "consent", "start")
	await(t, page, "own mouths", mouths("ready"), time.Minute)
	await(t, page, "a key", `/^[\w-]{43}$/.test(`+kept+`)`, time.Second)
	click("stop")
	for end := time.Now().Add(20 * time.Second); len(keptFiles(t, dir)) == 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing was kept")
		}
	}
	if err := chromedp.Do(page, chromedp.Navigate(s.base+"/?again")); err != nil {
		t.Fatal(err)
	}
	await(t, page, "the box, ticked as it was chosen before", `document.querySelector('`+id("keep-mouths")+`')?.checked && !document.querySelector('`+id("start")+`').disabled`, 20*time.Second)
	click("consent", "start")
	await(t, page, "a warm start", mouths("kept")+` === "warm"`, time.Minute)
	click("stop", "forget-mouths")
	await(t, page, "that the mouths are forgotten", kept+` === null`, 10*time.Second)
	time.Sleep(time.Second) // what the call has left would be kept by now
	if left := keptFiles(t, dir); len(left) > 0 {
		t.Errorf("%d files are left", len(left))
	}
}
