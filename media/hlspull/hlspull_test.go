package hlspull

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/internal/outbound"
	"livedub/internal/testkit/pushtest"
	"livedub/media"
	"livedub/media/pace"
)

// written has ffmpeg write a playlist of six segments of half a second each.
func written(t *testing.T, args ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	input := slices.DeleteFunc(slices.Clone(pushtest.Film), func(a string) bool { return a == "-re" })
	pushtest.FFmpegRun(t, slices.Concat(input, args, []string{"-pix_fmt", "yuv420p", "-f", "hls", "-hls_time", "0.5", "-hls_list_size", "0", filepath.Join(dir, "index.m3u8")})...)
	return dir
}

func open(t *testing.T, at string, c Config) *Publisher {
	t.Helper()
	if c.Client == nil {
		c.Client = &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	}
	p := Open(at, pace.NewWallAt(10*time.Second), c)
	t.Cleanup(func() { p.Close() })
	return p
}

func TestPull(t *testing.T) {
	for _, c := range []struct {
		name  string
		codec media.Codec
		sound media.Codec
		args  []string
	}{
		{"MPEG-TS with B-frames", media.H264, media.AAC, []string{"-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "12", "-c:a", "aac"}},
		{"fragments", media.H264, media.AAC, []string{"-c:v", "libx264", "-preset", "ultrafast", "-g", "12", "-c:a", "aac", "-hls_segment_type", "fmp4"}},
		{"HEVC and Opus", media.HEVC, media.Opus, []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=12", "-tag:v", "hvc1", "-c:a", "libopus", "-hls_segment_type", "fmp4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.FileServer(http.Dir(written(t, c.args...))))
			defer srv.Close()
			p := open(t, srv.URL+"/index.m3u8", Config{})
			got := pushtest.Drain(t, p)
			if err := p.Err(); err != nil {
				t.Error(err)
			}
			if v, a := got.Codecs(); v != c.codec || a != c.sound {
				t.Fatalf("%+v", got)
			}
			if got.Frames < 73 || got.Failures != 0 || got.Back > 8 || got.Last-got.First < 2700*time.Millisecond || got.Sound < 2800*time.Millisecond || (got.SoundFrom-got.First).Abs() > 150*time.Millisecond {
				t.Errorf("%+v", got)
			}
			if p.Received() == 0 {
				t.Error("no bytes are counted")
			}
		})
	}
}

// TestStalls: a playlist that gets no more segments is asked for again, and given up in the end.
func TestStalls(t *testing.T) {
	dir := written(t, "-c:v", "libx264", "-preset", "ultrafast", "-g", "12", "-c:a", "aac")
	list, err := os.ReadFile(filepath.Join(dir, "index.m3u8"))
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(dir)))
	mux.HandleFunc("/live.m3u8", func(w http.ResponseWriter, _ *http.Request) {
		asked++
		if asked%2 == 0 {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		w.Write([]byte(strings.ReplaceAll(string(list), "#EXT-X-ENDLIST\n", "")))
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	p := open(t, srv.URL+"/live.m3u8?secret=hush", Config{GiveUp: 3 * time.Second})
	got := pushtest.Drain(t, p)
	if err := p.Err(); !errors.Is(err, ErrStalled) || strings.Contains(err.Error(), "hush") {
		t.Errorf("ended with: %v", err)
	}
	if got.Frames == 0 || got.Frames > 75 || asked < 3 {
		t.Errorf("%d frames; asked %d times", got.Frames, asked)
	}
}

// TestRedirected: a playlist that leads into the own network is not followed, and not tried again.
func TestRedirected(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
		case "/segments":
			w.Write([]byte("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:1,\nhttp://169.254.169.254/latest/meta-data/x.ts\n"))
		}
	}))
	defer srv.Close()
	g, err := outbound.New([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/redirect", "/segments"} {
		begin := time.Now()
		p := open(t, srv.URL+path, Config{Client: g.Client(5 * time.Second), Final: func(err error) bool { return errors.Is(err, outbound.ErrRefused) }})
		<-p.Done()
		if err := p.Err(); !errors.Is(err, outbound.ErrRefused) {
			t.Errorf("%s: %v", path, err)
		}
		if d := time.Since(begin); d > 20*time.Second {
			t.Errorf("%s: after %v", path, d)
		}
	}
}

// TestRubbish: what is no playlist ends the pull when it is given up.
func TestRubbish(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 4096)) }))
	defer srv.Close()
	p := open(t, srv.URL, Config{GiveUp: time.Millisecond})
	<-p.Done()
	if err := p.Err(); !errors.Is(err, ErrStalled) {
		t.Error(err)
	}
}
