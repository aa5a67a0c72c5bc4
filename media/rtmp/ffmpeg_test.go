package rtmp

import (
	"net"
	"slices"
	"testing"
	"time"

	"livedub/internal/testkit/pushtest"
	"livedub/media"
	"livedub/media/pace"
)

// listen takes one connection, and publishes what comes by it.
func listen(t *testing.T) (addr string, came <-chan *Publisher) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	out := make(chan *Publisher, 1)
	done := make(chan struct{})
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	go func() {
		defer close(done)
		defer close(out)
		nc, err := l.Accept()
		if err != nil {
			return
		}
		c, err := Accept(t.Context(), nc)
		if err != nil {
			t.Error(err)
			return
		}
		if c.App != "live" || c.Name != "talk" || c.Query.Get("from") != "en" || c.Query.Get("to") != "es,ca" {
			t.Errorf("asked for %+v", c.Asked)
		}
		p, err := c.Publish(pace.NewWall())
		if err != nil {
			t.Error(err)
			return
		}
		out <- p
	}()
	return l.Addr().String(), out
}

func TestFFmpeg(t *testing.T) {
	for _, c := range []struct {
		name  string
		codec media.Codec
		sound media.Codec
		args  []string
	}{
		{"H.264 and AAC", media.H264, media.AAC, []string{"-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac"}},
		{"B-frames and MP3", media.H264, media.MP3, []string{"-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "libmp3lame", "-ar", "44100"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr, came := listen(t)
			pushtest.FFmpeg(t, slices.Concat(pushtest.Film, c.args, []string{"-f", "flv", "rtmp://" + addr + "/live/talk?from=en&to=es,ca&consent=true"})...)
			p := <-came
			if p == nil {
				t.FailNow()
			}
			defer p.Close()
			got := pushtest.Drain(t, p)
			if err := p.Err(); err != nil {
				t.Error(err)
			}
			if v, a := got.Codecs(); v != c.codec || a != c.sound {
				t.Fatalf("%+v", got)
			}
			if got.Frames != 75 || got.Failures != 0 || got.Back != 0 || (74*40*time.Millisecond-(got.Last-got.First)).Abs() > 150*time.Millisecond {
				t.Errorf("%+v", got)
			}
			if got.Sound < 2900*time.Millisecond || (got.SoundFrom-got.First).Abs() > 120*time.Millisecond {
				t.Errorf("%+v", got)
			}
		})
	}
}
