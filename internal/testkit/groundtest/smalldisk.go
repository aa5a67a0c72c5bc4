package groundtest

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// smallDisk names, in the environment, the folder of the disk that a test is run on.
const smallDisk = "LIVEDUB_SMALL_DISK"

// SmallDisk runs fn with a folder on a disk of its own, of so many KiB, that can be
// filled up. It runs the test again for that, by itself, in a namespace where it may
// mount one; where that is not allowed the test is skipped.
func SmallDisk(t *testing.T, kib int, fn func(t *testing.T, dir string)) {
	t.Helper()
	if dir := os.Getenv(smallDisk); dir != "" {
		fn(t, dir)
		return
	}
	if out, err := exec.Command("unshare", "-Urm", "true").CombinedOutput(); err != nil {
		Skip(t, "no disk that can be filled up: unshare -Urm: %v: %s", err, out)
	}
	dir := t.TempDir()
	mount := fmt.Sprintf(`mount -t tmpfs -o size=%dk,nr_inodes=10000 small "$%s" && exec "$@"`, kib, smallDisk)
	var names []string
	for part := range strings.SplitSeq(t.Name(), "/") {
		names = append(names, "^"+regexp.QuoteMeta(part)+"$")
	}
	run := exec.CommandContext(t.Context(), "unshare", "-Urm", "sh", "-c", mount, "sh", os.Args[0], "-test.run="+strings.Join(names, "/"), "-test.v")
	run.Env = append(os.Environ(), smallDisk+"="+dir)
	run.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := run.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("on a disk of %d KiB: %v\n%s", kib, err, out)
	}
}

// Fill fills the disk that a folder is on; free makes room again.
func Fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	f, err := os.CreateTemp(dir, ".full")
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size > 0; {
		if n, err := f.Write(make([]byte, size)); err != nil || n < size {
			size /= 2
		}
	}
	return func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if err := os.Remove(f.Name()); err != nil {
			t.Error(err)
		}
	}
}
