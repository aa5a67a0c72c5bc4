package file

import (
	"path/filepath"
	"testing"

	"livedub/internal/testkit/groundtest"
	"livedub/media"
)

// clips returns the recordings of real speakers that stand beside the repository.
func clips(t testing.TB) []string {
	t.Helper()
	return groundtest.SharedAll(t, "clips/*.mp*")
}

// Real recordings, made by cameras and by other people's tools.
func TestClips(t *testing.T) {
	for _, path := range clips(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			s, all := readAll(t, path)
			if len(s.Tracks()) != 2 {
				t.Errorf("tracks %v", s.Tracks())
			}
			if s.Truncated() {
				t.Error("counts as truncated")
			}
			compare(t, probe(t, path), s, all)
		})
	}
}

func BenchmarkRead(b *testing.B) {
	path := makeFile(b, "a.mp4", frames("10"), tone("10"), x264, aac)
	var packets int
	for b.Loop() {
		s, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		packets += len(drainSource(b, s))
		s.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(packets), "ns/packet")
}

func BenchmarkWrite(b *testing.B) {
	s, all := readAll(b, makeFile(b, "a.mp4", frames("10"), tone("10"), x264, aac))
	dst := filepath.Join(b.TempDir(), "out.mp4")
	for b.Loop() {
		out, err := Create(dst, SinkConfig{Video: media.H264, Audio: media.AAC})
		if err != nil {
			b.Fatal(err)
		}
		if err := out.Start(s.Tracks()); err != nil {
			b.Fatal(err)
		}
		for _, p := range all {
			if err := out.Write(p); err != nil {
				b.Fatal(err)
			}
		}
		if err := out.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(all)), "ns/packet")
}
