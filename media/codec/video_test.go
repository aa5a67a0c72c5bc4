package codec

import (
	"errors"
	"strings"
	"testing"
	"time"

	"livedub/media"
)

var videoCodecs = []media.Codec{media.H264, media.VP8}

func newPair(t testing.TB, c VideoEncoderConfig) (*VideoEncoder, *VideoDecoder) {
	t.Helper()
	noLeaks(t)
	e := must[*VideoEncoder](t)(NewVideoEncoder(c))
	t.Cleanup(e.Close)
	d := must[*VideoDecoder](t)(NewVideoDecoder(e.Track()))
	t.Cleanup(d.Close)
	return e, d
}

func TestVideoRoundTrip(t *testing.T) {
	for _, c := range videoCodecs {
		for _, outOfBand := range []bool{false, true} {
			t.Run(string(c)+map[bool]string{true: "/file", false: "/live"}[outOfBand], func(t *testing.T) {
				noLeaks(t)
				e, d := newPair(t, VideoEncoderConfig{
					Codec: c, Width: 320, Height: 240, FrameRate: 30, Bitrate: 1_500_000, OutOfBand: outOfBand,
				})
				if has := len(e.Track().Extradata) > 0; has != (outOfBand && c == media.H264) {
					t.Errorf("extradata present: %v", has)
				}
				for n := range 40 {
					src := paint(320, 240, n)
					src.PTS = framePTS(n)
					p := must[media.Packet](t)(e.Encode(src, n == 20))
					if want := n == 0 || n == 20; p.Key != want {
						t.Errorf("frame %d: key %v, want %v", n, p.Key, want)
					}
					if p.PTS != src.PTS || p.DTS != src.PTS || p.Kind != media.Video {
						t.Errorf("frame %d: PTS %v DTS %v, want %v", n, p.PTS, p.DTS, src.PTS)
					}
					out := must[[]*media.Frame](t)(d.Decode(p))
					if len(out) != 1 {
						t.Fatalf("packet %d gave %d frames, want 1", n, len(out))
					}
					if out[0].PTS != src.PTS {
						t.Errorf("frame %d came back at %v, want %v", n, out[0].PTS, src.PTS)
					}
					if q := psnr(src.Planes, out[0].Planes); q < 30 {
						t.Errorf("frame %d: %.1f dB, want 30", n, q)
					}
					src.Release()
					releaseAll(out)
				}
				if left := must[[]*media.Frame](t)(d.Flush()); len(left) != 0 {
					t.Errorf("%d frames were held back", len(left))
					releaseAll(left)
				}
			})
		}
	}
}

func TestKeyInterval(t *testing.T) {
	for _, c := range videoCodecs {
		e, _ := newPair(t, VideoEncoderConfig{
			Codec: c, Width: 160, Height: 96, FrameRate: 30, Bitrate: 200_000, KeyInterval: time.Second,
		})
		for n := range 91 {
			f := paint(160, 96, n)
			f.PTS = framePTS(n)
			p := must[media.Packet](t)(e.Encode(f, false))
			f.Release()
			if want := n%30 == 0; p.Key != want {
				t.Errorf("%s frame %d: key %v, want %v", c, n, p.Key, want)
			}
		}
	}
}

// rate encodes seconds of frames and returns the bit/s they took.
func rate(t *testing.T, e *VideoEncoder, from *int, fps, frames int) float64 {
	var bytes int
	for range frames {
		f := media.NewFrame(320, 240)
		noise(f, *from)
		f.PTS = time.Duration(*from) * time.Second / time.Duration(fps)
		bytes += len(must[media.Packet](t)(e.Encode(f, false)).Data)
		f.Release()
		*from++
	}
	return float64(bytes) * 8 * float64(fps) / float64(frames)
}

// noise fills f with a texture that costs bits at every bitrate.
func noise(f *media.Frame, seed int) {
	x := uint32(seed)*2654435761 + 1
	for _, p := range [][]byte{f.Y, f.U, f.V} {
		for i := range p {
			if i%4 == 0 {
				x ^= x << 13
				x ^= x >> 17
				x ^= x << 5
			}
			p[i] = byte(112 + x>>27)
		}
	}
}

func TestBitrateFollows(t *testing.T) {
	for _, c := range videoCodecs {
		for _, fps := range []int{30, 15} { // nominal is always 30
			e, _ := newPair(t, VideoEncoderConfig{Codec: c, Width: 320, Height: 240, FrameRate: 30, Bitrate: 1_000_000})
			n := 0
			rate(t, e, &n, fps, 30)
			for _, want := range []int{1_000_000, 400_000, 1_500_000} {
				if err := e.SetBitrate(want); err != nil {
					t.Fatal(err)
				}
				rate(t, e, &n, fps, 20) // settles
				got := rate(t, e, &n, fps, 60)
				t.Logf("%s at %d/s: %.0f bit/s for %d", c, fps, got, want)
				if got < 0.75*float64(want) || got > 1.25*float64(want) {
					t.Errorf("%s at %d/s: %.0f bit/s, want %d within a quarter", c, fps, got, want)
				}
			}
		}
	}
}

func TestSizeChange(t *testing.T) {
	for _, c := range videoCodecs {
		noLeaks(t)
		e, d := newPair(t, VideoEncoderConfig{Codec: c, Width: 320, Height: 240, Bitrate: 1_000_000})
		for n, s := range []size{{320, 240}, {320, 240}, {480, 270}, {480, 270}, {160, 120}} {
			f := paint(s.w, s.h, n)
			f.PTS = framePTS(n)
			p := must[media.Packet](t)(e.Encode(f, false))
			if want := n == 0 || n == 2 || n == 4; p.Key != want {
				t.Errorf("%s frame %d: key %v, want %v", c, n, p.Key, want)
			}
			out := must[[]*media.Frame](t)(d.Decode(p))
			if len(out) != 1 || psnr(out[0].Planes, f.Planes) < 28 {
				t.Errorf("%s frame %d of %v did not come back", c, n, s)
			}
			if got := e.Track(); got.Width != s.w || got.Height != s.h {
				t.Errorf("%s: track says %dx%d, want %v", c, got.Width, got.Height, s)
			}
			releaseAll(out)
			f.Release()
		}
	}
}

func TestSizeChangeOutOfBandFails(t *testing.T) {
	noLeaks(t)
	e, _ := newPair(t, VideoEncoderConfig{Codec: media.H264, Width: 320, Height: 240, Bitrate: 1_000_000, OutOfBand: true})
	f := paint(160, 120, 0)
	defer f.Release()
	if _, err := e.Encode(f, false); err == nil {
		t.Error("a file's encoder took another size")
	}
	g := paint(320, 240, 0)
	defer g.Release()
	if _, err := e.Encode(g, false); err != nil {
		t.Errorf("and did not survive it: %v", err)
	}
}

func TestFramesOutliveTheirDecoder(t *testing.T) {
	noLeaks(t)
	e, d := newPair(t, VideoEncoderConfig{Codec: media.H264, Width: 320, Height: 240, Bitrate: 1_000_000})
	src := paint(320, 240, 0)
	defer src.Release()
	out := must[[]*media.Frame](t)(d.Decode(must[media.Packet](t)(e.Encode(src, true))))
	d.Close()
	if q := psnr(src.Planes, out[0].Planes); q < 30 {
		t.Errorf("%.1f dB after Close", q)
	}
	releaseAll(out)
}

func TestClosedVideo(t *testing.T) {
	e, d := newPair(t, VideoEncoderConfig{Codec: media.VP8, Width: 64, Height: 64, Bitrate: 100_000})
	e.Close()
	d.Close()
	e.Close()
	f := paint(64, 64, 0)
	defer f.Release()
	if _, err := e.Encode(f, true); !errors.Is(err, ErrClosed) {
		t.Errorf("Encode: %v", err)
	}
	if err := e.SetBitrate(200_000); !errors.Is(err, ErrClosed) {
		t.Errorf("SetBitrate: %v", err)
	}
	if _, err := d.Decode(media.Packet{Data: []byte{1}}); !errors.Is(err, ErrClosed) {
		t.Errorf("Decode: %v", err)
	}
	if _, err := d.Flush(); !errors.Is(err, ErrClosed) {
		t.Errorf("Flush: %v", err)
	}
	_, _ = e.Track(), e.Name()
}

func TestRefusedConfigs(t *testing.T) {
	ok := VideoEncoderConfig{Codec: media.H264, Width: 320, Height: 240, Bitrate: 500_000}
	for name, change := range map[string]func(*VideoEncoderConfig){
		"odd":        func(c *VideoEncoderConfig) { c.Width = 321 },
		"huge":       func(c *VideoEncoderConfig) { c.Width = 20000 },
		"no bitrate": func(c *VideoEncoderConfig) { c.Bitrate = 0 },
		"codec":      func(c *VideoEncoderConfig) { c.Codec = media.AV1 },
		"rate":       func(c *VideoEncoderConfig) { c.FrameRate = -1 },
		"hardware":   func(c *VideoEncoderConfig) { c.Hardware = "yes" },
		"preset":     func(c *VideoEncoderConfig) { c.Preset = "brisk" },
	} {
		c := ok
		change(&c)
		if e, err := NewVideoEncoder(c); err == nil {
			e.Close()
			t.Errorf("%s was taken", name)
		}
	}
	for _, track := range []media.Track{{Codec: "nonsense"}, {Codec: media.AAC}, {Codec: media.H264, Width: 9000, Height: 9000}} {
		if d, err := NewVideoDecoder(track); err == nil {
			d.Close()
			t.Errorf("a decoder opened for %+v", track)
		}
	}
}

func TestProbe(t *testing.T) {
	for _, name := range []string{"libx264", "libvpx"} {
		if err := ProbeVideoEncoder(name); err != nil {
			t.Error(err)
		}
	}
	if ProbeVideoEncoder("libnothing") == nil {
		t.Error("an unknown encoder works")
	}
	e := must[*VideoEncoder](t)(NewVideoEncoder(VideoEncoderConfig{
		Codec: media.H264, Width: 320, Height: 240, Bitrate: 500_000, Hardware: "auto",
	}))
	defer e.Close()
	want := "h264_nvenc"
	if err := ProbeVideoEncoder(want); err != nil {
		t.Log(err)
		want = "libx264"
	}
	if e.Name() != want {
		t.Errorf("auto chose %s, want %s", e.Name(), want)
	}
	forced, err := NewVideoEncoder(VideoEncoderConfig{Codec: media.H264, Width: 320, Height: 240, Bitrate: 500_000, Hardware: "nvenc"})
	switch {
	case err == nil:
		defer forced.Close()
		if want != "h264_nvenc" || forced.Name() != want {
			t.Errorf("nvenc chose %s where auto takes %s", forced.Name(), want)
		}
	case want == "h264_nvenc" || !strings.Contains(err.Error(), "open h264_nvenc"):
		t.Errorf("nvenc: %v", err)
	}
	if err := ProbeVideoDecoder("h264"); err != nil {
		t.Error(err)
	}
	if err := ProbeVideoDecoder("mpeg4"); err == nil {
		t.Error("a decoder of another codec passes")
	}
	hardware := ProbeVideoDecoder("h264_cuvid")
	t.Log(hardware)
	for _, c := range []struct {
		hardware string
		codec    media.Codec
		want     string // "": refused
	}{
		{"", media.H264, "h264"}, {"cpu", media.H264, "h264"}, {"auto", media.VP8, "vp8"}, {"nvdec", media.VP8, "vp8"}, {"gpu", media.H264, ""},
		{"auto", media.H264, map[bool]string{true: "h264_cuvid", false: "h264"}[hardware == nil]},
		{"nvdec", media.H264, map[bool]string{true: "h264_cuvid", false: ""}[hardware == nil]},
	} {
		d, err := NewVideoDecoderOn(media.Track{Codec: c.codec, Width: 320, Height: 240}, c.hardware)
		if err != nil {
			if c.want != "" {
				t.Errorf("%+v: %v", c, err)
			}
			continue
		}
		if d.Name() != c.want {
			t.Errorf("%+v: decoded by %s", c, d.Name())
		}
		d.Close()
		if d.Name() != "" {
			t.Errorf("%+v: closed, it is %s", c, d.Name())
		}
	}
	for c, want := range map[media.Codec]string{media.AV1: "libdav1d", media.H264: "h264", media.Opus: "libopus", "mp3": "mp3float"} {
		if got, ok := HasDecoder(c); !ok || got != want {
			t.Errorf("HasDecoder(%s) = %s, %v; want %s", c, got, ok, want)
		}
	}
	if _, ok := HasDecoder("nonsense"); ok {
		t.Error("nonsense has a decoder")
	}
	for _, lib := range []string{"libavcodec", "libvpx", "libopus"} {
		if Version()[lib] == "" {
			t.Errorf("no version of %s", lib)
		}
	}
}
