package recognize

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"livedub/inference"
	"livedub/media"
)

// BenchmarkPaced hears 30 s of speech at the speed of a live call. "cpu-s" is
// the CPU time of this process and the engine's own, "end-ms" the mean time of
// the Write that returns a final phrase, "worst-ms" the longest of any Write.
func BenchmarkPaced(b *testing.B) {
	var pcm []int16
	for len(pcm) < 30*sampleRate {
		pcm = join(pcm, speak(b, "rms", "can you tell me where the train station is"), silence(600*time.Millisecond),
			speak(b, "slt", "we need to buy some bread and milk before the shop closes"), silence(600*time.Millisecond))
	}
	pcm = pcm[:30*sampleRate]
	s := open(b)
	p, err := engine()
	if err != nil {
		b.Fatal(err)
	}
	cpu := func() time.Duration {
		var r unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		d := time.Duration(r.Utime.Nano() + r.Stime.Nano())
		if c, ok := any(p).(inference.Coster); ok {
			d += c.CPU()
		}
		return d
	}
	var ends, worst, heard time.Duration
	finals := 0
	before := cpu()
	for b.Loop() {
		began := time.Now()
		for i := 0; i < len(pcm); i += frameLen {
			c := samples(heard+media.SamplesToTime(i, sampleRate), pcm[i:i+frameLen])
			time.Sleep(time.Until(began.Add(media.SamplesToTime(i+frameLen, sampleRate))))
			asked := time.Now()
			ps, err := s.Write(b.Context(), c)
			if err != nil {
				b.Fatal(err)
			}
			took := time.Since(asked)
			worst = max(worst, took)
			for _, p := range ps {
				if p.Final {
					ends, finals = ends+took, finals+1
				}
			}
		}
		heard += media.SamplesToTime(len(pcm), sampleRate)
	}
	b.ReportMetric((cpu()-before).Seconds()/float64(b.N), "cpu-s")
	b.ReportMetric(float64(ends.Microseconds())/1000/float64(max(finals, 1)), "end-ms")
	b.ReportMetric(float64(worst.Microseconds())/1000, "worst-ms")
}
