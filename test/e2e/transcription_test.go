package e2e

import (
	"bufio"
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"livedub/internal/testkit/groundtest"
	"livedub/session/report"
)

// TestTranscriptionServer has a real server of OpenAI's protocol recognize:
// faster-whisper, which speaches runs too. Skipped where $LIVEDUB_PYTHON (else
// python3) has no faster_whisper, or $LIVEDUB_CT2 names no folder of its weights.
func TestTranscriptionServer(t *testing.T) {
	python, weights := cmp.Or(os.Getenv("LIVEDUB_PYTHON"), "python3"), os.Getenv("LIVEDUB_CT2")
	if out, err := exec.Command(python, "-c", "import faster_whisper").CombinedOutput(); err != nil {
		groundtest.Skip(t, "%s has no faster_whisper: pip install faster-whisper, or set LIVEDUB_PYTHON: %s", python, out)
	}
	if weights == "" {
		groundtest.Skip(t, "LIVEDUB_CT2 names no folder of a Whisper in CTranslate2's form")
	}
	cmd := exec.Command(python, "testdata/transcriptions.py", weights)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	in := filepath.Join(dir, "talk.mp4")
	talk(t, in)
	r := livedub(t, "dub", in, "--from", "en", "--to", "es", "-o", dir, "--lips-engine", "off",
		"--recognize-engine", "openai", "--recognize-url", strings.TrimSpace(url), "--recognize-model", "base")
	if r.code != 0 {
		t.Fatalf("%d: %s", r.code, r.stderr)
	}
	rep, err := report.Read(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	heard := ""
	for _, p := range rep.Phrases {
		heard += " " + strings.ToLower(p.SourceText)
	}
	t.Logf("heard:%s", heard)
	if missing := lacks(heard, []string{"good morning", "red car", "garden", "more time", "weather"}); len(missing) > 0 || len(rep.Failures) > 0 {
		t.Errorf("missing %v; failures %v", missing, rep.Failures)
	}
}
