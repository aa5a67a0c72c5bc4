package file

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"livedub/internal/testkit/groundtest"
	"livedub/media"
	"livedub/media/codec"
)

// encode runs ffmpeg, and skips the test where this ffmpeg lacks the encoder.
func encode(t *testing.T, path string, args ...string) {
	t.Helper()
	args = append(append([]string{"-y", "-nostdin", "-v", "error", "-threads", "1"}, args...), path)
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		if strings.Contains(string(out), "Unknown encoder") {
			groundtest.Skip(t, "this ffmpeg lacks the encoder: %s", out)
		}
		t.Fatalf("ffmpeg %v: %v: %s", args, err, out)
	}
}

// decodedBy returns what the ffmpeg command makes of a file, with args for its output.
func decodedBy(t *testing.T, path string, args ...string) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	c := exec.Command("ffmpeg", append(append([]string{"-nostdin", "-v", "error", "-i", path}, args...), "-")...)
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	return out.Bytes()
}

// each gives a file's packets of one kind to fn.
func each(t *testing.T, path string, k media.Kind, fn func(media.Track, media.Packet)) {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var track media.Track
	for _, tr := range s.Tracks() {
		if tr.Kind == k {
			track = tr
		}
	}
	for {
		p, err := s.Read(t.Context())
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.Kind == k {
			fn(track, p)
		}
	}
}

// Old codecs leave to their containers how their blocks are to be read. Each is
// decoded to what the ffmpeg command hears.
func TestEverySoundIsDecoded(t *testing.T) {
	dir := t.TempDir()
	for name, args := range map[string]string{
		"wmav1.asf": "wmav1", "wmav2.asf": "wmav2", "wmav2.avi": "wmav2",
		"ima.wav": "adpcm_ima_wav", "ms.wav": "adpcm_ms", "yamaha.wav": "adpcm_yamaha", "ima.avi": "adpcm_ima_wav",
		"qt.mov": "adpcm_ima_qt", "swf.flv": "adpcm_swf -ar 22050", "qt.caf": "adpcm_ima_qt",
		"g722.wav": "g722 -ar 16000", "g726.wav": "g726 -ar 8000 -ac 1", "g726 16k.wav": "g726 -ar 8000 -ac 1 -b:a 16k",
		"g726.au": "g726le -ar 8000 -ac 1", "g723.wav": "g723_1 -ar 8000 -ac 1",
		"gsm.wav": "libgsm_ms -ar 8000 -ac 1", "speex.ogg": "libspeex -ar 16000 -ac 1", "nelly.flv": "nellymoser -ar 22050 -ac 1",
		"alac.m4a": "alac", "tta.tta": "tta", "wv.wv": "wavpack", "mp2.mpg": "mp2", "dts.mkv": "dca -strict -2",
		"vorbis.ogg": "libvorbis", "flac.flac": "flac", "truehd.mkv": "truehd -strict -2",
		"alaw.wav": "pcm_alaw", "mulaw.au": "pcm_mulaw", "s24.wav": "pcm_s24le", "f64.wav": "pcm_f64le", "u8.avi": "pcm_u8",
		"s16be.mov": "pcm_s16be", "dvd.vob": "pcm_dvd -f vob", "bluray.ts": "pcm_bluray -f mpegts -mpegts_m2ts_mode 1",
		"s302m.ts": "s302m -strict -2", "ra.rm": "real_144 -ar 8000 -ac 1", "in mkv.mkv": "adpcm_ms",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			encode(t, path, append([]string{"-f", "lavfi", "-i", "aevalsrc='0.5*sin(2*PI*(200+150*t)*t)|0.3*sin(2*PI*500*t)':s=48000:d=2", "-c:a"},
				strings.Fields(args)...)...)
			var dec *codec.AudioDecoder
			var got []int16
			rate, channels := 0, 0
			keep := func(s []media.Samples, err error) {
				if err != nil {
					t.Error(err)
				}
				for _, s := range s {
					rate, channels = s.Rate, s.Channels
					got = append(got, s.Data...)
				}
			}
			each(t, path, media.Audio, func(tr media.Track, p media.Packet) {
				if dec == nil {
					var err error
					if dec, err = codec.NewAudioDecoder(tr); err != nil {
						t.Fatal(err)
					}
				}
				keep(dec.Decode(p))
			})
			if dec == nil {
				t.Fatal("no sound")
			}
			keep(dec.Flush())
			dec.Close()
			in := []string{"-map", "0:a:0", "-f", "s16le", "-c:a", "pcm_s16le"}
			if strings.HasPrefix(name, "wma") { // ffmpeg leaves out what only starts that decoder: put it back
				in = append(in, "-af", "aresample=async=1:first_pts=0")
			}
			raw := decodedBy(t, path, in...)
			want := make([]int16, len(raw)/2)
			for i := range want {
				want[i] = int16(uint16(raw[2*i]) | uint16(raw[2*i+1])<<8)
			}
			if d := len(got) - len(want); max(d, -d) > rate*channels/20 {
				t.Errorf("%d values at %d Hz, %d channels; ffmpeg has %d", len(got), rate, channels, len(want))
			}
			if db := likeness(want, got, rate*channels/20); db < 30 {
				t.Errorf("%.1f dB from what ffmpeg hears", db)
			}
		})
	}
}

// likeness is how far above their difference a stands, in dB, where b may begin up to shift values sooner or later.
func likeness(a, b []int16, shift int) float64 {
	best := math.Inf(-1)
	for _, s := range []int{0, 1, 2, shift} { // most are in step; the whole range is for those that are not
		for d := -s; d <= s; d++ {
			var signal, noise float64
			for i := len(a) / 4; i < len(a)/2; i++ {
				v := 0.0
				if j := i + d; j >= 0 && j < len(b) {
					v = float64(b[j])
				}
				x := float64(a[i])
				signal, noise = signal+x*x, noise+(x-v)*(x-v)
			}
			best = max(best, 10*math.Log10((signal+1)/(noise+1)))
		}
		if best > 60 {
			break
		}
	}
	return best
}

// Frames of every codec come out as ffmpeg shows them, whatever the container has to say to it.
func TestEveryFrameIsDecoded(t *testing.T) {
	dir := t.TempDir()
	for name, args := range map[string]string{
		"raw.avi": "rawvideo -pix_fmt yuv420p", "rgb.avi": "rawvideo -pix_fmt bgr24", "raw.mkv": "rawvideo -pix_fmt yuv422p", "raw.nut": "rawvideo -pix_fmt yuv444p",
		"raw.mov": "rawvideo -pix_fmt uyvy422", "a.y4m": "wrapped_avframe -f yuv4mpegpipe -pix_fmt yuv420p", "v210.mov": "v210",
		"wmv1.wmv": "wmv1", "wmv2.wmv": "wmv2", "msmpeg4.avi": "msmpeg4", "msmpeg4v2.avi": "msmpeg4v2", "mpeg4.avi": "mpeg4 -vtag DX50", "xvid.avi": "mpeg4 -vtag XVID",
		"mjpeg.avi": "mjpeg -pix_fmt yuvj420p", "mjpeg.mov": "mjpeg -pix_fmt yuvj422p", "huffyuv.avi": "huffyuv", "ffv1.mkv": "ffv1", "utvideo.avi": "utvideo",
		"prores.mov": "prores", "dnxhd.mov": "dnxhd -pix_fmt yuv422p -s 1280x720 -b:v 60M", "qtrle.mov": "qtrle", "svq1.mov": "svq1", "flv1.flv": "flv", "flashsv.flv": "flashsv",
		"h263.3gp": "h263", "rv10.rm": "rv10", "rv20.rm": "rv20", "cinepak.avi": "cinepak", "png.mov": "png", "theora.ogg": "libtheora",
		"mpeg1.mpg": "mpeg1video", "dv.avi": "dvvideo -s 720x576 -pix_fmt yuv420p -r 25", "snow.avi": "snow -strict -2", "gray.avi": "ffv1 -pix_fmt gray",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			encode(t, path, append([]string{"-f", "lavfi", "-i", "testsrc2=size=352x288:rate=25:duration=0.4", "-c:v"}, strings.Fields(args)...)...)
			var dec *codec.VideoDecoder
			var got []*media.Frame
			defer func() {
				for _, f := range got {
					f.Release()
				}
			}()
			keep := func(f []*media.Frame, err error) {
				if err != nil {
					t.Error(err)
				}
				got = append(got, f...)
			}
			each(t, path, media.Video, func(tr media.Track, p media.Packet) {
				if dec == nil {
					var err error
					if dec, err = codec.NewVideoDecoder(tr); err != nil {
						t.Fatal(err)
					}
				}
				keep(dec.Decode(p))
			})
			if dec == nil {
				t.Fatal("no frame")
			}
			keep(dec.Flush())
			dec.Close()
			if len(got) < 9 {
				t.Fatalf("%d frames", len(got))
			}
			f := got[5]
			filter := "scale=out_range=tv"
			if strings.HasPrefix(name, "dv") {
				filter = "bwdif=send_frame:-1:interlaced"
			}
			raw := decodedBy(t, path, "-map", "0:v:0", "-vf", filter, "-fps_mode", "passthrough", "-pix_fmt", "yuv420p", "-f", "rawvideo")
			size := f.Width*f.Height + 2*((f.Width+1)/2)*((f.Height+1)/2)
			if len(raw) < 6*size {
				t.Fatalf("ffmpeg gives %d bytes, %d a frame", len(raw), size)
			}
			var noise float64
			for y := range f.Height {
				for x := range f.Width {
					d := float64(f.Y[y*f.YStride+x]) - float64(raw[5*size+y*f.Width+x])
					noise += d * d
				}
			}
			if db := 10 * math.Log10(255*255/(noise/float64(f.Width*f.Height)+1e-9)); db < 35 {
				t.Errorf("%.1f dB from what ffmpeg shows", db)
			}
		})
	}
}
