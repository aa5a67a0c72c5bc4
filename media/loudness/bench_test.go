package loudness_test

import (
	"syscall"
	"testing"
	"time"

	"livedub/media"
	"livedub/media/loudness"
)

// BenchmarkLeveler tells the CPU time that one encode's sound costs.
func BenchmarkLeveler(b *testing.B) {
	for name, f := range map[string]func(int) float64{"speech": speech(0), "loud noise": pink(0)} {
		b.Run(name, func(b *testing.B) {
			l := open(b, loudness.Config{Target: -16, Rate: rate, Channels: 2})
			pcm := spread(seconds(10, f), 2)
			b.ResetTimer()
			before := cpu(b)
			for i := range b.N { // 20 ms of sound
				at := i % 500 * 1920
				if _, err := l.Put(media.Samples{PTS: time.Duration(i) * 20 * time.Millisecond, Rate: rate, Channels: 2, Data: pcm[at : at+1920]}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N)/2e7*100, "%core")
		})
	}
}

// cpu returns the CPU time of this process, whatever else the machine does.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
