package hlspull

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"livedub/internal/testkit/pushtest"
	"livedub/media"
)

// live has ffmpeg write a live playlist for so long, of segments of that many seconds,
// that deletes what is not listed anymore.
func live(t *testing.T, dir, name string, length, segment int, args ...string) {
	t.Helper()
	pushtest.FFmpeg(t, slices.Concat([]string{
		"-re", "-f", "lavfi", "-i", fmt.Sprintf("testsrc=size=160x120:rate=25:duration=%d", length),
		"-re", "-f", "lavfi", "-i", fmt.Sprintf("sine=frequency=440:duration=%d", length),
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-bf", "2", "-pix_fmt", "yuv420p", "-c:a", "aac",
		"-f", "hls", "-hls_time", fmt.Sprint(segment), "-hls_list_size", "5",
	}, args, []string{filepath.Join(dir, name)})...)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// gaps reads a pull until its end and returns the longest standing of its picture on
// its own clock, and how many frames came.
func gaps(t *testing.T, p *Publisher) (longest time.Duration, frames int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	last := time.Duration(-1)
	for {
		k, err := p.Read(ctx)
		if err != nil {
			return longest, frames
		}
		if k.Kind != media.Video {
			continue
		}
		if last >= 0 {
			longest = max(longest, k.DTS-last)
		}
		last = k.DTS
		frames++
	}
}

// TestLive: a live playlist of segments of two seconds is followed to its end, every
// frame once, without a break.
func TestLive(t *testing.T) {
	for name, args := range map[string][]string{
		"MPEG-TS":   {"-hls_flags", "delete_segments"},
		"fragments": {"-hls_flags", "delete_segments", "-hls_segment_type", "fmp4"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			live(t, dir, "index.m3u8", 20, 2, args...)
			srv := httptest.NewServer(http.FileServer(http.Dir(dir)))
			defer srv.Close()
			p := open(t, srv.URL+"/index.m3u8", Config{GiveUp: 30 * time.Second})
			longest, frames := gaps(t, p)
			if err := p.Err(); err != nil {
				t.Error(err)
			}
			t.Logf("%d frames, the longest standing %v, stood still %d times", frames, longest, p.pacer.stood)
			if frames < 490 || frames > 500 {
				t.Errorf("%d frames of 500", frames)
			}
			if p.pacer.stood == 0 && longest > 100*time.Millisecond {
				t.Errorf("stood for %v", longest)
			}
		})
	}
}

// TestHole: a source that does not answer for a time, and loses a segment, is gone on with.
func TestHole(t *testing.T) {
	dir := t.TempDir()
	live(t, dir, "index.m3u8", 14, 1, "-hls_flags", "delete_segments")
	var deaf atomic.Bool
	files := http.FileServer(http.Dir(dir))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if deaf.Load() || filepath.Base(r.URL.Path) == "index4.ts" {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		files.ServeHTTP(w, r)
	}))
	defer srv.Close()
	go func() {
		for !exists(filepath.Join(dir, "index7.ts")) {
			time.Sleep(50 * time.Millisecond)
		}
		deaf.Store(true)
		for !exists(filepath.Join(dir, "index10.ts")) {
			time.Sleep(50 * time.Millisecond)
		}
		deaf.Store(false)
	}()
	p := open(t, srv.URL+"/index.m3u8", Config{GiveUp: 30 * time.Second})
	longest, frames := gaps(t, p)
	if err := p.Err(); err != nil {
		t.Error(err)
	}
	t.Logf("%d frames, the longest standing %v", frames, longest)
	if frames < 200 || frames > 325 {
		t.Errorf("%d frames of 350, of which at least one second is lost", frames)
	}
}
