package e2e

import (
	"bytes"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"livedub/internal/testkit/groundtest"
	"livedub/media"
)

// TestGStreamerPublishes has another implementation of WebRTC publish by WHIP,
// in both codecs: video and audio come, and the dub is heard.
func TestGStreamerPublishes(t *testing.T) {
	const check = "import gi; gi.require_version('GstWebRTC','1.0'); from gi.repository import Gst; Gst.init(None); assert Gst.ElementFactory.find('webrtcbin') and Gst.ElementFactory.find('nicesrc') and Gst.ElementFactory.find('x264enc')"
	if out, err := exec.Command("/usr/bin/python3", "-c", check).CombinedOutput(); err != nil {
		groundtest.Need(t, "no GStreamer with webrtcbin for /usr/bin/python3: sudo apt-get install -y python3-gi gir1.2-gst-plugins-bad-1.0 gstreamer1.0-nice gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly: %s", out)
	}
	dir := t.TempDir()
	talk(t, filepath.Join(dir, "talk.mp4"))
	wav := filepath.Join(dir, "talk.wav")
	ffmpeg(t, "-stream_loop", "3", "-i", filepath.Join(dir, "talk.mp4"), "-vn", "-ar", "48000", "-ac", "1", wav)
	s := serve(t)
	watchers, logs := map[string]*watcher{}, map[string]*bytes.Buffer{}
	for _, name := range []string{"vp8", "h264"} {
		log := &bytes.Buffer{}
		cmd := exec.Command("/usr/bin/python3", "testdata/gst_whip.py", s.base+"/whip/"+name+"?from=en&to=es", wav, name)
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Signal(syscall.SIGINT)
			_ = cmd.Wait()
		})
		until(t, "the session is there", func() bool {
			code, _ := s.call(t, "GET", "/v1/sessions/"+name, "", nil)
			return code == 200
		})
		watchers[name], logs[name] = watch(t, s, "/whep/"+name+"/es"), log
	}
	time.Sleep(14 * time.Second)
	for name, w := range watchers {
		var info dubbed
		now := time.Now()
		_, body := s.call(t, "GET", "/v1/sessions/"+name, "", &info)
		frames, sounds := w.came()
		heights, longest := w.sizes(t)
		t.Logf("%s: %d frames of heights %v, the longest standing %v, %d sounds", name, frames, heights, longest.Round(time.Millisecond), sounds)
		if heights[240] < 150 || sounds < 300 || longest > time.Second {
			t.Errorf("%s: %d frames, %d sounds came; GStreamer: %s\n%s", name, frames, sounds, logs[name], body)
		}
		if !strings.Contains(body, "coche rojo") && !strings.Contains(body, "Buenos") && !strings.Contains(body, "niños") {
			t.Errorf("%s: nothing was translated: %s", name, body)
		}
		if heard := w.heard(t, info, now); len(heard) == 0 || slices.Min(heard) < loudDub {
			t.Errorf("%s: dubs sound at %.0f dBFS: %s", name, heard, body)
		} else {
			t.Logf("%s: dubs sound at %.0f dBFS", name, heard)
		}
	}
}

// dubbed is what GET tells of a session's dubs, as far as it is judged here.
type dubbed struct {
	Now     float64
	DelayMS float64 `json:"delay_ms"`
	Dubs    map[string]struct {
		Phrases []struct {
			Fate     string
			DubStart float64 `json:"dub_start"`
			DubEnd   float64 `json:"dub_end"`
		}
	}
}

// loudDub is a level that the dub's voice has, at -20 dBFS by itself, and the
// original ducked under it has not, dBFS.
const loudDub = -26

// heard returns how loud the sound was while each dub was to be heard, in dBFS,
// of those that were over when the session was looked at.
func (w *watcher) heard(t *testing.T, info dubbed, at time.Time) (out []float64) {
	t.Helper()
	power := map[int]float64{} // of each packet
	w.eachSound(t, func(i int, _ received, s media.Samples) {
		for _, v := range s.Data {
			power[i] += float64(v) * float64(v) / float64(len(s.Data)) / (1 << 30)
		}
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range info.Dubs["es"].Phrases {
		if p.Fate != "played" || p.DubEnd+info.DelayMS/1000 > info.Now {
			continue
		}
		sum, n := 0., 0
		for i, u := range w.audio {
			// The session's clock when it came; the network here takes no time.
			if clock := info.Now - at.Sub(u.at).Seconds() - info.DelayMS/1000; clock > p.DubStart && clock < p.DubEnd {
				sum, n = sum+power[i], n+1
			}
		}
		if n > 0 {
			out = append(out, 10*math.Log10(sum/float64(n)+1e-12))
		}
	}
	return out
}
