package fanout

import (
	"log/slog"
	"syscall"
	"testing"
	"time"

	"livedub/internal/testkit/testspeaker"
	"livedub/media"
	"livedub/media/cmaf"
	"livedub/media/pace"
	"livedub/session/spec"
	"livedub/session/work"
)

// BenchmarkEncodes tells the CPU time of a frame of 1280x720 and its sound, of a drawn speaker: through
// the live encode for a viewer, and through the program to segments.
func BenchmarkEncodes(b *testing.B) {
	const fps, ring = 30, 60
	speaker, err := testspeaker.New(testspeaker.Config{Width: 1280, Height: 720, FPS: fps})
	if err != nil {
		b.Fatal(err)
	}
	defer speaker.Close()
	var frames []*media.Frame
	for i := range ring {
		f := speaker.Frame(i)
		frames = append(frames, f)
		defer f.Release()
	}
	segments := cmaf.Config{Segment: 2 * ProgramKey, Init: func(cmaf.Init) error { return nil }, Closed: func(cmaf.Segment) error { return nil }}
	for _, c := range []struct {
		name    string
		sink    func() media.Sink
		options []Option
	}{
		{"live", func() media.Sink { return &nobody{} }, nil},
		{"program", func() media.Sink { return cmaf.New(segments) }, []Option{Program(), Recording()}},
	} {
		b.Run(c.name, func(b *testing.B) {
			fo := New(Env{Shared: work.NewShared(pace.NewWall(), slog.New(slog.DiscardHandler), nil), Video: spec.VideoConfig{Hardware: "off"}})
			if _, err := fo.Subscribe(c.sink(), c.options); err != nil {
				b.Fatal(err)
			}
			pcm := make([]int16, 48000/fps)
			at := time.Duration(0)
			began := cpu(b)
			for i := 0; b.Loop(); i++ {
				at = time.Duration(i) * time.Second / fps
				n := i % (2 * ring)
				if n >= ring {
					n = 2*ring - 1 - n // back and forth, so that it nowhere jumps
				}
				f := media.WrapFrame(frames[n].Planes, nil)
				f.PTS = at
				_, err := fo.Frame(f, at, fps)
				f.Release()
				if err != nil {
					b.Fatal(err)
				}
				for j := range pcm {
					pcm[j] = int16((i*len(pcm)+j)*7919%2000 - 1000)
				}
				if err := fo.Sound(media.Samples{PTS: at, Rate: 48000, Channels: 1, Data: pcm}); err != nil {
					b.Fatal(err)
				}
				for p := fo.second(); p != nil && len(p.room) > 0; {
					time.Sleep(100 * time.Microsecond)
				}
			}
			b.ReportMetric(float64(cpu(b)-began)/float64(b.N), "cpu-ns/op")
			if err := fo.Close(); err != nil {
				b.Error(err)
			}
			if p := fo.Programs(); p.Dropped > 0 {
				b.Errorf("%d were left out", p.Dropped)
			}
		})
	}
}

// nobody is a sink that takes all and does nothing.
type nobody struct{}

func (*nobody) Codecs() (video, audio media.Codec) { return media.H264, media.Opus }
func (*nobody) Start([]media.Track) error          { return nil }
func (*nobody) AddTrack(media.Track) error         { return nil }
func (*nobody) Write(media.Packet) error           { return nil }
func (*nobody) Close() error                       { return nil }

// cpu returns the CPU time of this process so far.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
