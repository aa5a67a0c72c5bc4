package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"livedub/internal/testkit/groundtest"
)

const script = "../../deploy/gpu/check.sh"

// shell runs bash and returns what it says.
func shell(t *testing.T, dir, command string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", append([]string{"-c", command, "bash"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// pack makes a folder as pack.sh does, of a runtime of a few random bytes.
func pack(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("xz"); err != nil {
		groundtest.Skip(t, "no xz here")
	}
	dir := t.TempDir()
	out, err := shell(t, dir, `set -e
		mkdir runtime && head -c 3000 /dev/urandom >runtime/libonnxruntime.so
		tar -cf - runtime | xz >runtime.tar.xz
		split --bytes=1000 --numeric-suffixes --suffix-length=2 runtime.tar.xz part-
		printf '#!/bin/sh\necho "ran $LD_LIBRARY_PATH $*"\n' >gpucheck
		sha256sum part-* gpucheck runtime.tar.xz >manifest
		rm runtime.tar.xz`)
	if err != nil {
		t.Fatal(err, out)
	}
	return dir
}

// TestJoin: parts arrive one by one, out of order, one of them damaged.
func TestJoin(t *testing.T) {
	all, arrived, to := pack(t), t.TempDir(), filepath.Join(t.TempDir(), "to")
	join := func() string {
		t.Helper()
		out, err := shell(t, ".", `exec "$@"`, script, "--pack", arrived, "--to", to, "--join-only")
		if err != nil {
			t.Fatal(err, out)
		}
		return out
	}
	carry := func(name string, damage bool) {
		t.Helper()
		for _, old := range []string{"part-00", "part-01", "part-02", "part-03"} {
			os.Remove(filepath.Join(arrived, old)) // one part a trip
		}
		b, err := os.ReadFile(filepath.Join(all, name))
		if err != nil {
			t.Fatal(err)
		}
		if damage {
			b[0] ^= 1
		}
		if err := os.WriteFile(filepath.Join(arrived, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := shell(t, ".", `exec "$@"`, script, "--pack", arrived, "--to", to, "--join-only"); err == nil || !strings.Contains(out, "make gpu-pack") {
		t.Errorf("without a manifest: %v, %s", err, out)
	}
	carry("manifest", false)
	carry("part-02", false)
	if out := join(); !strings.Contains(out, "part-02 is here") || !strings.Contains(out, "3 of 4 parts have yet to arrive: part-00 part-01 part-03") {
		t.Error(out)
	}
	carry("part-00", true)
	if out := join(); !strings.Contains(out, "part-00 is damaged") || !strings.Contains(out, "3 of 4") {
		t.Error(out)
	}
	for _, name := range []string{"part-00", "part-01"} {
		carry(name, false)
		join()
	}
	carry("part-03", false)
	if out := join(); !strings.Contains(out, "unpacking") {
		t.Error(out)
	}
	want, err := os.ReadFile(filepath.Join(all, "runtime/libonnxruntime.so"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(to, "runtime/libonnxruntime.so")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("unpacked %d bytes, %v", len(got), err)
	}
	if out := join(); out != "" {
		t.Errorf("joined again: %s", out)
	}
}

// TestCheckScript: without a GPU it says so and all is well; with one, or what
// looks like it, it finds CUDA's libraries and starts the program.
func TestCheckScript(t *testing.T) {
	dir, to := pack(t), filepath.Join(t.TempDir(), "to")
	run := func(env string, args ...string) (string, error) {
		t.Helper()
		return shell(t, ".", env+` exec "$@"`, append([]string{script, "--pack", dir, "--to", to}, args...)...)
	}
	if _, err := os.Stat("/dev/nvidiactl"); err != nil {
		if out, err := run("PATH=/usr/bin:/bin"); err != nil || !strings.Contains(out, "SKIPPED: this machine has no NVIDIA GPU") {
			t.Errorf("%v: %s", err, out)
		}
	}
	bin, cuda := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "nvidia-smi"), []byte("#!/bin/sh\necho 'NVIDIA T4, 580'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	odd := t.TempDir()
	if err := os.WriteFile(filepath.Join(odd, "libcufft.so.12"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	// The whole machine is looked through for what is nowhere else; here it is as small as this.
	find := "#!/bin/sh\necho 'libcufft.so.12 " + odd + "'\necho 'libcufft.so.11 /none'\n"
	if err := os.WriteFile(filepath.Join(bin, "find"), []byte(find), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, lib := range []string{"libcudart.so.13", "libcudnn.so.9", "libcurand.so.9"} {
		if err := os.WriteFile(filepath.Join(cuda, lib), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, err := run("PATH="+bin+":/usr/bin:/bin", "--cuda", cuda, "--look", "--pack", "/none")
	if err != nil || !strings.Contains(out, "NVIDIA T4, 580") || !strings.Contains(out, "libcudart.so.13: "+cuda) || strings.Contains(out, "ran /") {
		t.Errorf("looking: %v: %s", err, out)
	}
	out, err = run("PATH="+bin+":/usr/bin:/bin", "--cuda", cuda, "--json", "x.json", "--", "--limit", "1m")
	if err != nil {
		t.Fatal(err, out)
	}
	for _, want := range []string{"NVIDIA T4, 580", "libcudart.so.13: " + cuda, "libcufft.so.12: " + odd, "libcurand.so.10: NOT FOUND; name its folder with --cuda (there is " + cuda + "/libcurand.so.9)",
		"ran " + to + "/runtime:", cuda, to + "/links", "--library " + to + "/runtime/libonnxruntime.so", "--json x.json --limit 1m"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if target, err := os.Readlink(filepath.Join(to, "links/libcudnn.so")); err != nil || target != filepath.Join(cuda, "libcudnn.so.9") {
		t.Errorf("libcudnn.so leads to %q, %v", target, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "gpucheck"), []byte("other"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := run("PATH=" + bin + ":/usr/bin:/bin"); err == nil || !strings.Contains(out, "gpucheck is missing or damaged") {
		t.Errorf("a damaged program: %v, %s", err, out)
	}
	if out, err := run("", "--what"); err == nil || !strings.Contains(out, "--what is no flag") {
		t.Errorf("%v, %s", err, out)
	}
	if out, err := run("", "--help"); err != nil || !strings.Contains(out, "--join-only  take in") {
		t.Errorf("%v, %s", err, out)
	}
}
