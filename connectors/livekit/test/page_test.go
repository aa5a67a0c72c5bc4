package test

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/livekit/protocol/auth"
)

// open opens the listener's page in Chromium, and returns what evaluates there.
func open(t *testing.T, address string) func(script string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Fatal("chromium is not installed: make test-livekit installs it")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.ExecPath("chromium"),
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("headless", "new"),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"), chromedp.Flag("allow-loopback-in-peer-connection", true),
		chromedp.Flag("disable-background-timer-throttling", true), chromedp.Flag("disable-renderer-backgrounding", true),
		chromedp.WSURLReadTimeout(patience))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, stop2 := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		closing, stop3 := context.WithTimeout(ctx, 20*time.Second)
		defer stop3()
		_ = chromedp.Cancel(closing)
		stop2()
		stop()
	})
	if _, err := chromedp.Run(ctx, chromedp.Navigate(address)); err != nil {
		t.Fatal(err)
	}
	return func(script string) (string, error) {
		return chromedp.Run(ctx, chromedp.Evaluate[string]("String("+script+")"))
	}
}

// TestPage: a person opens the page, picks Spanish, and hears, sees and reads it, while the
// original is silent; then they want the original back.
func TestPage(t *testing.T) {
	s := play(t, "--room", "demo")
	ana := s.come(t, "demo", "ana", map[string]string{"livedub.consent": "true"})
	ana.speak(t, true)
	yes := true
	token, err := auth.NewAccessToken(apiKey, apiSecret).SetIdentity("ben").SetVideoGrant(&auth.VideoGrant{RoomJoin: true, Room: "demo", CanUpdateOwnMetadata: &yes}).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	eval := open(t, fmt.Sprintf("%s/#url=%s&token=%s", s.api, url.QueryEscape(s.url), token))
	is := func(script string) func() bool {
		return func() bool {
			so, err := eval(script)
			return err == nil && so == "true"
		}
	}
	pick := func(what string) {
		t.Helper()
		if _, err := eval(what); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "Ana is on the page, in her own voice", is(`!!document.querySelector('[data-testid=person-ana] video')?.srcObject && __livedub.room.remoteParticipants.get('ana').getVolume() === 1`))
	pick(`(() => { const v = document.getElementById('video'); v.checked = true; v.dispatchEvent(new Event('change')); const l = document.getElementById('lang'); l.value = 'es'; l.dispatchEvent(new Event('change')); })()`)
	eventually(t, "the page says that she is dubbed", is(`document.querySelector('[data-testid=person-ana] .made')?.textContent === 'AI dubbed'`))
	eventually(t, "her own voice is silent", is(`__livedub.room.remoteParticipants.get('ana').getVolume() === 0`))
	eventually(t, "Spanish is read", func() bool {
		text, err := eval(`document.querySelector('[data-testid=caption-ana]').textContent`)
		return err == nil && strings.TrimSpace(text) != ""
	})
	const dubs = `[...__livedub.room.remoteParticipants.values()].flatMap(p => [...p.trackPublications.values()]).filter(p => p.trackName === 'ana-es')`
	eventually(t, "sound and picture of the dub play", is(dubs+`.length === 2 && `+dubs+`.every(p => p.track?.attachedElements.some(e => e.currentTime > 6 && !e.paused))`))
	eventually(t, "the picture is the dub's", is(dubs+`.some(p => p.kind === 'video' && p.track?.attachedElements.includes(document.querySelector('[data-testid=person-ana] video')))`))
	// A wish that is overtaken by the next one is no failure: livekit-client waits 5 s to see it.
	if said, err := eval(`document.getElementById('status').textContent`); err != nil || said != "" {
		t.Errorf("the page says %q, %v", said, err)
	}
	pick(`(() => { const l = document.getElementById('lang'); l.value = ''; l.dispatchEvent(new Event('change')); })()`)
	eventually(t, "her own voice is back", is(`__livedub.room.remoteParticipants.get('ana').getVolume() === 1 && `+dubs+`.length === 0`))
}
