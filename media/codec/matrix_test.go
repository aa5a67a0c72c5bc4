package codec

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"livedub/media"
)

// patches are colours that real cameras see, in RGB.
var patches = [][3]int{{128, 128, 128}, {200, 150, 130}, {90, 60, 50}, {180, 40, 40}, {40, 140, 60}, {40, 60, 170}, {220, 200, 60}, {235, 235, 235}}

// shownBy returns the colours that the ffmpeg command shows of a stream's frame, 8 patches of 64x64, read by a matrix if it names none.
func shownBy(t *testing.T, path, matrix string) (out [][3]int) {
	t.Helper()
	raw, err := exec.Command("ffmpeg", "-v", "error", "-i", path, "-frames:v", "1", "-vf", "scale=in_color_matrix="+matrix+":flags=accurate_rnd+full_chroma_int,format=rgb24",
		"-f", "rawvideo", "-").Output()
	if err != nil || len(raw) != 512*64*3 {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
	for i := range patches {
		at := 3 * (32*512 + i*64 + 32)
		out = append(out, [3]int{int(raw[at]), int(raw[at+1]), int(raw[at+2])})
	}
	return out
}

// TestColoursSurviveVP8: whatever matrix came in, and whichever codec brought it,
// colours are shown as they were: VP8 is BT.601 without saying so.
func TestColoursSurviveVP8(t *testing.T) {
	source := "color=black:size=512x64:rate=25:d=0.2,format=rgb24"
	for i, p := range patches {
		source += fmt.Sprintf(",drawbox=%d:0:64:64:0x%02x%02x%02x:fill", i*64, p[0], p[1], p[2])
	}
	for name, in := range map[string]struct {
		matrix string
		args   []string
		want   uint8 // of the decoded frame
	}{
		"vp8":          {"bt601", []string{"-c:v", "libvpx", "-b:v", "4M"}, 5},
		"h264 bt709":   {"bt709", []string{"-c:v", "libx264", "-qp", "4", "-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709"}, media.BT709},
		"h264 bt2020":  {"bt2020", []string{"-c:v", "libx264", "-qp", "4", "-color_primaries", "bt2020", "-color_trc", "bt709", "-colorspace", "bt2020nc"}, 9},
		"h264 untold":  {"bt601", []string{"-c:v", "libx264", "-qp", "4"}, 0},
		"h264 bt601-6": {"bt601", []string{"-c:v", "libx264", "-qp", "4", "-color_primaries", "smpte170m", "-color_trc", "smpte170m", "-colorspace", "smpte170m"}, media.BT601},
	} {
		path := ffmpegLavfi(t, source, "in.mkv", append([]string{"-vf", "scale=out_color_matrix=" + in.matrix + ":out_range=tv:flags=accurate_rnd,format=yuv420p"}, in.args...)...)
		track, packets := demux(t, path, "v", 1)
		f := framesOf(t, track, packets)[0]
		if f.Color.Matrix != in.want {
			t.Errorf("%s: matrix %d, want %d", name, f.Color.Matrix, in.want)
		}
		for _, out := range []media.Codec{media.VP8, media.H264} {
			e := must[*VideoEncoder](t)(NewVideoEncoder(VideoEncoderConfig{Codec: out, Width: 512, Height: 64, Bitrate: 8_000_000, Color: f.Color}))
			p := must[media.Packet](t)(e.Encode(f, true))
			e.Close()
			stream, matrix := "out.h264", "auto"
			data := p.Data
			if out == media.VP8 {
				stream, matrix = "out.ivf", "bt601"
				data = ivf(512, 64, p.Data)
			} else if in.want == 0 {
				matrix = "bt601"
			}
			stream = filepath.Join(t.TempDir(), stream)
			if err := os.WriteFile(stream, data, 0o600); err != nil {
				t.Fatal(err)
			}
			for i, got := range shownBy(t, stream, matrix) {
				for c, v := range got {
					if d := v - patches[i][c]; d < -3 || d > 3 {
						t.Errorf("%s to %s: %v is shown as %v", name, out, patches[i], got)
						break
					}
				}
			}
		}
	}
}

// ivf is the container of a single VP8 frame.
func ivf(w, h int, data []byte) []byte {
	head := append([]byte("DKIF\x00\x00\x20\x00VP80"), byte(w), byte(w>>8), byte(h), byte(h>>8), 25, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)
	n := len(data)
	head = append(head, byte(n), byte(n>>8), byte(n>>16), byte(n>>24), 0, 0, 0, 0, 0, 0, 0, 0)
	return append(head, data...)
}
