package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/pion/webrtc/v4"

	"livedub/media"
	"livedub/media/file"
)

// write keeps what has come of the frame as a file of H.264.
func (w *watcher) write(t *testing.T, path string) {
	t.Helper()
	var stream bytes.Buffer
	w.mu.Lock()
	for _, u := range w.video {
		stream.Write(u.data)
	}
	w.mu.Unlock()
	if err := os.WriteFile(path, stream.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestInterlacedCall: a camera that sends fields by WebRTC, as capture cards do
// from broadcast equipment, is seen in whole frames.
func TestInterlacedCall(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.ts"), filepath.Join(dir, "out.h264")
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=60:d=8", "-vf", "interlace=scan=tff:lowpass=off", "-c:v", "libx264", "-preset", "superfast",
		"-tune", "zerolatency", "-b:v", "3M", "-g", "30", "-flags", "+ilme+ildct", "-x264-params", "tff=1", in)
	if n := fieldsIn(t, in); n < 200 {
		t.Fatalf("ffmpeg sees fields in %d of the 240 frames that are sent", n)
	}
	src, err := file.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, fakes...)
	var made mouthInfo
	s.call(t, "POST", "/v1/sessions", `{"from":"en","to":["es"],"delay_ms":1000}`, &made)
	w := watch(t, s, "/whep/"+made.ID+"/es")
	sending{only: media.Video}.publish(t, s, "/whip/"+made.ID, src)
	until(t, "four seconds of frames", func() bool { n, _ := w.came(); return n > 120 })
	w.write(t, out)
	// The first frame, which has none before it to take from, counts as four: ffmpeg's vote lasts.
	if n := fieldsIn(t, out); n > 4 {
		t.Errorf("ffmpeg sees fields in %d of the frames that came", n)
	}
	if l := lookOf(t, out); l.Fields != "progressive" {
		t.Errorf("the frames are told to be %q", l.Fields)
	}
}

// TestColoursOfACall: colours that come in VP8, which are BT.601's by convention, or
// in H.264 that names BT.709 leave as they came.
func TestColoursOfACall(t *testing.T) {
	patches := [][3]int{{128, 128, 128}, {200, 150, 130}, {90, 60, 50}, {180, 40, 40}, {40, 140, 60}, {40, 60, 170}, {220, 200, 60}, {235, 235, 235}}
	source := "color=black:size=1024x256:rate=30:d=6,format=rgb24"
	for i, p := range patches {
		source += fmt.Sprintf(",drawbox=%d:0:128:256:0x%02x%02x%02x:fill", i*128, p[0], p[1], p[2])
	}
	s := serve(t, fakes...)
	for name, c := range map[string]struct {
		codec, matrix string
		args          []string
	}{
		"in.webm": {webrtc.MimeTypeVP8, "bt601", []string{"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "3M", "-g", "30"}},
		"in.ts": {webrtc.MimeTypeH264, "bt709", []string{"-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-b:v", "3M", "-g", "30",
			"-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709"}},
	} {
		dir := t.TempDir()
		in, out := filepath.Join(dir, name), filepath.Join(dir, "out.h264")
		ffmpeg(t, append(append([]string{"-f", "lavfi", "-i", source, "-vf", "scale=out_color_matrix=" + c.matrix + ":out_range=tv:flags=accurate_rnd,format=yuv420p"}, c.args...), in)...)
		src, err := file.Open(in)
		if err != nil {
			t.Fatal(err)
		}
		var made mouthInfo
		s.call(t, "POST", "/v1/sessions", `{"from":"en","to":["es"],"delay_ms":500}`, &made)
		w := watch(t, s, "/whep/"+made.ID+"/es")
		sending{codec: c.codec, only: media.Video}.publish(t, s, "/whip/"+made.ID, src)
		until(t, "two seconds of frames", func() bool { n, _ := w.came(); return n > 60 })
		w.write(t, out)
		raw := tool(t, "ffmpeg", "-v", "error", "-i", out, "-vf", "select=eq(n\\,50),scale=flags=accurate_rnd+full_chroma_int,format=rgb24", "-frames:v", "1", "-f", "rawvideo", "-")
		width := 1024
		if len(raw) != width*256*3 {
			t.Fatalf("%s: a frame of %d bytes", name, len(raw))
		}
		for i, want := range patches {
			at := 3 * (128*width + i*128 + 64)
			for k := range want {
				if d := int(raw[at+k]) - want[k]; d < -3 || d > 3 {
					t.Errorf("%s: %v is shown as %v", name, want, []byte(raw[at:at+3]))
					break
				}
			}
		}
	}
}
