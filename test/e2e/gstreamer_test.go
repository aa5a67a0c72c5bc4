package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"livedub/media"
)

// TestGStreamerPublishes has another implementation of WebRTC publish by WHIP, in both codecs.
func TestGStreamerPublishes(t *testing.T) {
	const check = "import gi; gi.require_version('GstWebRTC','1.0'); from gi.repository import Gst; Gst.init(None); assert Gst.ElementFactory.find('webrtcbin') and Gst.ElementFactory.find('nicesrc') and Gst.ElementFactory.find('x264enc')"
	if out, err := exec.Command("/usr/bin/python3", "-c", check).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: no GStreamer with webrtcbin for /usr/bin/python3: sudo apt-get install -y python3-gi gir1.2-gst-plugins-bad-1.0 gstreamer1.0-nice gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly\n%s", out)
	}
	dir := t.TempDir()
	talk(t, filepath.Join(dir, "talk.mp4"))
	wav := filepath.Join(dir, "talk.wav")
	ffmpeg(t, "-stream_loop", "3", "-i", filepath.Join(dir, "talk.mp4"), "-vn", "-ar", "48000", "-ac", "1", wav)
	s := serve(t)
	for _, codec := range []string{"vp8", "h264"} {
		t.Run(codec, func(t *testing.T) {
			var log bytes.Buffer
			cmd := exec.Command("/usr/bin/python3", "testdata/gst_whip.py", s.base+"/whip/"+codec+"?from=en&to=es", wav, codec)
			cmd.Stdout, cmd.Stderr = &log, &log
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = cmd.Process.Signal(syscall.SIGINT)
				_ = cmd.Wait()
			}()
			until(t, "the session is there", func() bool {
				code, _ := s.call(t, "GET", "/v1/sessions/"+codec, "", nil)
				return code == 200
			})
			w := watch(t, s, "/whep/"+codec+"/es")
			time.Sleep(12 * time.Second)
			w.mu.Lock()
			pictures, sounds, reports := len(w.video), len(w.audio), len(w.reports[media.Video])
			w.mu.Unlock()
			_, body := s.call(t, "GET", "/v1/sessions/"+codec, "", nil)
			if pictures < 150 || sounds < 300 || reports < 5 {
				t.Errorf("%d pictures, %d sounds, %d reports came; GStreamer: %s\n%s", pictures, sounds, reports, log.String(), body)
			}
			if !strings.Contains(body, "coche rojo") && !strings.Contains(body, "Buenos") && !strings.Contains(body, "niños") {
				t.Errorf("nothing was dubbed: %s", body)
			}
		})
	}
	if dir := os.Getenv("LIVEDUB_SCREENSHOTS"); dir != "" {
		_ = os.WriteFile(filepath.Join(dir, "server.log"), []byte(s.printed()), 0o644)
	}
}
