package file

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"livedub/media"
	"livedub/media/codec"
)

// decoded is what the decoders made of a file.
type decoded struct {
	frames       int
	first, last  time.Duration // of frames
	width        int           // of the last one
	sound, begun time.Duration // how much there is, and from when on
	failures     int
}

func decodeFile(t *testing.T, path string) (d decoded) {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var video *codec.VideoDecoder
	var audio *codec.AudioDecoder
	for _, tr := range s.Tracks() {
		if tr.Kind == media.Video {
			video, err = codec.NewVideoDecoder(tr)
		} else {
			audio, err = codec.NewAudioDecoder(tr)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	d.first, d.begun = -1, -1
	look := func(frames []*media.Frame, err error) {
		if err != nil {
			d.failures++
		}
		for _, f := range frames {
			if d.first < 0 {
				d.first = f.PTS
			}
			d.frames++
			d.last, d.width = f.PTS, f.Width
			f.Release()
		}
	}
	hear := func(sound []media.Samples, err error) {
		if err != nil {
			d.failures++
		}
		for _, s := range sound {
			if d.begun < 0 {
				d.begun = s.PTS
			}
			d.sound += s.End() - s.PTS
		}
	}
	for {
		p, err := s.Read(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.Kind == media.Video {
			look(video.Decode(p))
		} else {
			hear(audio.Decode(p))
		}
	}
	if video != nil {
		look(video.Flush())
		video.Close()
	}
	if audio != nil {
		hear(audio.Flush())
		audio.Close()
	}
	return d
}

// joined writes files one after the other into one.
func joined(t *testing.T, name string, paths ...string) string {
	t.Helper()
	var all []byte
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return write(t, filepath.Join(t.TempDir(), name), all)
}

// TestTried decodes what docs/TRIED.md has as right from the start: each frame
// and all of the sound of two seconds comes, at its time.
func TestTried(t *testing.T) {
	mpeg2 := []string{"-c:v", "mpeg2video", "-b:v", "1M"}
	mp2 := []string{"-c:a", "mp2"}
	late := func(kind string) []string {
		in := cat(frames("2"), []string{"-itsoffset", "0.5"}, tone("2"))
		if kind == "frame" {
			in = cat(tone("2"), []string{"-itsoffset", "0.5"}, frames("2"))
		}
		return in
	}
	film := func(name string, args ...[]string) func(*testing.T) string {
		return func(t *testing.T) string { return makeFile(t, name, args...) }
	}
	for name, c := range map[string]struct {
		make   func(t *testing.T) string
		frames int     // 0: none
		first  float64 // s, of the frames
		begun  float64 // s, of the sound
		sound  float64 // s
	}{
		"B-frames in AVI": {film("a.avi", twoTrack, []string{"-c:v", "mpeg4", "-bf", "2", "-vtag", "DIVX", "-c:a", "mp3"}), 50, 0, 0, 2},
		"HEVC 4:4:4 10 bit, ALAC": {film("a.mov", twoTrack, []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none",
			"-pix_fmt", "yuv444p10le", "-c:a", "alac"}), 50, 0, 0, 2},
		"VP9 with alpha": {film("a.webm", twoTrack, []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-pix_fmt", "yuva420p", "-c:a", "libopus"}), 50, 0, 0, 2},
		"240 a second":   {film("a.mp4", []string{"-f", "lavfi", "-i", "testsrc=size=160x120:rate=240:duration=2"}, tone("2"), x264, aac), 480, 0, 0, 2},
		"MXF 4:2:2": {film("a.mxf", []string{"-f", "lavfi", "-i", "testsrc=size=720x576:rate=25:duration=2"}, tone("2"), mpeg2,
			[]string{"-pix_fmt", "yuv422p", "-c:a", "pcm_s16le"}), 50, 0, 0, 2},
		"times that wrap":        {film("a.ts", cat(frames("4"), tone("4")), x264, mp2, []string{"-output_ts_offset", "95441"}), 100, 0, 0, 4}, // after 2.7 s
		"a start at one hour":    {film("a.ts", twoTrack, x264, mp2, []string{"-output_ts_offset", "3600"}), 50, 0, 0, 2},
		"sound before the frame": {film("a.mkv", late("frame"), x264, aac), 50, .5, 0, 2},
		"late sound":             {film("a.mkv", late("sound"), x264, aac), 50, 0, .5, 2},
		"a timecode track":       {film("a.mov", twoTrack, x264, aac, []string{"-timecode", "10:00:00:00"}), 50, 0, 0, 2},
		"m2ts":                   {film("a.m2ts", twoTrack, x264, []string{"-c:a", "ac3"}), 50, 0, 0, 2},
		"DVD": {film("a.vob", []string{"-f", "lavfi", "-i", "testsrc=size=720x576:rate=25:duration=2"}, tone("2"),
			mpeg2, []string{"-c:a", "ac3", "-f", "dvd"}), 50, 0, 0, 2},
		"junk before an MP3": {func(t *testing.T) string {
			junk := write(t, filepath.Join(t.TempDir(), "junk"), bytes.Repeat([]byte("not a frame header. "), 150))
			return joined(t, "a.mp3", junk, makeFile(t, "b.mp3", tone("2")))
		}, 0, 0, 0, 2},
		"192 kHz":           {film("a.flac", []string{"-f", "lavfi", "-i", "sine=sample_rate=192000:duration=2"}), 0, 0, 0, 2},
		"a constant offset": {film("a.wav", []string{"-f", "lavfi", "-i", "aevalsrc='0.3+0.3*sin(2000*t)':s=48000:d=2"}), 0, 0, 0, 2},
		"AC-3 of 2, then 6 channels": {func(t *testing.T) string {
			six := makeFile(t, "six.ac3", tone("1"), []string{"-ac", "6", "-ar", "44100"})
			return joined(t, "a.ac3", makeFile(t, "two.ac3", tone("1"), []string{"-ac", "2"}), six)
		}, 0, 0, 0, 2},
		"a recording cut in at its middle": {func(t *testing.T) string {
			b, err := os.ReadFile(makeFile(t, "a.ts", cat(frames("5"), tone("5")), x264, mp2))
			if err != nil {
				t.Fatal(err)
			}
			return write(t, filepath.Join(t.TempDir(), "a.ts"), b[len(b)/2:])
		}, -1, 0, -1, 2},
		"a track without packets": {film("a.mp4", twoTrack, x264, aac, []string{"-map", "0", "-map", "1", "-map", "1", "-c:a:1", "aac",
			"-filter:a:1", "atrim=start=9"}), 50, 0, 0, 2},
		"a size that changes": {func(t *testing.T) string {
			other := makeFile(t, "b.ts", []string{"-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=1"}, tone("1"), x264, mp2, []string{"-output_ts_offset", "1"})
			return joined(t, "a.ts", makeFile(t, "a.ts", cat(frames("1"), tone("1")), x264, mp2), other)
		}, 50, 0, 0, 2},
		"WebM of a recorder": {film("a.webm", twoTrack, []string{"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus", "-f", "webm", "-live", "1"}), 50, 0, 0, 2},
		"a cover": {func(t *testing.T) string {
			cover := makeFile(t, "c.jpg", frames("0.04"), []string{"-frames:v", "1"})
			return makeFile(t, "a.mp3", tone("2"), []string{"-i", cover, "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic"})
		}, 0, 0, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := decodeFile(t, c.make(t))
			near := func(what string, got time.Duration, want, within float64) {
				if want >= 0 && math.Abs(got.Seconds()-want) > within {
					t.Errorf("%s %v, want %g s", what, got, want)
				}
			}
			near("sound begins at", d.begun, c.begun, .06)
			switch {
			case c.frames < 0: // what stands before the first keyframe is lost
				if d.frames < 25 || d.sound < 2*time.Second || d.sound > 3*time.Second {
					t.Errorf("%+v", d)
				}
				return
			case d.frames != c.frames || d.failures > 0:
				t.Errorf("%d frames, want %d; %d failures", d.frames, c.frames, d.failures)
			case c.frames > 0:
				near("frames begin at", d.first, c.first, .06)
				near("the last frame is at", d.last, c.first+c.sound, .1)
			}
			near("sound lasts", d.sound, c.sound, .1)
			if name == "a size that changes" && d.width != 320 {
				t.Errorf("the last frame is %d wide", d.width)
			}
		})
	}
}
