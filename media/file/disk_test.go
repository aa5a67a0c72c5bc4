package file

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"livedub/internal/testkit/groundtest"
	"livedub/media"
)

// smallDisk mounts a file system of 1200 KiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=1200k", "livedub-test", dir).CombinedOutput(); err != nil {
		groundtest.Skip(t, "no small file system to fill: mount: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir
}

// fill writes two seconds of media over and over until the disk is full, and returns how many packets went.
func fill(out *Sink, all []media.Packet) (written int, failed error) {
	for shift := time.Duration(0); shift < time.Hour; shift += 2 * time.Second {
		for _, p := range all {
			if p.SkipStart > 0 && shift > 0 {
				continue
			}
			p.PTS, p.DTS = p.PTS+shift, p.DTS+shift
			if err := out.Write(p); err != nil {
				return written, err
			}
			written++
		}
	}
	return written, nil
}

// A full disk costs what came after, not the file: it plays to where the room ended.
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t)
	in, all := readAll(t, makeFile(t, "a.mp4", twoTrack, x264, []string{"-qp", "10"}, aac))
	path := filepath.Join(dir, "es.mp4")
	out, err := Create(path, SinkConfig{Video: media.H264, Audio: media.AAC})
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Start(in.Tracks()); err != nil {
		t.Fatal(err)
	}
	written, failed := fill(out, all)
	want := path + ": no space left on device: free space or choose another -o"
	if failed == nil || failed.Error() != want {
		t.Fatalf("after %d packets: %v, want %s", written, failed, want)
	}
	if err := out.Write(all[0]); err == nil || err.Error() != want {
		t.Errorf("Write after: %v", err)
	}
	if err := out.Close(); err == nil || err.Error() != want {
		t.Errorf("Close: %v", err)
	}
	ffmpeg(t, "-xerror", "-i", path, "-f", "null", "-")
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	p := probe(t, path)
	t.Logf("%d packets written, %d in a file of %d bytes, %s s", written, len(p.Packets), st.Size(), p.Format.Duration)
	if len(p.Packets) < written-200 || st.Size() < 1000<<10 {
		t.Errorf("%d of %d packets in %d bytes: much room was wasted", len(p.Packets), written, st.Size())
	}
}

// On a file system that cannot allocate ahead the file is lost, but not the reason.
func TestFullDiskWithoutReserve(t *testing.T) {
	path := filepath.Join(smallDisk(t), "es.mp4")
	in, all := readAll(t, makeFile(t, "a.mp4", twoTrack, x264, aac))
	out, err := Create(path, SinkConfig{Video: media.H264, Audio: media.AAC})
	if err != nil {
		t.Fatal(err)
	}
	out.reserve.without = true
	if err := out.Start(in.Tracks()); err != nil {
		t.Fatal(err)
	}
	_, failed := fill(out, all)
	for _, err := range []error{failed, out.Close()} {
		if err == nil || !strings.HasPrefix(err.Error(), path+": no space left on device: ") {
			t.Error(err)
		}
	}
}
