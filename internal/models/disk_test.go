package models

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"livedub/internal/testkit/groundtest"
)

// smallDisk mounts a file system of 1 MB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		groundtest.Skip(t, "a small disk cannot be mounted here (%v): run as root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestTooSmallDiskIsToldBefore(t *testing.T) {
	net := noise(2_000_000, 1)
	srv := serve(t, map[string][]byte{"/net": net})
	s := openIn(t, smallDisk(t), entry(from("net", net, srv.URL+"/net")))
	err := s.Pull(t.Context(), "net", Options{})
	var space *SpaceError
	if !errors.As(err, &space) || !errors.Is(err, syscall.ENOSPC) || space.Need != 2_000_000 || space.Free > 1<<20 {
		t.Errorf("got %v", err)
	}
	if asked, _ := srv.requests(); len(asked) > 0 {
		t.Errorf("asked %q", asked)
	}
}

// TestFullDisk: somebody else fills the disk meanwhile; with room made, the pull goes on.
func TestFullDisk(t *testing.T) {
	net := noise(700_000, 1)
	srv := serve(t, map[string][]byte{"/net": net})
	disk := smallDisk(t)
	other := filepath.Join(disk, "other")
	srv.before = func(_ http.ResponseWriter, _ *http.Request, n int) bool {
		if n == 1 {
			if err := os.WriteFile(other, make([]byte, 600_000), 0o644); err != nil {
				t.Error(err)
			}
		}
		return false
	}
	s := openIn(t, disk, entry(from("net", net, srv.URL+"/net", srv.URL+"/net")))
	err := s.Pull(t.Context(), "net", Options{})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "no space left") {
		t.Fatal(err)
	}
	absent(t, s)
	if asked, _ := srv.requests(); len(asked) != 1 {
		t.Errorf("another source was asked for what the disk lacks: %q", asked)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	if err := s.Pull(t.Context(), "net", Options{}); err != nil {
		t.Fatal(err)
	}
	installed(t, s)
	if asked, _ := srv.requests(); len(asked) != 2 || !strings.Contains(asked[1], "bytes=") {
		t.Errorf("asked %q", asked)
	}
}
