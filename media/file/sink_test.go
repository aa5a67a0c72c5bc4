package file

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"livedub/media"
)

// copyFile sends every packet of src, moved by shift, through a Sink with epoch.
func copyFile(t *testing.T, src, dst string, shift func(media.Packet) time.Duration, epoch time.Duration) {
	t.Helper()
	in, all := readAll(t, src)
	c := SinkConfig{Epoch: epoch}
	for _, tr := range in.Tracks() {
		if tr.Kind == media.Video {
			c.Video = tr.Codec
		} else {
			c.Audio = tr.Codec
		}
	}
	out, err := Create(dst, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Start(in.Tracks()); err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		d := shift(p)
		p.PTS, p.DTS = p.PTS+d, p.DTS+d
		if err := out.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func unmoved(media.Packet) time.Duration { return 0 }

// What went through Source and Sink has the packets and times it had.
func TestRemuxKeepsTimes(t *testing.T) {
	for _, c := range []struct {
		name string
		args [][]string
	}{
		{"bframes.mp4", [][]string{twoTrack, x264b, aac}},
		{"tone.m4a", [][]string{tone("2"), aac, {"-ar", "44100"}}},
		{"silent.mp4", [][]string{frames("2"), x264}},
		{"uneven.mp4", [][]string{frames("2"), {"-vf", "select='not(mod(n,3))+lt(n,10)'", "-fps_mode", "vfr"}, x264b}},
		{"annexb.ts", [][]string{twoTrack, x264b, aac}}, // start codes and ADTS become lengths and plain AAC
		{"matroska.mkv", [][]string{twoTrack, x264b, aac}},
		{"short.mp4", [][]string{frames("1"), tone("2"), x264b, aac}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src := makeFile(t, c.name, c.args...)
			dst := filepath.Join(t.TempDir(), "out.mp4")
			copyFile(t, src, dst, unmoved, 0)
			want, got := probe(t, src), probe(t, dst)
			zero := seconds(t, want.Format.StartTime)
			for _, kind := range []media.Kind{media.Audio, media.Video} {
				w, g := want.of(kind), got.of(kind)
				if len(w) != len(g) {
					t.Fatalf("%d %v packets of %d", len(g), kind, len(w))
				}
				for i := range w {
					a, b := seconds(t, w[i].PTS)-zero, seconds(t, g[i].PTS)
					if (a - b).Abs() > 22*time.Microsecond { // half a tick of video, one of the edit list
						t.Fatalf("%v packet %d: %v became %v", kind, i, a, b)
					}
					if kind == media.Video && w[i].Flags[0] != g[i].Flags[0] {
						t.Errorf("packet %d: flags %s became %s", i, w[i].Flags, g[i].Flags)
					}
				}
			}
			if msg := ffmpeg(t, "-i", dst, "-f", "null", "-"); msg != "" {
				t.Errorf("ffmpeg: %s", msg)
			}
		})
	}
}

// decodeSound returns a file's sound, 48 kHz mono, from the file's time zero on
// as a player hears it.
func decodeSound(t *testing.T, path string) []int16 {
	t.Helper()
	raw := ffmpeg(t, "-copyts", "-i", path, "-map", "0:a", "-af", "aresample=async=1:first_pts=0",
		"-ac", "1", "-ar", "48000", "-f", "s16le", "-")
	out := make([]int16, len(raw)/2)
	for i := range out {
		out[i] = int16(binary.LittleEndian.Uint16([]byte(raw[2*i:])))
	}
	return out
}

func loudest(s []int16) int {
	at, most := 0, int16(0)
	for i, v := range s {
		if v = max(v, -v); v > most {
			at, most = i, v
		}
	}
	return at
}

// An impulse at one second stays there though its encoder's priming lies before
// zero, and the first frame shows at zero; also where the session's clock
// stands elsewhere, and where a track starts late.
func TestSinkKeepsSoundAndFrameTrue(t *testing.T) {
	click := []string{"-f", "lavfi", "-i", "aevalsrc='if(eq(n,48000),0.9,0)':s=48000:d=2"}
	src := makeFile(t, "click.mp4", frames("2"), click, x264, aac, []string{"-b:a", "256k"})
	for _, c := range []struct {
		name         string
		epoch        time.Duration
		video, audio time.Duration // how much later the tracks start
	}{
		{"plain", 0, 0, 0},
		{"epoch", 37*time.Minute + 123456789, 0, 0},
		{"late frame", 0, 500 * time.Millisecond, 0},
		{"late sound", time.Second, 0, 250 * time.Millisecond},
		{"early sound", time.Second, 0, -300 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dst := filepath.Join(t.TempDir(), "out.mp4")
			copyFile(t, src, dst, func(p media.Packet) time.Duration {
				if p.Kind == media.Video {
					return c.epoch + c.video
				}
				return c.epoch + c.audio
			}, c.epoch)
			at := media.SamplesToTime(loudest(decodeSound(t, dst)), 48000)
			if want := time.Second + c.audio; (at - want).Abs() > time.Millisecond {
				t.Errorf("the click is at %v, want %v", at, want)
			}
			p := probe(t, dst)
			if first := seconds(t, p.of(media.Video)[0].PTS); first != c.video {
				t.Errorf("the first frame shows at %v, want %v", first, c.video)
			}
		})
	}
}

// Times lose nothing over hours: the last packet stands where its time says.
func TestSinkDoesNotDrift(t *testing.T) {
	in, all := readAll(t, makeFile(t, "a.mp4", frames("1"), tone("1"), x264, aac))
	v, a := ofKind(all, media.Video)[0], ofKind(all, media.Audio)[1]
	dst := filepath.Join(t.TempDir(), "long.mp4")
	out, err := Create(dst, SinkConfig{Video: media.H264, Audio: media.AAC})
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Start(in.Tracks()); err != nil {
		t.Fatal(err)
	}
	const hours, fps = 3, 30000.0 / 1001
	for i := 0; i < 3600*hours; i += 5 { // one frame and one frame of sound in five seconds
		frame := int64(float64(i) * fps)
		v.PTS = time.Duration(frame * 1001 * int64(time.Second) / 30000)
		v.DTS, v.Duration = v.PTS, 0
		a.PTS = media.SamplesToTime(i*48000/1024*1024, 48000)
		a.DTS = a.PTS
		if err := errors.Join(out.Write(v), out.Write(a)); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	p := probe(t, dst)
	pv, pa := p.of(media.Video), p.of(media.Audio)
	if got := seconds(t, pv[len(pv)-1].PTS); (got - v.PTS).Abs() > 6*time.Microsecond {
		t.Errorf("the last frame is at %v, want %v", got, v.PTS)
	}
	if got := seconds(t, pa[len(pa)-1].PTS); !near(got, a.PTS) {
		t.Errorf("the last sound is at %v, want %v", got, a.PTS)
	}
}

// Rotation and pixel shape survive; ffmpeg turns the frame the same way.
func TestSinkKeepsRotationAndShape(t *testing.T) {
	_, want := rotated(t, 90)
	dst := filepath.Join(t.TempDir(), "out.mp4")
	copyFile(t, want.path, dst, unmoved, 0)
	got, err := Open(dst)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	g, w := got.Tracks()[0], want.tracks[0]
	if g.Rotation != w.Rotation || g.PixelAspect != w.PixelAspect || g.Width != w.Width {
		t.Errorf("%+v became %+v", w, g)
	}
}

func TestSinkWithoutPacketsLeavesNoFile(t *testing.T) {
	track := media.Track{Kind: media.Audio, Codec: media.AAC, SampleRate: 48000, Channels: 1, Extradata: []byte{0x11, 0x88}}
	for _, start := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "out.mp4")
		s, err := Create(path, SinkConfig{Audio: media.AAC})
		if err != nil {
			t.Fatal(err)
		}
		if start {
			if err := s.Start([]media.Track{track}); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) || !s.Empty() {
			t.Errorf("started %v: a file is left: %v", start, err)
		}
		if err := s.Write(media.Packet{Kind: media.Audio, Data: []byte{1}}); !errors.Is(err, os.ErrClosed) {
			t.Errorf("Write after Close: %v", err)
		}
	}
}

func TestSinkRefusals(t *testing.T) {
	dir := t.TempDir()
	for path, c := range map[string]SinkConfig{
		filepath.Join(dir, "none", "x.mp4"): {Video: media.H264},
		dir:                                 {Video: media.H264},
		filepath.Join(dir, "nothing.mp4"):   {},
	} {
		_, err := Create(path, c)
		if err == nil || !strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("Create(%s): %v", path, err)
		}
		t.Log(err)
	}
	h264 := media.Track{Kind: media.Video, Codec: media.H264, Width: 16, Height: 16}
	vp8 := media.Track{Kind: media.Video, Codec: media.VP8, Width: 16, Height: 16}
	for _, c := range []struct {
		want   media.Codec
		tracks []media.Track
	}{
		{media.H264, nil},
		{media.H264, []media.Track{vp8}},
		{media.VP8, []media.Track{vp8}},
		{"nonsense", []media.Track{{Kind: media.Video, Codec: "nonsense", Width: 1, Height: 1}}},
		{media.H264, []media.Track{h264, h264}},
		{media.H264, []media.Track{{Kind: media.Video, Codec: media.H264}}},
		{media.H264, []media.Track{{Kind: media.Audio, Codec: media.AAC, SampleRate: 48000, Channels: 1}}},
	} {
		s, err := Create(filepath.Join(dir, "x.mp4"), SinkConfig{Video: c.want})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Write(media.Packet{Kind: media.Video, Data: []byte{1}}); err == nil {
			t.Error("Write before Start")
		}
		if err := s.Start(c.tracks); err == nil {
			t.Errorf("%v for %v: no error", c.tracks, c.want)
		} else {
			t.Log(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
