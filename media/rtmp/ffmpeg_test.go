package rtmp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"testing"
	"time"

	"livedub/internal/testkit/groundtest"
	"livedub/media"
	"livedub/media/codec"
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

// seen is what the decoders made of a stream.
type seen struct {
	tracks      []media.Track
	frames      int
	first, last time.Duration // of frames
	back        int           // frames whose time does not rise
	sound       time.Duration
	soundFrom   time.Duration
	failures    int
}

// drain decodes a source to its end.
func drain(t *testing.T, p media.Source) (s seen) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var video *codec.VideoDecoder
	var audio *codec.AudioDecoder
	s.last = -time.Hour
	look := func(frames []*media.Frame, err error) {
		if err != nil {
			s.failures++
		}
		for _, f := range frames {
			if s.frames == 0 {
				s.first = f.PTS
			}
			if f.PTS <= s.last {
				s.back++
			}
			s.frames++
			s.last = f.PTS
			f.Release()
		}
	}
	for {
		k, err := p.Read(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		tr := media.FindTrack(p.Tracks(), k.Kind)
		if tr == nil {
			t.Fatalf("a packet of %v before its track", k.Kind)
		}
		if k.Kind == media.Video {
			if video == nil {
				if video, err = codec.NewVideoDecoder(*tr); err != nil {
					t.Fatal(err)
				}
				defer video.Close()
			}
			look(video.Decode(k))
			continue
		}
		if audio == nil {
			if audio, err = codec.NewAudioDecoder(*tr); err != nil {
				t.Fatal(err)
			}
			defer audio.Close()
		}
		heard, err := audio.Decode(k)
		if err != nil {
			s.failures++
		}
		for _, h := range heard {
			if s.sound == 0 {
				s.soundFrom = h.PTS
			}
			s.sound += h.Duration()
		}
	}
	if video != nil {
		look(video.Flush())
	}
	s.tracks = p.Tracks()
	return s
}

// ffmpeg runs until the test ends, at the latest.
func ffmpeg(t *testing.T, args ...string) {
	t.Helper()
	bin, err := exec.LookPath("ffmpeg")
	if err != nil {
		groundtest.Need(t, "no ffmpeg")
	}
	ctx, cancel := context.WithCancel(context.Background())
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, bin, append([]string{"-hide_banner", "-loglevel", "error", "-nostdin"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		time.AfterFunc(5*time.Second, cancel)
		if err := cmd.Wait(); err != nil {
			t.Errorf("ffmpeg: %v\n%s", err, out.String())
		}
		cancel()
	})
}

// film are the inputs of three seconds.
var film = []string{"-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=3", "-f", "lavfi", "-i", "sine=frequency=440:duration=3"}

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
			args := append(append([]string{"-re"}, film[:4]...), append([]string{"-re"}, film[4:]...)...)
			args = append(append(args, c.args...), "-f", "flv", "rtmp://"+addr+"/live/talk?from=en&to=es,ca&consent=true")
			ffmpeg(t, args...)
			p := <-came
			if p == nil {
				t.FailNow()
			}
			defer p.Close()
			got := drain(t, p)
			if err := p.Err(); err != nil {
				t.Error(err)
			}
			v, a := media.FindTrack(got.tracks, media.Video), media.FindTrack(got.tracks, media.Audio)
			if v == nil || v.Codec != c.codec || a == nil || a.Codec != c.sound {
				t.Fatalf("tracks %+v", got.tracks)
			}
			if got.frames != 75 || got.failures != 0 || got.back != 0 || (74*40*time.Millisecond-(got.last-got.first)).Abs() > 150*time.Millisecond {
				t.Errorf("%+v", got)
			}
			if got.sound < 2900*time.Millisecond || (got.soundFrom-got.first).Abs() > 120*time.Millisecond {
				t.Errorf("%+v", got)
			}
		})
	}
}
