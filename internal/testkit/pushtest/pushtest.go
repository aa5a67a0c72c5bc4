// Package pushtest has real encoders push films, and tells what the decoders make of them.
package pushtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"testing"
	"time"

	"livedub/internal/testkit/groundtest"
	"livedub/media"
	"livedub/media/codec"
)

// Seen is what the decoders made of a stream.
type Seen struct {
	Tracks      []media.Track
	Frames      int
	First, Last time.Duration // of frames
	Back        int           // frames whose time does not rise
	Sound       time.Duration // how much there is, and from when on
	SoundFrom   time.Duration
	Failures    int // of decoding
}

// Codecs returns what was sent, "" for none.
func (s Seen) Codecs() (video, audio media.Codec) {
	if t := media.FindTrack(s.Tracks, media.Video); t != nil {
		video = t.Codec
	}
	if t := media.FindTrack(s.Tracks, media.Audio); t != nil {
		audio = t.Codec
	}
	return video, audio
}

// Drain decodes a source to its end.
func Drain(t testing.TB, p media.Source) (s Seen) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var video *codec.VideoDecoder
	var audio *codec.AudioDecoder
	s.Last = -time.Hour
	look := func(frames []*media.Frame, err error) {
		if err != nil {
			s.Failures++
		}
		for _, f := range frames {
			if s.Frames == 0 {
				s.First = f.PTS
			}
			if f.PTS <= s.Last {
				s.Back++
			}
			s.Frames++
			s.Last = f.PTS
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
			s.Failures++
		}
		for _, h := range heard {
			if s.Sound == 0 {
				s.SoundFrom = h.PTS
			}
			s.Sound += h.Duration()
		}
	}
	if video != nil {
		look(video.Flush())
	}
	s.Tracks = p.Tracks()
	return s
}

// FFmpeg runs until the test ends, at the latest.
func FFmpeg(t testing.TB, args ...string) {
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

// FFmpegRun runs it to its end.
func FFmpegRun(t testing.TB, args ...string) {
	t.Helper()
	bin, err := exec.LookPath("ffmpeg")
	if err != nil {
		groundtest.Need(t, "no ffmpeg")
	}
	cmd := exec.CommandContext(t.Context(), bin, append([]string{"-hide_banner", "-loglevel", "error", "-nostdin", "-y"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
}

// Film are the inputs of a film of three seconds, 75 frames of 40 ms and a tone, read as fast as they pass.
var Film = []string{"-re", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=3", "-re", "-f", "lavfi", "-i", "sine=frequency=440:duration=3"}
