package recognize

import (
	"testing"
	"time"

	"livedub/media"
)

// BenchmarkUnit hears sentences in chunks of 20 ms. "load" is the CPU share of a
// stream, "end-ms" the mean time of the Write that ends a unit, which is the
// wait after the hangover; "worst-ms" the longest.
func BenchmarkUnit(b *testing.B) {
	pcm := join(silence(400*time.Millisecond), speak(b, "rms", "can you tell me where the train station is"), silence(600*time.Millisecond),
		speak(b, "slt", "we need to buy some bread and milk before the shop closes"), silence(600*time.Millisecond))
	s := open(b)
	var busy, heard, ends, worst time.Duration
	n := 0
	for b.Loop() {
		for i := 0; i < len(pcm); i += frameLen {
			c := samples(heard, pcm[i:min(i+frameLen, len(pcm))])
			heard += c.Duration()
			began := time.Now()
			ps, err := s.Write(b.Context(), c)
			if err != nil {
				b.Fatal(err)
			}
			took := time.Since(began)
			busy += took
			for _, p := range ps {
				if p.Final {
					ends, worst, n = ends+took, max(worst, took), n+1
				}
			}
		}
	}
	b.ReportMetric(busy.Seconds()/heard.Seconds(), "load")
	b.ReportMetric(float64(ends.Milliseconds())/float64(max(n, 1)), "end-ms")
	b.ReportMetric(float64(worst.Milliseconds()), "worst-ms")
}

func BenchmarkSilence(b *testing.B) {
	s := open(b)
	c := samples(0, silence(time.Second))
	for b.Loop() {
		if _, err := s.Write(b.Context(), c); err != nil {
			b.Fatal(err)
		}
		c.PTS += media.SamplesToTime(len(c.Data), sampleRate)
	}
}
