package e2e

import (
	"context"
	_ "embed"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"livedub/internal/testkit/redistest"
)

//go:embed testdata/follow.js
var followJS string

// moment is how a page's dub does at a time.
type moment struct {
	At, Light    float64
	Well, Notice bool
	Fence        int64
	Rows, Heard  int
	Says         string
}

// follows has a page note how its dub does; the function returns what it noted until then.
func follows(t *testing.T, page context.Context) func() []moment {
	t.Helper()
	if _, err := chromedp.Run(page, chromedp.Evaluate[bool]("("+followJS+")()")); err != nil {
		t.Fatal(err)
	}
	return func() []moment {
		all, err := chromedp.Run(page, chromedp.Evaluate[[]moment]("window.__followed"))
		if err != nil || len(all) == 0 {
			t.Fatalf("%d moments, %v", len(all), err)
		}
		return all
	}
}

// tab opens another page in the browser of one, and closes it with the test.
func tab(t *testing.T, of context.Context, url string) context.Context {
	t.Helper()
	page, closes := chromedp.NewContext(of)
	t.Cleanup(closes)
	violations(t, page, func(text string) { t.Errorf("the page breaks its own policy: %s", text) })
	if err := chromedp.Do(page, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	return page
}

// holder returns which of the nodes has the only session.
func holder(t *testing.T, g *server) string {
	t.Helper()
	sessions, _ := nodesOf(t, g)
	for name, n := range sessions {
		if n == 1 {
			return name
		}
	}
	t.Fatalf("no node holds the session: %v", sessions)
	return ""
}

const dubVideo = `document.querySelector('[data-testid="dubbed-video"]')`

// pages opens a speaker's page at a gateway and a viewer's of the same session, by
// its watch link, and has both note how their dub does.
func pages(t *testing.T, g *server) (pages map[string]context.Context, logs map[string]func() []moment) {
	t.Helper()
	wav := filepath.Join(t.TempDir(), "sentences.wav")
	sentences(t, wav)
	page := studio(t, g, cardCamera, wav)
	await(t, page, "a caption in both languages", `window.__livedub.state.rows.some((r) => r.lines.en?.final && r.lines.es?.final)`, 30*time.Second)
	link, err := chromedp.Run(page, chromedp.Evaluate[string](`document.querySelector('`+id("watch-link")+`').href`))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(link, g.base) {
		t.Errorf("the watch link leads past the gateway: %s", link)
	}
	viewer := tab(t, page, link)
	await(t, viewer, "the dub at the viewer", dubVideo+`.videoWidth > 0 && `+dubVideo+`.currentTime > 1`, 30*time.Second)
	screenshot(t, page, "cluster-live")
	pages, logs = map[string]context.Context{"speaker": page, "viewer": viewer}, map[string]func() []moment{}
	for who, p := range pages {
		logs[who] = follows(t, p)
	}
	return pages, logs
}

// said returns what the dub says, by the page.
func said(t *testing.T, page context.Context) string {
	t.Helper()
	text, err := chromedp.Run(page, chromedp.Evaluate[string](`document.querySelector('`+id("caption-target")+`').innerText`))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestPageFollowsItsSession kills the node of a session that a speaker's page and a
// viewer's show by way of a gateway. Both keep the last frame, say what is going
// on, and are in the session at the other node by themselves.
func TestPageFollowsItsSession(t *testing.T) {
	r := redistest.Start(t)
	nodes := map[string]*server{"one": node(t, r, "one"), "two": node(t, r, "two")}
	g := startGateway(t, r)
	pages, logs := pages(t, g)
	before := said(t, pages["speaker"])
	time.Sleep(time.Second)
	dies := holder(t, g)
	nodes[dies].kill(t)
	for who, p := range pages {
		await(t, p, "a notice at the "+who, `window.__followed.some((m) => m.notice)`, 15*time.Second)
	}
	for who, p := range pages {
		screenshot(t, p, "cluster-dead-"+who)
		await(t, p, "the session at the other node, at the "+who, fmt.Sprintf(`window.__followed.at(-1).well && window.__followed.at(-1).fence > %d`, logs[who]()[0].Fence), 30*time.Second)
		await(t, p, "a moving frame at the "+who, dubVideo+`.videoWidth > 0 && !document.querySelector('`+id("notice")+`') && `+dubVideo+`.currentTime > 0.5`, 30*time.Second)
		screenshot(t, p, "cluster-back-"+who)
	}
	time.Sleep(time.Second)
	for who, log := range logs {
		var noticed, back float64
		old, rows := log()[0].Fence, 0
		for _, m := range log() {
			switch {
			case !m.Well && noticed == 0:
				noticed = m.At
			case m.Well && noticed > 0 && back == 0 && m.Fence > old:
				back = m.At
			}
			if m.Light < 20 {
				t.Errorf("%s: no frame: light %.0f, %.1f s after it noticed", who, m.Light, (m.At-noticed)/1000)
				break
			}
			if m.Rows < rows {
				t.Errorf("%s: %d captions of %d are left", who, m.Rows, rows)
			}
			rows = m.Rows
		}
		if noticed == 0 || back == 0 {
			t.Fatalf("%s: noticed at %.0f, back at %.0f", who, noticed, back)
		}
		t.Logf("%s: in the session again %.2f s after it noticed", who, (back-noticed)/1000)
		if back-noticed > 10_000 {
			t.Errorf("%s: %.1f s after it noticed; 3 s on a quiet machine", who, (back-noticed)/1000)
		}
	}
	if now := said(t, pages["speaker"]); !strings.HasPrefix(now, before) {
		t.Errorf("captions were %q, are %q", before, now)
	}
}

// TestPageTakesSilenceForSilence: sound comes all the time, whether somebody speaks
// or not; where nobody publishes anymore a viewer's page stays connected.
func TestPageTakesSilenceForSilence(t *testing.T) {
	s := serve(t, fakes...)
	var made struct {
		WHIP  string
		Watch map[string]string
	}
	if status, body := s.call(t, "POST", "/v1/sessions", `{"from":"en","to":["es"],"delay_ms":500}`, &made); status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	_, resource := sending{}.publish(t, s, strings.TrimPrefix(made.WHIP, s.base), newSpeaker(t, time.Second))
	page := browser(t, "", "")
	if err := chromedp.Do(page, chromedp.Navigate(made.Watch["es"])); err != nil {
		t.Fatal(err)
	}
	await(t, page, "the dub", dubVideo+`.videoWidth > 0 && `+dubVideo+`.currentTime > 1`, 30*time.Second)
	if status, body := s.call(t, "DELETE", resource, "", nil); status != 200 {
		t.Fatalf("DELETE: %d %s", status, body)
	}
	log := follows(t, page)
	if _, err := chromedp.Run(page, chromedp.Evaluate[bool](`(window.__pc = window.__livedub.pcs.es, true)`)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(6 * time.Second)
	for _, m := range log() {
		if !m.Well || m.Notice {
			t.Fatalf("the page is not well: %q", m.Says)
		}
	}
	await(t, page, "the same connection", `window.__pc === window.__livedub.pcs.es && window.__pc.connectionState === "connected"`, time.Second)
}

// TestPageFollowsADrain ends a node by SIGTERM in the middle of a call: its session
// moves, and neither the speaker's page nor the viewer's has a break.
func TestPageFollowsADrain(t *testing.T) {
	r := redistest.Start(t)
	nodes := map[string]*server{"one": node(t, r, "one", "--drain", "2m"), "two": node(t, r, "two", "--drain", "2m")}
	g := startGateway(t, r)
	pages, logs := pages(t, g)
	before := said(t, pages["speaker"])
	for _, p := range pages {
		if _, err := chromedp.Run(p, chromedp.Evaluate[bool](`(window.__pcs = Object.values(window.__livedub.pcs), true)`)); err != nil {
			t.Fatal(err)
		}
	}
	leaves := nodes[holder(t, g)]
	if err := leaves.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for who, p := range pages {
		await(t, p, "other connections at the "+who, `window.__pcs.every((pc) => pc.connectionState === "closed") && Object.values(window.__livedub.pcs).every((pc) => pc.connectionState === "connected")`, 40*time.Second)
		screenshot(t, p, "cluster-moved-"+who)
	}
	t.Logf("moved %.1f s after the signal", time.Since(began).Seconds())
	time.Sleep(3 * time.Second)
	for who, log := range logs {
		silent, longest := 0.0, 0.0
		all := log()
		for i, m := range all[1:] {
			if m.Heard > 1 {
				t.Errorf("%s: %d players sound at once", who, m.Heard)
			}
			if silent += m.At - all[i].At; m.Heard > 0 {
				silent = 0
			}
			longest = max(longest, silent)
			if !m.Well || m.Notice || m.Light < 20 {
				t.Fatalf("%s: well %v, notice %v, light %.0f: %q", who, m.Well, m.Notice, m.Light, m.Says)
			}
		}
		t.Logf("%s: no player sounded for %.0f ms at most", who, longest)
		if longest > 100 {
			t.Errorf("%s: no player sounded for %.0f ms; 100 at most", who, longest)
		}
		if last := all[len(all)-1]; last.Fence <= all[0].Fence {
			t.Errorf("%s: the fence was %d, is %d", who, all[0].Fence, last.Fence)
		}
	}
	if now := said(t, pages["speaker"]); !strings.HasPrefix(now, before) {
		t.Errorf("captions were %q, are %q", before, now)
	}
	until(t, "the node leaves", func() bool { return strings.Contains(leaves.printed(), "done") || leaves.cmd.ProcessState != nil })
}
