package test

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"
)

// inOrder sorts what came by its RTP timestamps.
func inOrder(all []at) []at {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b at) int { return int(int32(a.rtp - b.rtp)) })
	return all
}

// decode has ffmpeg decode VP8 frames, from the first keyframe on, to grey pictures of a
// size: one a frame.
func decode(t *testing.T, frames []at, width, height int) [][]byte {
	t.Helper()
	first := slices.IndexFunc(frames, keyframe)
	if first < 0 {
		t.Fatalf("none of %d frames is a keyframe", len(frames))
	}
	frames = frames[first:]
	// pion's writer of IVF takes packets, and leaves out what it takes for incomplete.
	ivf := make([]byte, 32)
	copy(ivf, "DKIF\x00\x00\x20\x00VP80")
	binary.LittleEndian.PutUint16(ivf[12:], 320)
	binary.LittleEndian.PutUint16(ivf[14:], 240)
	binary.LittleEndian.PutUint32(ivf[16:], fps)
	binary.LittleEndian.PutUint32(ivf[20:], 1)
	for i, f := range frames {
		ivf = binary.LittleEndian.AppendUint32(ivf, uint32(len(f.data)))
		ivf = binary.LittleEndian.AppendUint64(ivf, uint64(i))
		ivf = append(ivf, f.data...)
	}
	path := filepath.Join(t.TempDir(), "frames.ivf")
	if err := os.WriteFile(path, ivf, 0o600); err != nil {
		t.Fatal(err)
	}
	raw := piped(t, "-i", path, "-fps_mode", "passthrough", "-vf", fmt.Sprintf("scale=%d:%d:flags=area", width, height), "-pix_fmt", "gray", "-f", "rawvideo", "-")
	pictures := slices.Collect(slices.Chunk(raw, width*height))
	if len(pictures) != len(frames) {
		t.Fatalf("%d of %d frames can be decoded", len(pictures), len(frames))
	}
	return pictures
}

func keyframe(f at) bool { return len(f.data) > 0 && f.data[0]&1 == 0 }

// difference is the mean difference of two pictures' samples.
func difference(a, b []byte) float64 {
	sum := 0
	for i := range a {
		sum += max(int(a[i])-int(b[i]), int(b[i])-int(a[i]))
	}
	return float64(sum) / float64(len(a))
}

// preSkip is how many samples pion's writer of Ogg has players leave out at the beginning.
const preSkip = 3840

// samples has ffmpeg decode packets of sound: 48 kHz, mono, from sample preSkip on.
func samples(t *testing.T, sounds []at) []int16 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sound.ogg")
	w, err := oggwriter.New(path, 48000, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sounds {
		if err := w.WriteRTP(&rtp.Packet{Header: rtp.Header{Timestamp: s.rtp}, Payload: s.data}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	raw := piped(t, "-i", path, "-ac", "1", "-ar", "48000", "-f", "s16le", "-")
	out := make([]int16, len(raw)/2)
	for i := range out {
		out[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return out
}

// piped returns what ffmpeg writes to its output.
func piped(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("ffmpeg", append([]string{"-v", "error"}, args...)...)
	var told strings.Builder
	cmd.Stderr = &told
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg %v: %v\n%s", args, err, told.String())
	}
	return out
}
