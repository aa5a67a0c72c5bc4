package hls

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/signaling/signalingtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(benchServer) != "" {
		serveForBench()
		return
	}
	goleak.VerifyTestMain(m)
}

// air fakes what is broadcast.
type air struct {
	waiting chan struct{} // one for each reader that waits
	big     []byte        // what every file has
}

func (a *air) Session(id string) (signaling.Info, error) {
	if id != "talk" {
		return signaling.Info{}, signaling.ErrNotFound
	}
	return signaling.Info{ID: id, Epoch: signalingtest.Epoch(id)}, nil
}

func (a *air) Multivariant(_ context.Context, id string, only inference.Lang, sees func(inference.Lang) bool) (File, error) {
	text := fmt.Sprintf("%s/%s:", id, only)
	for _, l := range []inference.Lang{"es", "ca", "en"} {
		if sees(l) {
			text += " " + string(l)
		}
	}
	return File{Type: "list", Data: [][]byte{[]byte(text)}}, nil
}

func (a *air) Playlist(ctx context.Context, id string, lang inference.Lang, track string, at *Place) (File, error) {
	switch {
	case track != "video":
		return File{}, signaling.ErrNotFound.Errorf("no such track")
	case at != nil && at.Segment == 99:
		a.waiting <- struct{}{}
		<-ctx.Done()
		return File{}, ctx.Err()
	case at != nil && at.Segment == 50:
		return File{}, &signaling.Error{Kind: signaling.ErrFull, Message: "not yet", Retry: time.Second}
	}
	text := "now"
	if at != nil {
		text = fmt.Sprint(*at)
	}
	return File{Type: "list", Data: [][]byte{[]byte(text)}}, nil
}

func (a *air) File(_ context.Context, _ string, lang inference.Lang, track, name string) (File, error) {
	if track != "video" {
		return File{}, signaling.ErrNotFound.Errorf("no such file")
	}
	return File{Type: "video/mp4", Data: [][]byte{[]byte(lang), []byte(name), a.big}, Keep: true}, nil
}

func open(t *testing.T, a *air) (*signalingtest.Rig, *Server) {
	s := New(Config{Programs: a})
	r := signalingtest.Open(t, signalingtest.NewDesk("talk"), s)
	return &r, s
}

// by returns the folder of a session with a capability.
func by(role access.Role, lang inference.Lang) string {
	return "/hls/talk~" + signalingtest.Token("talk", role, lang)
}

// TestRights: who watches gets what they may watch, by the capability in the path or as
// Bearer, on pages of any origin; nobody else learns that anything is there.
func TestRights(t *testing.T) {
	r, _ := open(t, &air{})
	all, one := by(access.Watch, ""), by(access.Watch, "es")
	for _, c := range []struct {
		path   string
		status int
		text   string
	}{
		{all + "/index.m3u8", 200, "talk/: es ca en"},
		{one + "/index.m3u8", 200, "talk/: es"},
		{by(access.Control, "") + "/index.m3u8", 200, "talk/: es ca en"},
		{one + "/es/index.m3u8", 200, "talk/es: es"},
		{one + "/es/video.m3u8", 200, "now"},
		{one + "/es/video-3.1.m4s", 200, "esvideo-3.1.m4s"},
		{one + "/ca/index.m3u8", 404, "no right"},
		{one + "/ca/video.m3u8", 404, "no right"},
		{one + "/ca/video-3.m4s", 404, "no right"},
		{by(access.Publish, "") + "/index.m3u8", 404, "no right"},
		{"/hls/talk/index.m3u8", 404, "no right"},
		{"/hls/other~" + signalingtest.Token("talk", access.Watch, "") + "/index.m3u8", 404, "no right"},
		{"/hls/talk~w.a.b/index.m3u8", 404, "no right"},
	} {
		got := r.Do("GET", c.path, "", "Origin", "https://other.example", "Sec-Fetch-Site", "cross-site")
		if got.Status != c.status || !strings.Contains(got.Body, c.text) || got.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("GET %s: %d %s %v", c.path, got.Status, got.Body, got.Header)
		}
	}
	if got := r.Do("GET", "/hls/talk/es/video.m3u8", "", "Authorization", "Bearer "+signalingtest.Token("talk", access.Watch, "es")); got.Status != 200 {
		t.Errorf("as Bearer: %d %s", got.Status, got.Body)
	}
}

// TestRequests: odd ones are refused, and answers say how they may be kept.
func TestRequests(t *testing.T) {
	r, _ := open(t, &air{})
	at := by(access.Watch, "") + "/"
	for path, want := range map[string]string{
		"es/video.m3u8?_HLS_msn=7&_HLS_part=2": "200 {7 2}", "es/video.m3u8?_HLS_msn=7": "200 {7 -1}", "es/video.m3u8?_HLS_skip=YES&x=1": "200 now",
		"es/video.m3u8?_HLS_part=2": "400", "es/video.m3u8?_HLS_msn=-1": "400", "es/video.m3u8?_HLS_msn=": "400", "es/video.m3u8?_HLS_msn=1e3": "400",
		"es/video.m3u8?_HLS_msn=7&_HLS_part=-1": "400", "es/video.m3u8?_HLS_msn=7&_HLS_msn=8": "400", "es/video.m3u8?_HLS_msn=99999999999999999999": "400",
		"es/video.m3u8?_HLS_msn=50": "503", "other.m3u8": "404", "es/other.m3u8": "404", "es/video.mp4": "404", "es/..%2f..%2fetc%2fpasswd": "404", "es/video-%00": "200",
		"es/video-" + strings.Repeat("1", 100): "404", "es/a/b": "404", "": "404",
	} {
		got := r.Do("GET", at+path, "")
		if s := fmt.Sprintf("%d %s", got.Status, got.Body); !strings.HasPrefix(s, want) {
			t.Errorf("GET %.60s: %.100s, want %s", path, s, want)
		}
		if retry := got.Header.Get("Retry-After"); (retry == "1") != (got.Status == 503) {
			t.Errorf("GET %.60s: Retry-After %q", path, retry)
		}
	}
	file := r.Do("GET", at+"es/video-3.m4s", "")
	if h := file.Header; h.Get("Content-Type") != "video/mp4" || !strings.Contains(h.Get("Cache-Control"), "immutable") || h.Get("Content-Length") != "13" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("a segment: %v", h)
	}
	if h := r.Do("GET", at+"es/video.m3u8", "").Header; h.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("a playlist: %v", h)
	}
	if got := r.Do("HEAD", at+"es/video-3.m4s", ""); got.Status != 200 || got.Body != "" || got.Header.Get("Content-Length") != "13" {
		t.Errorf("HEAD: %d %q %v", got.Status, got.Body, got.Header)
	}
	if got := r.Do("POST", at+"index.m3u8", ""); got.Status != 405 {
		t.Errorf("POST: %d", got.Status)
	}
}

// TestWaitersLeave: a reader that goes is let go, and so are all where the endpoint closes.
func TestWaitersLeave(t *testing.T) {
	a := &air{waiting: make(chan struct{}, 2)}
	r, s := open(t, a)
	path := by(access.Watch, "") + "/es/video.m3u8?_HLS_msn=99"
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		resp, err := http.DefaultClient.Do(r.Request("GET", path, "").WithContext(ctx))
		if err == nil {
			resp.Body.Close()
		}
		left <- err
	}()
	<-a.waiting
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	r.Eventually("the reader is let go", func() bool { return r.Serving() == 0 })
	answer := make(chan signalingtest.Reply, 1)
	go func() { answer <- r.Do("GET", path, "") }()
	<-a.waiting
	s.Close()
	if got := <-answer; got.Status != 503 || !strings.Contains(got.Body, "shutting down") {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	if got := r.Do("GET", by(access.Watch, "")+"/index.m3u8", ""); got.Status != 503 {
		t.Errorf("behind the end: %d %s", got.Status, got.Body)
	}
}

// TestReaderThatTakesNothing: it holds a goroutine for the time of one answer at most.
func TestReaderThatTakesNothing(t *testing.T) {
	r, _ := open(t, &air{big: make([]byte, 64<<20)})
	resp := r.Start(r.Request("GET", by(access.Watch, "")+"/es/video-3.m4s", ""))
	defer resp.Body.Close()
	time.Sleep(writeTime)
	r.Eventually("the reader is let go", func() bool { return r.Serving() == 0 })
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("%d bytes came", n)
	}
}
