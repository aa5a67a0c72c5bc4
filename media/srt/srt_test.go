package srt

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"livedub/internal/testkit/pushtest"
	"livedub/media"
	"livedub/media/pace"
)

// open serves callers until the test ends.
func open(t *testing.T, passphrase string) (addr string, came <-chan *Publisher, failed <-chan error) {
	t.Helper()
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	out, bad := make(chan *Publisher, 4), make(chan error, 16)
	s := &Server{
		Passphrase: passphrase, Most: 4,
		Serve: func(_ context.Context, c *Conn) {
			if c.Name != "talk" || c.Query.Get("from") != "en" || !slices.Equal(c.Query["to"], []string{"es,ca"}) {
				t.Errorf("asked for %+v", c.Asked)
			}
			p, err := c.Publish(pace.NewWall())
			if err != nil {
				t.Error(err)
				return
			}
			out <- p
		},
		Failed: func(_ netip.Addr, err error) {
			select {
			case bad <- err:
			default:
			}
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String(), out, bad
}

const streamID = "streamid=publish:talk%3Ffrom%3Den%26to%3Des%2Cca"

func next(t *testing.T, came <-chan *Publisher) *Publisher {
	t.Helper()
	select {
	case p := <-came:
		t.Cleanup(func() { p.Close() })
		return p
	case <-time.After(20 * time.Second):
		t.Fatal("nobody has come")
		return nil
	}
}

func TestFFmpeg(t *testing.T) {
	for _, c := range []struct {
		name       string
		passphrase string
		codec      media.Codec
		sound      media.Codec
		args       []string
	}{
		{"H.264 and AAC", "", media.H264, media.AAC, []string{"-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "aac"}},
		{"B-frames and MP3", "", media.H264, media.MP3, []string{"-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "25", "-x264-params", "rc-lookahead=0:sync-lookahead=0", "-c:a", "libmp3lame"}},
		{"HEVC and Opus, encrypted", "correct-horse", media.HEVC, media.Opus, []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=25:rc-lookahead=1:bframes=0:frame-threads=1", "-c:a", "libopus"}},
		{"MPEG-2", "", "mpeg2video", media.MP3, []string{"-c:v", "mpeg2video", "-c:a", "mp2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr, came, _ := open(t, c.passphrase)
			to := "srt://" + addr + "?" + streamID
			if c.passphrase != "" {
				to += "&passphrase=" + c.passphrase
			}
			pushtest.FFmpeg(t, slices.Concat(pushtest.Film, c.args, []string{"-pix_fmt", "yuv420p", "-f", "mpegts", to})...)
			p := next(t, came)
			got := pushtest.Drain(t, p)
			if err := p.Err(); err != nil {
				t.Error(err)
			}
			if v, a := got.Codecs(); v != c.codec || a != c.sound {
				t.Fatalf("%+v", got)
			}
			// What is on its way when the caller hangs up is lost; the beginning comes at once.
			if got.Frames < 55 || got.Frames > 75 || got.Failures != 0 || got.Back > 2 || (time.Duration(got.Frames-1)*40*time.Millisecond-(got.Last-got.First)).Abs() > 200*time.Millisecond {
				t.Errorf("%+v", got)
			}
			if got.Sound < 1800*time.Millisecond || (got.SoundFrom-got.First).Abs() > 200*time.Millisecond {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestPassphrase(t *testing.T) {
	for name, c := range map[string]struct{ theirs, ours string }{
		"wrong": {"not the right one", "correct-horse"}, "none": {"", "correct-horse"}, "unasked": {"correct-horse", ""},
	} {
		t.Run(name, func(t *testing.T) {
			addr, came, failed := open(t, c.ours)
			called, err := Call(t.Context(), netip.MustParseAddrPort(addr), CallOptions{StreamID: "talk?from=en&to=es,ca", Passphrase: c.theirs})
			if err == nil {
				called.Close()
				t.Error("it was let in")
			}
			if got := <-failed; !errors.Is(got, ErrPassphrase) {
				t.Error(got)
			}
			if len(came) > 0 {
				t.Error("a publisher")
			}
		})
	}
}
