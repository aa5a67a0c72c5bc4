package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/netem"
	"livedub/internal/testkit/testspeaker"
	"livedub/media"
	"livedub/media/file"
)

// broadcast writes a film of the test speaker with bar codes and markers, as encoders
// have it: H.264 with B-frames and AAC.
func broadcast(t *testing.T, path string, length time.Duration) {
	t.Helper()
	tape := record(t, testspeaker.Config{Width: 320, Height: 180, Markers: true}, length)
	raw := path + ".raw.mp4"
	out, err := file.Create(raw, file.SinkConfig{Video: media.H264, Audio: media.FindTrack(tape.tracks, media.Audio).Codec})
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Start(tape.tracks); err != nil {
		t.Fatal(err)
	}
	for _, p := range tape.packets {
		if err := out.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	ffmpeg(t, "-i", raw, "-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-g", "25", "-bf", "2", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ar", "48000", path)
}

// push has ffmpeg send a film in its time, and tells how it ended and what it said.
func push(t *testing.T, film string, to ...string) (ended <-chan error) {
	t.Helper()
	bin, err := exec.LookPath("ffmpeg")
	if err != nil {
		groundtest.Need(t, "no ffmpeg")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, bin, slices.Concat([]string{"-hide_banner", "-nostdin", "-loglevel", "error", "-re", "-i", film, "-c", "copy"}, to)...)
	done, gone := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(gone)
		said, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, said)
		}
		done <- err
	}()
	t.Cleanup(func() {
		cancel()
		<-gone
	})
	return done
}

// addr returns where the server takes a protocol, once its log, which is read beside its
// standard output, tells that.
func (s *server) addr(t testing.TB, protocol string) (at string) {
	t.Helper()
	until(t, "the log tells of "+protocol, func() bool {
		for line := range strings.Lines(s.printed()) {
			if strings.Contains(line, "encoders may publish") && strings.Contains(line, "protocol="+protocol+" ") {
				_, rest, _ := strings.Cut(line, "addr=")
				at, _, _ = strings.Cut(strings.TrimSpace(rest), " ")
			}
		}
		return at != ""
	})
	return at
}

// TestDoorsIn has ffmpeg publish by RTMP and, over a bad network, by SRT: dubs come in
// time, sound and frames stand together, a second publisher is refused, and one who
// comes back goes on in the same session.
func TestDoorsIn(t *testing.T) {
	const length = 12 * time.Second
	film := filepath.Join(t.TempDir(), "talk.mp4")
	broadcast(t, film, length)
	s := serve(t, slices.Concat(fakes, []string{"--rtmp-listen", "127.0.0.1:0", "--srt-listen", "127.0.0.1:0", "--srt-passphrase", "correct-horse"})...)
	relay, err := netem.New(netem.Config{Seed: 5, Target: s.addr(t, "srt"), Up: netem.Faults{Loss: .2, Delay: 5 * time.Millisecond}, Down: netem.Faults{Loss: .2, Delay: 5 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	live := "rtmp://" + s.addr(t, "rtmp") + "/live/"
	targets := map[string][]string{
		"rtmp": {"-f", "flv", live + "rtmp?from=en&to=es,ca&consent=true"},
		"srt":  {"-f", "mpegts", "srt://" + relay.Addr().String() + "?passphrase=correct-horse&latency=400000&streamid=#!::r=srt,m=publish,from=en,to=es,to=ca"},
	}
	ended, watchers, originals := map[string]<-chan error{}, map[string]*watcher{}, map[string]*watcher{}
	for name, to := range targets {
		ended[name] = push(t, film, to...)
		until(t, "the session is there", func() bool {
			code, _ := s.call(t, "GET", "/v1/sessions/"+name, "", nil)
			return code == 200
		})
		watchers[name], originals[name] = watch(t, s, "/whep/"+name+"/es"), watch(t, s, "/whep/"+name+"/en")
	}
	for what, to := range map[string]struct {
		args []string
		says string
	}{
		"a second publisher": {[]string{"-f", "flv", live + "rtmp"}, "a live publisher is there already"},
		"a key of nobody":    {[]string{"-f", "flv", live + "ldk_0123456789?from=en&to=es"}, "no such session, or no right to it"},
		"a wrong passphrase": {[]string{"-f", "mpegts", "srt://" + s.addr(t, "srt") + "?passphrase=battery-staple&streamid=srt"}, "Incorrect passphrase"},
		"no languages":       {[]string{"-f", "flv", live + "other"}, "name its languages"},
	} {
		refused := push(t, film, to.args...)
		if err := <-refused; err == nil || !strings.Contains(err.Error(), to.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if log := s.printed(); strings.Contains(log, "ldk_01") || strings.Contains(log, "correct-horse") || strings.Contains(log, "battery") {
		t.Errorf("a secret is in the log:\n%s", log)
	}
	var epochs []string
	for name, done := range ended {
		if err := <-done; err != nil {
			t.Errorf("%s: %v", name, err)
		}
		_, body := s.call(t, "GET", "/v1/sessions/"+name, "", nil)
		epochs = append(epochs, epochOf(body))
	}
	// Back within the minute, in the same session, on the same clock.
	again := push(t, film, targets["rtmp"]...)
	time.Sleep(8 * time.Second)
	if _, body := s.call(t, "GET", "/v1/sessions/rtmp", "", nil); !slices.Contains(epochs, epochOf(body)) || epochOf(body) == "" {
		t.Errorf("another session: %s", body)
	}
	for name, w := range watchers {
		frames, sounds := w.came()
		_, body := s.call(t, "GET", "/v1/sessions/"+name, "", nil)
		played := strings.Count(body, `"fate":"played"`)
		_, longest := w.sizes(t)
		off := offsets(t, originals[name])
		t.Logf("%s: %d frames, the longest standing %v, %d sounds, %d phrases, sound less frame %.1f ms", name, frames, longest.Round(time.Millisecond), sounds, played, off)
		if frames < 200 || sounds < 350 || played < 2 {
			t.Errorf("%s: %s", name, body)
		}
		if len(off) < 6 || worst(off[settled:]) > 45 {
			t.Errorf("%s: %d markers, worst offset %.1f ms", name, len(off), worst(off))
		}
	}
	if c := relay.Counters(netem.Up); c.Lost < 100 {
		t.Errorf("the bad network: %+v", c)
	}
	if n, _ := watchers["rtmp"].came(); n < 350 {
		t.Errorf("%d frames after the publisher came back", n)
	}
	for name, most := range map[string]float64{`livedub_ingest_refused_total{protocol="rtmp",reason="busy"}`: 1, `livedub_ingest_refused_total{protocol="srt",reason="passphrase"}`: 1} {
		if got := s.gauge(t, name); got != most {
			t.Errorf("%s: %v", name, got)
		}
	}
	if err := <-again; err != nil {
		t.Error(err)
	}
}

// epochOf returns what tells a session from others of its name.
func epochOf(body string) string {
	_, rest, _ := strings.Cut(body, `"epoch":"`)
	epoch, _, _ := strings.Cut(rest, `"`)
	return epoch
}
