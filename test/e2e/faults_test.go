package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"livedub/internal/testkit/groundtest"
)

// marked starts the program with a mark in its environment, by which it and
// everything it starts can be found.
func marked(t *testing.T, args ...string) (cmd *exec.Cmd, mark string, stderr *bytes.Buffer) {
	t.Helper()
	cmd, mark, stderr = prepared(t, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, mark, stderr
}

// markOf gives a command its mark and sees to it that nothing outlives the test.
func markOf(t testing.TB, cmd *exec.Cmd) string {
	mark := fmt.Sprintf("E2E_LIVEDUB=%s-%d", t.Name(), time.Now().UnixNano())
	cmd.Env = append(os.Environ(), mark)
	t.Cleanup(func() {
		for pid := range processes(mark) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return mark
}

// processes returns the living processes that carry the mark, with their names.
func processes(mark string) map[int]string {
	out := map[int]string{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		env, err := os.ReadFile(dir + "/environ")
		if err != nil || !bytes.Contains(env, []byte(mark)) {
			continue
		}
		name, _ := os.ReadFile(dir + "/comm")
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil {
			out[pid] = strings.TrimSpace(string(name))
		}
	}
	return out
}

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}

// talk makes a clip of flite's speech, sentence by sentence with pauses, that lasts about 12 s.
func talk(t *testing.T, path string) {
	t.Helper()
	pcm := make([]byte, 0, 1<<20)
	script := []string{"Good morning everyone.", "My brother has a red car.", "The children play in the garden.", "We need more time.", "The weather is very good today."}
	allLogs.said(script...)
	for i, text := range script {
		wav := fmt.Sprintf("%s.%d.wav", path, i)
		tool(t, "flite", "-voice", "rms", "-t", text, "-o", wav)
		pcm = append(pcm, tool(t, "ffmpeg", "-v", "error", "-i", wav, "-f", "s16le", "-ar", "16000", "-ac", "1", "-")...)
		pcm = append(pcm, make([]byte, 16000*2*7/10)...)
	}
	raw := path + ".s16"
	if err := os.WriteFile(raw, pcm, 0o644); err != nil {
		t.Fatal(err)
	}
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-f", "s16le", "-ar", "16000", "-ac", "1", "-i", raw,
		"-shortest", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", path)
}

func TestInterruptLeavesPlayableFiles(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.mp4"), filepath.Join(dir, "out")
	talk(t, in)
	cmd, mark, stderr := marked(t, "dub", in, "--to", "es", "-o", out, "--realtime")
	until(t, "a file of some size is written", func() bool {
		made, _ := filepath.Glob(filepath.Join(out, ".es.mp4.*.part"))
		if len(made) != 1 {
			return false
		}
		info, err := os.Stat(made[0])
		return err == nil && info.Size() > 60_000
	})
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if left := processes(mark); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if s := probe(t, filepath.Join(out, "es.mp4")); s["video"].NbFrames == "" || s["audio"].CodecName != "aac" {
		t.Errorf("not playable: %+v", s)
	}
	readReport(t, out)
}

func TestKilledServerTakesItsWorkersAlong(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.mp4")
	talk(t, in)
	cmd, mark, _ := marked(t, "dub", in, "--to", "es", "-o", filepath.Join(dir, "out"), "--realtime")
	until(t, "workers run", func() bool { return len(processes(mark)) > 2 })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	until(t, "nothing is left", func() bool { return len(processes(mark)) == 0 })
}

// TestWorkersKilledWhileTheyWork kills every engine process again and again;
// the recognizer's less often, since a session leaves a failed one alone for 2 s.
func TestWorkersKilledWhileTheyWork(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.mp4"), filepath.Join(dir, "out")
	talk(t, in)
	cmd, mark, stderr := marked(t, "dub", in, "--to", "es", "-o", out, "--realtime")
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	killed, deaf := 0, 0
	for tick, n := time.NewTicker(1500*time.Millisecond), 0; ; {
		select {
		case err := <-done:
			tick.Stop()
			if err != nil {
				t.Fatalf("%v: %s", err, stderr)
			}
			if killed == 0 || deaf == 0 {
				t.Fatalf("%d workers and %d recognizers were killed", killed, deaf)
			}
			played := 0
			for _, p := range readReport(t, out)["phrases"].([]any) {
				switch fate := p.(map[string]any)["fate"]; fate {
				case "played":
					played++
				case "skipped_failed":
				default:
					t.Errorf("fate %v", fate)
				}
			}
			if played == 0 {
				t.Errorf("no phrase survived: %s", stderr)
			}
			if left := processes(mark); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			return
		case <-tick.C:
			n++
			for pid, name := range processes(mark) {
				switch {
				case pid == cmd.Process.Pid || name == "livedub":
				case strings.HasPrefix(name, "pocketsphinx"):
					if n%3 == 0 {
						_ = syscall.Kill(pid, syscall.SIGKILL)
						deaf++
					}
				default:
					_ = syscall.Kill(pid, syscall.SIGKILL)
					killed++
				}
			}
		}
	}
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.mp4"), filepath.Join(dir, "out")
	bursts(t, in, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac")
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", out, "tmpfs", 0, "size=700k"); err != nil {
		groundtest.Skip(t, "a small disk cannot be mounted here (%v): run as root", err)
	}
	defer func() { _ = syscall.Unmount(out, 0) }()
	r := livedub(t, append([]string{"dub", in, "--to", "es", "-o", out, "--video-bitrate-kbps", "4000"}, fakes...)...)
	if r.code != 1 || !strings.Contains(r.stderr, "no space left") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	if s := probe(t, filepath.Join(out, "es.mp4")); s["video"].NbFrames == "" || s["video"].NbFrames == "0" {
		t.Errorf("not playable: %+v", s)
	}
}
