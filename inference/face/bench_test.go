package face

import (
	"syscall"
	"testing"
	"time"

	"livedub/media"
)

// cpu returns the time that this process has spent computing: unlike the wall's
// it does not grow when others use the machine.
func cpu(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func report(b *testing.B, start time.Duration) {
	b.ReportMetric((cpu(b)-start).Seconds()*1e3/float64(b.N), "cpu-ms/op")
}

// BenchmarkDetect searches a whole frame of 1280x720.
func BenchmarkDetect(b *testing.B) {
	c, err := loadCascades()
	if err != nil {
		b.Fatal(err)
	}
	f := draw(1280, 720, 0, upright(640, 300, 110))
	defer f.Release()
	s := &search{c: c.face}
	start := cpu(b)
	for b.Loop() {
		s.start(f)
		for !s.more(1 << 30) {
		}
		if len(s.faces()) == 0 {
			b.Fatal("no face")
		}
	}
	report(b, start)
}

// BenchmarkFollow follows one face at 1280x720 and 25 frames a second, with
// the search for others.
func BenchmarkFollow(b *testing.B) { benchTrack(b, draw(1280, 720, 0, upright(640, 300, 110))) }

// BenchmarkNobody looks at a frame without a face.
func BenchmarkNobody(b *testing.B) { benchTrack(b, draw(1280, 720, 0)) }

func benchTrack(b *testing.B, f *media.Frame) {
	defer f.Release()
	t, err := New()
	if err != nil {
		b.Fatal(err)
	}
	s, err := t.Open(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	start := cpu(b)
	for b.Loop() {
		f.PTS += 40 * time.Millisecond
		if err := s.Track(b.Context(), f); err != nil {
			b.Fatal(err)
		}
		s.Faces(f.PTS - 200*time.Millisecond)
	}
	report(b, start)
}
