package srt

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"livedub/internal/testkit/groundtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const vtt = "WEBVTT\n\n00:00:01.500 --> 00:00:02.000\nTom &amp; Jerry &lt;3\n\n01:02.003 --> 01:02:03.004 align:start\n<lang es>hola</lang>\n\nNOTE no cue\n\n00:00:09.000 --> 00:00:10.000\n\n"

func TestFromVTT(t *testing.T) {
	want := "1\r\n00:00:01,500 --> 00:00:02,000\r\nTom & Jerry <3\r\n\r\n2\r\n00:01:02,003 --> 01:02:03,004\r\nhola\r\n\r\n"
	if got := string(FromVTT([]byte(vtt))); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestFFmpegReadsIt compares what ffmpeg reads of the captions with what it reads of the WebVTT.
func TestFFmpegReadsIt(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		groundtest.Need(t, "no ffmpeg")
	}
	file := filepath.Join(t.TempDir(), "a.srt")
	if err := os.WriteFile(file, FromVTT([]byte(vtt)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(ffmpeg, "-v", "error", "-i", file, "-f", "webvtt", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"00:01.500 --> 00:02.000\nTom & Jerry", "01:02.003 --> 01:02:03.004\nhola"} {
		if !bytes.Contains(bytes.ReplaceAll(out, []byte("&amp;"), []byte("&")), []byte(want)) {
			t.Errorf("ffmpeg reads %s, not %q", out, want)
		}
	}
}

func FuzzFromVTT(f *testing.F) {
	f.Add(vtt)
	f.Add("WEBVTT\n\n00:00:01.500 --> 00:00:02.000\na --&gt; b\n")
	f.Add("WEBVTT\n\n00:00:01.500 --> 00:00:02.000\na ----> b\n")
	f.Fuzz(func(t *testing.T, s string) {
		got := string(FromVTT([]byte(s)))
		if cues := strings.Count(got, " --> "); cues != strings.Count(got, "-->") {
			t.Errorf("%q has a text that may be read as times", got)
		}
	})
}
