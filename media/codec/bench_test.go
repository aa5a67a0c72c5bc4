package codec

import (
	"syscall"
	"testing"
	"time"

	"livedub/media"
)

// cpu reports the processor time of the loop per operation, which a loaded machine distorts less than wall time.
func cpu(b *testing.B, unit string, run func()) {
	used := func() time.Duration {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	start := used()
	b.ResetTimer()
	run()
	b.StopTimer()
	b.ReportMetric(float64(used()-start)/1e6/float64(b.N), "cpu-ms/"+unit)
}

// scene returns n frames of 720p in a loop.
func scene(b *testing.B, n int) []*media.Frame {
	var out []*media.Frame
	for i := range n {
		out = append(out, paint(1280, 720, i))
	}
	b.Cleanup(func() { releaseAll(out) })
	return out
}

func BenchmarkEncode720p(b *testing.B) {
	for _, c := range videoCodecs {
		b.Run(string(c), func(b *testing.B) {
			frames := scene(b, 10)
			e, _ := newPair(b, VideoEncoderConfig{Codec: c, Width: 1280, Height: 720, Bitrate: 2_000_000})
			cpu(b, "frame", func() {
				for n := range b.N {
					f := frames[n%len(frames)]
					f.PTS = framePTS(n)
					must[media.Packet](b)(e.Encode(f, false))
				}
			})
		})
	}
}

func BenchmarkDecode720p(b *testing.B) {
	for _, c := range videoCodecs {
		b.Run(string(c), func(b *testing.B) {
			e, d := newPair(b, VideoEncoderConfig{Codec: c, Width: 1280, Height: 720, Bitrate: 2_000_000})
			var packets []media.Packet
			for n, f := range scene(b, 30) {
				f.PTS = framePTS(n)
				packets = append(packets, must[media.Packet](b)(e.Encode(f, false)))
			}
			cpu(b, "frame", func() {
				for n := range b.N {
					releaseAll(must[[]*media.Frame](b)(d.Decode(packets[n%len(packets)])))
				}
			})
		})
	}
}

// BenchmarkShape brings 1080p to 720p, and turns 720p upright.
func BenchmarkShape(b *testing.B) {
	for name, c := range map[string]struct {
		in   size
		turn int
	}{"1080to720": {size{1920, 1080}, 0}, "turn720": {size{1280, 720}, 90}} {
		b.Run(name, func(b *testing.B) {
			f := paint(c.in.w, c.in.h, 0)
			defer f.Release()
			s := NewShaper(media.Track{Rotation: c.turn}, 1280, 720)
			defer s.Close()
			cpu(b, "frame", func() {
				for range b.N {
					must[*media.Frame](b)(s.Shape(f.Retain())).Release()
				}
			})
		})
	}
}

// BenchmarkSound encodes and decodes 20 ms of 48 kHz stereo, and resamples it to 16 kHz mono.
func BenchmarkSound(b *testing.B) {
	block := stereo(clicks(48000, 0, 20*time.Millisecond))
	at := func(n int) media.Samples {
		s := block
		s.PTS = time.Duration(n) * 20 * time.Millisecond
		return s
	}
	for _, c := range audioCodecs {
		b.Run("encode-"+string(c), func(b *testing.B) {
			e := must[*AudioEncoder](b)(NewAudioEncoder(AudioEncoderConfig{Codec: c, Channels: 2}))
			defer e.Close()
			cpu(b, "20ms", func() {
				for n := range b.N {
					must[[]media.Packet](b)(e.Encode(at(n)))
				}
			})
		})
		b.Run("decode-"+string(c), func(b *testing.B) {
			track, packets := cleanAudio(b, c)
			d := must[*AudioDecoder](b)(NewAudioDecoder(track))
			defer d.Close()
			cpu(b, "packet", func() {
				for n := range b.N {
					must[[]media.Samples](b)(d.Decode(packets[n%len(packets)]))
				}
			})
		})
	}
	b.Run("resample", func(b *testing.B) {
		r := NewResampler(16000, 1)
		defer r.Close()
		cpu(b, "20ms", func() {
			for n := range b.N {
				must[media.Samples](b)(r.Resample(at(n)))
			}
		})
	})
}
