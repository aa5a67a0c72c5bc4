package e2e

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/internal/testkit/filmtest"
)

// TestPlayerBySRT: ffmpeg calls by SRT and receives a call in all its languages, or in those
// that it asks for; who has no right to it, or another passphrase, is refused.
func TestPlayerBySRT(t *testing.T) {
	dir := t.TempDir()
	film := filepath.Join(dir, "talk.mp4")
	broadcast(t, filepath.Join(dir, "short.mp4"), 12*time.Second)
	ffmpeg(t, "-stream_loop", "20", "-i", filepath.Join(dir, "short.mp4"), "-c", "copy", film)
	s := serve(t, slices.Concat(fakes, []string{"--rtmp-listen", "127.0.0.1:0", "--srt-listen", "127.0.0.1:0", "--srt-passphrase", "correct-horse"})...)
	push(t, film, "-f", "flv", "rtmp://"+s.addr(t, "rtmp")+"/live/talk?from=en&to=es,ca&consent=true")
	until(t, "the session is there", func() bool {
		code, _ := s.call(t, "GET", "/v1/sessions/talk", "", nil)
		return code == 200
	})
	play := func(id, passphrase string) (path, said string, err error) {
		path = filepath.Join(t.TempDir(), "played.mkv")
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		url := "srt://" + s.addr(t, "srt") + "?passphrase=" + passphrase + "&streamid=" + id
		out, err := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-nostdin", "-y", "-i", url, "-map", "0", "-c", "copy", "-t", "6", path).CombinedOutput()
		return path, string(out), err
	}
	for id, want := range map[string][]string{
		"read:talk": {"h264", "aac spa", "aac cat", "aac eng"}, "#!::r=talk,m=request,lang=ca": {"h264", "aac cat"},
	} {
		path, said, err := play(id, "correct-horse")
		if err != nil {
			t.Fatalf("%s: %v: %s", id, err, said)
		}
		if got := streamsOf(t, path); !slices.Equal(got, want) {
			t.Errorf("%s: streams %q", id, got)
		}
		f, err := filmtest.Read(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		late := f.Late(testFPS)
		t.Logf("%s: %d frames, sound less frame %.1f ms", id, len(f.Frames), late)
		if len(f.Frames) < 75 || len(late) < 2 || worst(late) > 60 {
			t.Errorf("%s: %d frames, sound late by %.1f ms", id, len(f.Frames), late)
		}
	}
	for what, c := range map[string][2]string{
		"another session": {"read:nobody", "correct-horse"}, "another language": {"read:talk?lang=fr", "correct-horse"},
		"another passphrase": {"read:talk", "battery-staple"},
	} {
		if _, said, err := play(c[0], c[1]); err == nil {
			t.Errorf("%s is let in: %s", what, said)
		}
	}
	until(t, "the players have left", func() bool {
		return strings.Count(s.printed(), `audit=watched`) == 2 && s.gauge(t, `livedub_outputs{state="live"}`) == 0
	})
}
