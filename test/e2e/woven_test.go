package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"livedub/media"
	"livedub/media/file"
)

// TestInterlacedCall: a camera that sends fields by WebRTC, as capture cards do
// from broadcast equipment, is seen in whole pictures.
func TestInterlacedCall(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.ts"), filepath.Join(dir, "out.h264")
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=60:d=8", "-vf", "interlace=scan=tff:lowpass=off", "-c:v", "libx264", "-preset", "superfast",
		"-tune", "zerolatency", "-b:v", "3M", "-g", "30", "-flags", "+ilme+ildct", "-x264-params", "tff=1", in)
	if n := fieldsIn(t, in); n < 200 {
		t.Fatalf("ffmpeg sees fields in %d of the 240 pictures that are sent", n)
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
	until(t, "four seconds of pictures", func() bool { n, _ := w.came(); return n > 120 })
	var stream bytes.Buffer
	w.mu.Lock()
	for _, u := range w.video {
		stream.Write(u.data)
	}
	w.mu.Unlock()
	if err := os.WriteFile(out, stream.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	// The first picture, which has none before it to take from, counts as four: ffmpeg's vote lasts.
	if n := fieldsIn(t, out); n > 4 {
		t.Errorf("ffmpeg sees fields in %d of the pictures that came", n)
	}
	if l := lookOf(t, out); l.Fields != "progressive" {
		t.Errorf("the pictures are told to be %q", l.Fields)
	}
}
