package wheppull

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"livedub/internal/testkit/pushtest"
	"livedub/media"
	"livedub/media/file"
	"livedub/media/pace"
	"livedub/media/rtc"
)

// endpoint is a WHEP endpoint that sends a film, once, and then nothing.
type endpoint struct {
	*testing.T
	host    *rtc.Host
	film    string
	mute    bool // it sends nothing at all
	deleted atomic.Int32

	mu      sync.Mutex
	bearers []string
	viewers []*rtc.Viewer
	wg      sync.WaitGroup
}

func newHost(t *testing.T) *rtc.Host {
	t.Helper()
	h, err := rtc.NewHost(rtc.Config{Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/away":
		http.Redirect(w, r, "/whep", http.StatusTemporaryRedirect)
		return
	case r.Method == http.MethodDelete && r.URL.Path == "/resource":
		e.deleted.Add(1)
		return
	case r.URL.Path != "/whep" || r.Method != http.MethodPost:
		http.Error(w, "no", http.StatusNotFound)
		return
	}
	e.mu.Lock()
	e.bearers = append(e.bearers, r.Header.Get("Authorization"))
	e.mu.Unlock()
	offer, err := io.ReadAll(r.Body)
	if err != nil {
		e.Error(err)
		return
	}
	clock := pace.NewWall()
	v, answer, err := e.host.View(r.Context(), string(offer), rtc.ViewOptions{Clock: clock, StreamID: "talk"})
	if err != nil {
		e.Error(err)
		return
	}
	e.mu.Lock()
	e.viewers = append(e.viewers, v)
	e.mu.Unlock()
	if !e.mute {
		e.wg.Go(func() { e.play(v, clock) })
	}
	w.Header().Set("Content-Type", "application/sdp")
	w.Header().Set("Location", "/resource")
	w.WriteHeader(http.StatusCreated)
	if _, err := io.WriteString(w, answer); err != nil {
		e.Error(err)
	}
}

// play sends the film in its time.
func (e *endpoint) play(v *rtc.Viewer, clock pace.Clock) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	select {
	case <-v.Connected():
	case <-v.Done():
		return
	}
	in, err := file.Open(e.film)
	if err != nil {
		e.Error(err)
		return
	}
	defer in.Close()
	if err := v.Start(in.Tracks()); err != nil {
		e.Error(err)
		return
	}
	base := clock.Now()
	for {
		k, err := in.Read(ctx)
		if err != nil {
			return
		}
		k.PTS, k.DTS = k.PTS+base, k.DTS+base
		if clock.Wait(ctx, k.DTS) != nil || v.Write(k) != nil {
			return
		}
	}
}

// film has ffmpeg write a film as WHEP sends it.
func film(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "film.ts")
	input := slices.DeleteFunc(slices.Clone(pushtest.Film), func(a string) bool { return a == "-re" })
	pushtest.FFmpegRun(t, slices.Concat(input, []string{"-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "baseline", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "libopus", path})...)
	return path
}

func serve(t *testing.T, e *endpoint) (at string) {
	t.Helper()
	e.T, e.host = t, newHost(t)
	srv := httptest.NewServer(e)
	t.Cleanup(func() {
		srv.Close()
		for _, v := range e.viewers {
			v.Close()
		}
		e.wg.Wait()
	})
	return srv.URL
}

func config(t *testing.T) Config {
	return Config{
		Host: newHost(t), Client: &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second},
		Reach: netip.Addr.IsLoopback, Bearer: "hush",
		quiet: func() (time.Duration, time.Duration) { return 10 * time.Second, 2 * time.Second },
	}
}

// TestPull: what an endpoint sends comes whole, and what follows when it falls silent is told.
func TestPull(t *testing.T) {
	e := &endpoint{film: film(t)}
	at := serve(t, e)
	p, err := Open(t.Context(), at+"/away", pace.NewWall(), config(t))
	if err != nil {
		t.Fatal(err)
	}
	got := pushtest.Drain(t, p)
	if err := p.Err(); !errors.Is(err, ErrStalled) {
		t.Errorf("ended with: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if v, a := got.Codecs(); a != media.Opus || v != media.H264 {
		t.Errorf("%+v", got)
	}
	if got.Frames < 50 || got.Failures != 0 || got.Sound < 2*time.Second || p.Received() == 0 {
		t.Errorf("%+v, %d bytes", got, p.Received())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.deleted.Load() != 1 || len(e.bearers) != 1 || e.bearers[0] != "Bearer hush" {
		t.Errorf("deleted %d times, asked with %q", e.deleted.Load(), e.bearers)
	}
}

// TestMute: an endpoint that answers and sends nothing is given up.
func TestMute(t *testing.T) {
	at := serve(t, &endpoint{mute: true})
	c := config(t)
	c.quiet = func() (time.Duration, time.Duration) { return time.Second, time.Second }
	p, err := Open(t.Context(), at+"/whep", pace.NewWall(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Err(); !errors.Is(err, ErrStalled) {
		t.Error(err)
	}
}

// TestUnreachable: where the endpoint's addresses may not be reached, nothing is sent to them.
func TestUnreachable(t *testing.T) {
	e := &endpoint{mute: true}
	at := serve(t, e)
	c := config(t)
	var looked atomic.Int32
	c.Reach = func(netip.Addr) bool {
		looked.Add(1)
		return false
	}
	p, err := Open(t.Context(), at+"/whep", pace.NewWall(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil || looked.Load() == 0 {
		t.Errorf("%v; %d addresses looked at", err, looked.Load())
	}
}

// TestRefused: answers that are none.
func TestRefused(t *testing.T) {
	answers := map[string]func(w http.ResponseWriter){
		"status":  func(w http.ResponseWriter) { http.Error(w, "no", http.StatusForbidden) },
		"type":    func(w http.ResponseWriter) { w.WriteHeader(http.StatusCreated) },
		"size":    func(w http.ResponseWriter) { sdp(w, strings.Repeat("a", mostAnswer+1)) },
		"rubbish": func(w http.ResponseWriter) { sdp(w, "v=0\r\nrubbish") },
		"none":    func(w http.ResponseWriter) { sdp(w, "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n") },
		"other": func(w http.ResponseWriter) {
			sdp(w, "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n")
		},
		"rejected": func(w http.ResponseWriter) {
			sdp(w, "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 0 UDP/TLS/RTP/SAVPF 111\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\n")
		},
		"codec": func(w http.ResponseWriter) {
			sdp(w, "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 112\r\na=rtpmap:112 opus/48000/2\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\n")
		},
	}
	for name, answer := range answers {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w) }))
		p, err := Open(t.Context(), srv.URL+"/?secret=hush", pace.NewWall(), config(t))
		if err == nil {
			t.Errorf("%s: taken", name)
			p.Close()
		} else if strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", name, err)
		}
		srv.Close()
	}
}

func sdp(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/sdp")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, text) // the reader may have had enough
}
