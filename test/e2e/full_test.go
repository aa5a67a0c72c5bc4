package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"livedub/internal/testkit/redistest"
)

// tries is when a page asked for a session since it was loaded, in milliseconds.
func tries(t *testing.T, page context.Context) []float64 {
	t.Helper()
	at, err := chromedp.Run(page, chromedp.Evaluate[[]float64](`performance.getEntriesByType("resource").filter((r) => new URL(r.name).pathname === "/v1/sessions").map((r) => r.startTime)`))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// left is how many seconds the page says that it waits; 0 for none.
func left(t *testing.T, page context.Context) int {
	t.Helper()
	n, err := chromedp.Run(page, chromedp.Evaluate[int](`Number(/again in (\d+) s/.exec(document.querySelector('`+id("error")+`')?.textContent)?.[1] ?? 0)`))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// waitsForAPlace starts the sample at a server without a place, whose answers ask for so
// many seconds, and wants the page to say so and to count them down.
func waitsForAPlace(t *testing.T, page context.Context, seconds int, name string) {
	t.Helper()
	if err := chromedp.Do(page, chromedp.WaitEnabled(chromedp.CSS(id("try-sample"))), chromedp.Click(chromedp.CSS(id("try-sample")))); err != nil {
		t.Fatal(err)
	}
	await(t, page, "a word on the places", `/All places are taken.*Trying again in/.test(document.querySelector('`+id("error")+`')?.textContent)
		&& document.querySelector('`+id("phase")+`').textContent === "Waiting for a place…"`, 15*time.Second)
	screenshot(t, page, name)
	if from := left(t, page); from > seconds*5/4+1 {
		t.Errorf("it waits for %d s, although the server asks for %d", from, seconds)
	}
	// Each second has its turn: the last but one of some wait is seen also on a busy machine.
	await(t, page, "the seconds to go down", `/again in [12] s/.test(document.querySelector('`+id("error")+`')?.textContent)`, time.Duration(10*seconds)*time.Second)
}

// TestPageInAFullCluster tells people in words that all places are taken, waits as long as
// the gateway asks for, and begins when one is free; and that a link leads to no session.
func TestPageInAFullCluster(t *testing.T) {
	r := redistest.Start(t)
	node(t, r, "one", "--max-sessions", "2") // with what one that changes mouths costs, there is room for one
	g := startGateway(t, r)
	taken := create(t, g)
	page := browser(t, "", "")
	if err := chromedp.Do(page, chromedp.Navigate(g.base+"/#/watch/nobody/es")); err != nil {
		t.Fatal(err)
	}
	await(t, page, "a word on the session that is not there", `document.querySelector('`+id("error")+`')?.textContent.includes("does not exist")`, 15*time.Second)
	screenshot(t, page, "cluster-unknown")
	if err := chromedp.Do(page, chromedp.Navigate(g.base+"/"), chromedp.Reload()); err != nil {
		t.Fatal(err)
	}
	waitsForAPlace(t, page, 10, "cluster-full")
	if status, body := g.call(t, "DELETE", taken.Control, "", nil); status != 204 {
		t.Fatalf("DELETE: %d %s", status, body)
	}
	await(t, page, "the dub of the sample", `window.__livedub.state.phase === "live" && `+dubVideo+`.videoWidth > 0 && !document.querySelector('`+id("error")+`')`, 30*time.Second)
	at := tries(t, page)
	if len(at) < 2 {
		t.Errorf("it asked at %v ms: want two times or more", at)
	}
	for i := range len(at) - 1 {
		if at[i+1]-at[i] < 10_000 {
			t.Errorf("it asked again after %.0f ms, although the gateway asks for 10 s", at[i+1]-at[i])
		}
	}
}

// TestPageAtAFullServer does the same at a single server, until the visitor has enough of
// it: then it asks no more, and can be started again.
func TestPageAtAFullServer(t *testing.T) {
	s := serve(t, append([]string{"--max-sessions", "1"}, fakes...)...)
	var taken struct{ Control string }
	if status, body := s.call(t, "POST", "/v1/sessions", `{"from":"en","to":["es"]}`, &taken); status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	page := browser(t, "", "")
	if err := chromedp.Do(page, chromedp.Navigate(s.base+"/")); err != nil {
		t.Fatal(err)
	}
	waitsForAPlace(t, page, 5, "server-full")
	if err := chromedp.Do(page, chromedp.Click(chromedp.CSS(id("stop-waiting")))); err != nil {
		t.Fatal(err)
	}
	await(t, page, "the page as it was before", `window.__livedub.state.phase === "idle" && !document.querySelector('`+id("error")+`') && document.querySelector('`+id("phase")+`').textContent === "Ready"`, 10*time.Second)
	asked := len(tries(t, page))
	if status, body := s.call(t, "DELETE", strings.TrimPrefix(taken.Control, s.base), "", nil); status != 204 {
		t.Fatalf("DELETE: %d %s", status, body)
	}
	time.Sleep(8 * time.Second) // longer than it would have waited
	if more := len(tries(t, page)) - asked; more > 0 || asked == 0 {
		t.Errorf("it asked %d times, and %d times more after it was stopped", asked, more)
	}
	if err := chromedp.Do(page, chromedp.Click(chromedp.CSS(id("try-sample")))); err != nil {
		t.Fatal(err)
	}
	await(t, page, "the dub of the sample", `window.__livedub.state.phase === "live" && `+dubVideo+`.videoWidth > 0`, 30*time.Second)
}
