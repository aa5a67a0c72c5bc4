package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"livedub/inference/recognize/realtime"
	"livedub/inference/recognize/realtime/realtimetest"
	"livedub/internal/testkit/onnxfile"
	"livedub/session/report"
)

// TestStreamingRecognizers has a file dubbed by a server of the Realtime API, a
// fake one, and by a streaming transducer, a synthetic net in the real library.
// Both say what they always say: the way from sound to phrases is what is tried.
func TestStreamingRecognizers(t *testing.T) {
	dir := t.TempDir()
	if err := onnxfile.Transducer(dir, "\u2581GOOD", "\u2581MOR", "NING"); err != nil {
		t.Fatal(err)
	}
	server := realtimetest.New(t)
	server.Key, server.Live = "secret", true
	server.Hear = func(_ string, pcm []int16) string {
		if len(pcm) < realtime.Rate/2 {
			return ""
		}
		return "good morning everybody here"
	}
	t.Setenv("LIVEDUB_RECOGNIZE_KEY", "secret")
	in := filepath.Join(dir, "talk.mp4")
	talk(t, in)
	for said, args := range map[string][]string{
		"good morning":                {"transducer", "--recognize-model", dir, "--recognize-language", "en"},
		"good morning everybody here": {"openai-realtime", "--recognize-url", server.Base, "--recognize-model", "live"},
	} {
		t.Run(args[0], func(t *testing.T) {
			out := t.TempDir()
			r := livedub(t, append([]string{"dub", in, "--from", "en", "--to", "es", "-o", out, "--lips-engine", "off", "--recognize-engine"}, args...)...)
			if r.code != 0 {
				t.Fatalf("%d: %s", r.code, r.stderr)
			}
			rep, err := report.Read(filepath.Join(out, "report.json"))
			if err != nil {
				t.Fatal(err)
			}
			if len(rep.Phrases) < 2 || len(rep.Failures) > 0 {
				t.Errorf("%d phrases; failures %v", len(rep.Phrases), rep.Failures)
			}
			for _, p := range rep.Phrases {
				if !strings.HasPrefix(said, p.SourceText) {
					t.Errorf("%q was heard, not %q", p.SourceText, said)
				}
			}
			t.Log(r.stderr)
		})
	}
}
