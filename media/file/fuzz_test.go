package file

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"livedub/media"
)

// seeds are whole small files of the formats that people bring.
func seeds(t testing.TB) [][]byte {
	var all [][]byte
	dir := t.TempDir()
	// One run of ffmpeg writes them all.
	args := []string{"-f", "lavfi", "-i", "testsrc=size=16x16:rate=5:duration=1", "-f", "lavfi", "-i", "sine=sample_rate=8000:duration=1"}
	var paths []string
	for _, o := range [][]string{
		{"a.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "16k"},
		{"b.mp4", "-c:v", "mpeg4", "-c:a", "aac", "-b:a", "16k", "-movflags", "frag_keyframe+empty_moov"},
		{"c.webm", "-c:v", "libvpx", "-c:a", "libopus", "-b:a", "8k"},
		{"d.ts", "-c:v", "mpeg2video", "-r", "25", "-c:a", "mp2", "-ar", "16000"},
		{"e.mpg", "-c:v", "mpeg1video", "-r", "25", "-c:a", "mp2", "-ar", "32000"},
		{"f.avi", "-c:v", "mpeg4", "-bf", "2", "-c:a", "mp3", "-b:a", "8k"},
		{"g.wav", "-vn", "-t", "0.2"},
		{"h.mp3", "-vn", "-b:a", "8k"},
		{"i.ogg", "-vn", "-c:a", "libopus", "-b:a", "8k"},
		{"j.flv", "-c:v", "flv", "-an"},
	} {
		paths = append(paths, filepath.Join(dir, o[0]))
		args = append(append(args, o[1:]...), paths[len(paths)-1])
	}
	ffmpeg(t, args...)
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

// devour reads a file to its end, if it is one, and holds what Read promises.
func devour(t testing.TB, path string) {
	s, err := Open(path)
	if err != nil {
		if bytes.ContainsRune([]byte(err.Error()), '\n') {
			t.Errorf("more than a line: %q", err)
		}
		return
	}
	defer s.Close()
	if n := len(s.Tracks()); n < 1 || n > 2 {
		t.Fatalf("%d tracks", n)
	}
	var last [3]media.Packet
	for range 10000 {
		p, err := s.Read(context.Background())
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Data) == 0 || p.Kind != media.Audio && p.Kind != media.Video || p.Duration < 0 ||
			p.SkipStart < 0 || p.SkipEnd < 0 || p.DTS == unknown || p.PTS == unknown {
			t.Fatalf("%+v", p)
		}
		if before := last[p.Kind]; before.Data != nil && p.DTS < before.DTS {
			t.Fatalf("dts %v after %v", p.DTS, before.DTS)
		}
		last[p.Kind] = p
	}
}

// Files with bytes turned over or lost are read or refused, and cost nobody anything.
func TestDamagedFiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	path := filepath.Join(t.TempDir(), "damaged")
	for _, whole := range seeds(t) {
		devour(t, write(t, path, whole))
		for range 12 {
			data := bytes.Clone(whole)
			for range 1 + r.IntN(20) {
				// Headers stand at either end.
				at := r.IntN(min(len(data), 600))
				if r.IntN(2) == 0 {
					at = len(data) - 1 - at
				}
				data[at] = byte(r.IntN(256))
			}
			if r.IntN(3) == 0 {
				data = data[:r.IntN(len(data))]
			}
			devour(t, write(t, path, data))
		}
	}
}

func FuzzOpen(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Add([]byte("#EXTM3U\n/etc/passwd"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			t.Skip("larger than a seed needs to be")
		}
		devour(t, write(t, filepath.Join(dir, "x"), data))
	})
}
