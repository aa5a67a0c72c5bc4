package e2e

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/hlstest"
)

//go:embed testdata/hls.html
var hlsHTML []byte

// player opens a page of another origin that plays a playlist by the page's own hls.js.
func player(t *testing.T, address string) *httptest.Server {
	t.Helper()
	script, err := os.ReadFile("../../web/dist/hls.js")
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hls.js" {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write(script)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(hlsHTML)
	}))
	t.Cleanup(site.Close)
	site.URL += "/?src=" + url.QueryEscape(address)
	return site
}

// TestHLSInTheBrowser plays a call in real Chromium from a page of another origin, where
// each language has its own picture, and where all share one; it changes the language, and
// reads captions.
func TestHLSInTheBrowser(t *testing.T) {
	s := serve(t)
	for name, own := range map[string]bool{"own pictures": true, "one picture": false} {
		t.Run(name, func(t *testing.T) { hlsPlayed(t, s, own) })
	}
}

func hlsPlayed(t *testing.T, s *server, own bool) {
	c := hlsSession(t, s, own)
	pc, _ := sending{}.publish(t, s, c.WHIP, newSpeaker(t, time.Second))
	defer func() { _ = pc.GracefulClose() }()
	ctx := browser(t, "", "")
	if err := chromedp.Do(ctx, chromedp.Navigate(player(t, s.base+c.HLS).URL)); err != nil {
		t.Fatal(err)
	}
	await(t, ctx, "a picture that moves", `document.querySelector("#v").videoWidth === 640 && document.querySelector("#v").currentTime > 0 && !document.querySelector("#v").paused`, 60*time.Second)
	_, body := c.get(t, c.HLS)
	m, err := hlstest.ReadMultivariant([]byte(body))
	if err != nil || len(m.Variants) != map[bool]int{true: 3, false: 1}[own] {
		t.Errorf("%v: %s", err, body)
	}
	if langs := script[[]string](t, ctx, `hls.allAudioTracks.map((a) => a.lang)`); !slices.Equal(langs, []string{"es", "ca", "en"}) {
		t.Errorf("sounds of %v", langs)
	}
	script[bool](t, ctx, `hls.subtitleTrack = hls.subtitleTracks.findIndex((s) => s.lang === "es"), true`)
	playsOn(t, ctx)
	if own {
		if levels := script[[]int](t, ctx, `at.levels`); len(levels) != 1 {
			t.Errorf("it changed the language by itself: levels %v", levels)
		}
		if uri := script[string](t, ctx, `hls.levels[hls.currentLevel].uri`); uri != s.base+c.at("es", "video.m3u8") {
			t.Errorf("it plays %s", uri)
		}
	}
	hlsCueTimes(t, ctx, c)

	if own {
		script[bool](t, ctx, `hls.nextLevel = hls.levels.findIndex((l) => l.uri.includes("/ca/")), true`)
		await(t, ctx, "the other picture", `hls.levels[hls.currentLevel].uri.includes("/ca/")`, 90*time.Second)
	} else {
		script[bool](t, ctx, `hls.setAudioOption({ lang: "ca" }), true`)
	}
	await(t, ctx, "the other sound", `hls.audioTracks[hls.audioTrack]?.lang === "ca"`, 90*time.Second)
	from := script[float64](t, ctx, `document.querySelector("#v").currentTime`)
	await(t, ctx, "what is played goes on behind the change", `document.querySelector("#v").currentTime > `+fmt.Sprint(from+3), 60*time.Second)
	if fatal := script[[]string](t, ctx, `at.fatal`); len(fatal) > 0 {
		t.Errorf("fatal errors: %v", fatal)
	}
	screenshot(t, ctx, "hls")
	if own {
		return
	}
	_ = pc.GracefulClose() // the speaker goes, and another comes
	time.Sleep(9 * time.Second)
	publish(t, s, c.WHIP, newSpeaker(t, time.Second), nil)
	await(t, ctx, "what is played goes on behind the hole", `hls.latency < 12 && document.querySelector("#v").currentTime > `+fmt.Sprint(from+5+9+4), 60*time.Second)
	if fatal := script[[]string](t, ctx, `at.fatal`); len(fatal) > 0 {
		t.Errorf("fatal errors behind the hole: %v", fatal)
	}
}

// playsOn has a player play for a while, in which it hardly stands. Where server and player
// are kept from the processor it may, and is given another chance.
func playsOn(t *testing.T, ctx context.Context) {
	t.Helper()
	for try := 1; ; try++ {
		load := groundtest.NewStrain(t)
		began, start := script[float64](t, ctx, `document.querySelector("#v").currentTime`), time.Now()
		time.Sleep(12 * time.Second)
		played, passed := script[float64](t, ctx, `document.querySelector("#v").currentTime`)-began, time.Since(start).Seconds()
		why, heavy := load.Heavy(t)
		t.Logf("%.1f of %.1f s were played, with %s; %.2f s behind the live edge; errors %v", played, passed, why, script[float64](t, ctx, `hls.latency`), script[[]string](t, ctx, `at.errors`))
		switch {
		case played >= passed-4:
			return
		case !heavy:
			t.Errorf("%.1f of %.1f s were played", played, passed)
			return
		case try == groundtest.Tries:
			return // nothing can be said of a player that never gets to play
		}
	}
}

// hlsCueTimes compares when the player has a caption with when the playlist's dates have it.
func hlsCueTimes(t *testing.T, ctx context.Context, c hlsCall) {
	t.Helper()
	load := groundtest.NewStrain(t)
	type cue struct {
		Start float64
		Text  string
	}
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(time.Second) {
		_, body := c.get(t, c.at("es", "captions.m3u8"))
		p, err := hlstest.Read([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		zero := float64(p.Segments[0].Date.UnixMilli())/1000 - float64(p.Segments[0].N)*2
		cues := script[[]cue](t, ctx, `at.cues.filter((c) => c.text).slice(-20)`)
		for _, s := range p.Segments {
			_, text := c.get(t, c.at("es", s.URI))
			blocks := strings.Split(text, "\n\n")
			for _, b := range blocks[1:] {
				times, words, _ := strings.Cut(strings.TrimSpace(b), "\n")
				var h, m int
				var sec float64
				if _, err := fmt.Sscanf(times, "%d:%d:%f", &h, &m, &sec); err != nil {
					t.Fatalf("%q: %v", b, err)
				}
				due := script[float64](t, ctx, fmt.Sprintf(`document.querySelector("#v").currentTime + %f - hls.playingDate / 1000`, zero+float64(3600*h+60*m)+sec))
				for _, q := range cues {
					if q.Text == words && math.Abs(q.Start-due) < 3 && due > 1 { // what began before the player did is cut
						t.Logf("%q is shown %.0f ms from when it is due", words, 1000*(q.Start-due))
						if math.Abs(q.Start-due) > .1 {
							t.Errorf("%q is shown at %.3f, due at %.3f", words, q.Start, due)
						}
						return
					}
				}
			}
		}
	}
	if why, heavy := load.Heavy(t); !heavy {
		t.Errorf("no caption came, with %s", why)
	}
}
