package recordbench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"livedub/internal/testkit/testspeaker"
	"livedub/media"
	"livedub/media/cmaf"
	"livedub/media/pace"
	"livedub/recording"
	"livedub/session/fanout"
	"livedub/session/spec"
	"livedub/session/work"
)

const (
	costWidth, costHeight = 1280, 720
	costFPS               = 30
	drawn                 = 2 * costFPS // frames, shown to and fro
)

// costTimes is for how long a cost is measured.
type costTimes struct {
	rounds     int
	turn       time.Duration // of one way in a round
	settling   time.Duration // before memory is looked at
	remembered time.Duration // for which it is looked at: some segments
}

var fullCost = costTimes{3, 6 * time.Second, 2 * time.Second, 14 * time.Second}

// Cost is what keeping one dub takes, of 1280x720 at 30 frames a second.
type Cost struct {
	CPURatio  float64 `json:"cpu_ratio"`       // of a frame with its sound to segments on the disk, to the same for a viewer
	LiveMS    float64 `json:"live_cpu_ms"`     // of a frame, for a viewer
	ProgramMS float64 `json:"program_cpu_ms"`  // of a frame, to segments
	MemMB     float64 `json:"mem_mb"`          // what a recording adds to a dub that somebody watches, resident
	LeftOut   int     `json:"frames_left_out"` // by a machine that was too slow
}

// MeasureCost encodes a drawn speaker in real time, in this process.
func MeasureCost(ctx context.Context, progress func(string)) (Cost, error) {
	return fullCost.measure(ctx, progress)
}

func (t costTimes) measure(ctx context.Context, progress func(string)) (c Cost, err error) {
	speaker, err := testspeaker.New(testspeaker.Config{Width: costWidth, Height: costHeight, FPS: costFPS})
	if err != nil {
		return c, err
	}
	defer speaker.Close()
	s := show{}
	defer s.close()
	for i := range drawn {
		s.frames = append(s.frames, speaker.Frame(i))
	}
	dir, err := os.MkdirTemp("", "livedub-cost-")
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var spent [2]time.Duration
	var frames [2]int
	for i := range t.rounds {
		for way, name := range []string{"a viewer", "a recording"} {
			progress(fmt.Sprintf("%s, %d of %d", name, i+1, t.rounds))
			r := newRun(s)
			sink, options := r.viewer()
			if way == 1 {
				sink, options = r.tape(dir)
			}
			if _, err := r.Subscribe(sink, options...); err != nil {
				return c, errors.Join(err, r.end())
			}
			before := cpu()
			err := r.play(ctx, t.turn, nil)
			spent[way] += cpu() - before
			frames[way] += int(r.written.Load())
			c.LeftOut += r.Programs().Dropped
			if err = errors.Join(err, r.end()); err != nil {
				return c, err
			}
		}
	}
	c.LiveMS, c.ProgramMS = perFrame(spent[0], frames[0]), perFrame(spent[1], frames[1])
	c.CPURatio = c.ProgramMS / c.LiveMS
	progress("the memory of a recording")
	c.MemMB, err = t.memory(ctx, s, dir)
	return c, err
}

func perFrame(spent time.Duration, frames int) float64 {
	return float64(spent.Microseconds()) / 1000 / float64(max(1, frames))
}

// memory returns by how much a recording makes this process larger, in MB.
func (t costTimes) memory(ctx context.Context, s show, dir string) (mb float64, err error) {
	r := newRun(s)
	defer func() { err = errors.Join(err, r.end()) }()
	sink, options := r.viewer()
	if _, err := r.Subscribe(sink, options...); err != nil {
		return 0, err
	}
	if err := r.play(ctx, t.settling, nil); err != nil {
		return 0, err
	}
	before := int64(0)
	if err := r.play(ctx, t.settling, func() { before = max(before, resident()) }); err != nil {
		return 0, err
	}
	sink, options = r.tape(dir)
	if _, err := r.Subscribe(sink, options...); err != nil {
		return 0, err
	}
	after := int64(0)
	err = r.play(ctx, t.remembered, func() { after = max(after, resident()) })
	return float64(after-before) / (1 << 20), err
}

// resident returns the bytes of this process that are in memory, without garbage.
func resident() int64 {
	debug.FreeOSMemory()
	var pages, all int64
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	if _, err := fmt.Fscan(bytes.NewReader(b), &all, &pages); err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// cpu returns the CPU time of this process so far.
func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r) // of itself it cannot fail
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// show is what a dub shows.
type show struct{ frames []*media.Frame }

func (s *show) close() {
	for _, f := range s.frames {
		f.Release()
	}
}

// run is a dub that goes on in real time.
type run struct {
	*fanout.Fanout
	shared  *work.Shared
	show    show
	at      time.Duration
	written atomic.Int64 // frames that a sink has had
}

func newRun(s show) *run {
	shared := work.NewShared(pace.NewWall(), slog.New(slog.DiscardHandler), nil)
	return &run{shared: shared, show: s, Fanout: fanout.New(fanout.Env{Shared: shared, Video: spec.VideoConfig{Hardware: "off"}})}
}

// Subscribe adds a sink.
func (r *run) Subscribe(sink media.Sink, options ...fanout.Option) (*fanout.Subscription, error) {
	return r.Fanout.Subscribe(sink, options)
}

func (r *run) end() error {
	err := r.Close()
	if n := r.shared.Loose.Wait(func() {}); n > 0 {
		err = errors.Join(err, fmt.Errorf("%d goroutines do not end", n))
	}
	return err
}

// play shows frames and sound for so long, and calls look, if there is one, each second.
func (r *run) play(ctx context.Context, length time.Duration, look func()) error {
	pcm := make([]int16, 48000/costFPS)
	tick := time.NewTicker(time.Second / costFPS)
	defer tick.Stop()
	for i := range int(length * costFPS / time.Second) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		n := i % (2 * drawn)
		if n >= drawn {
			n = 2*drawn - 1 - n
		}
		f := media.WrapFrame(r.show.frames[n].Planes, nil)
		f.PTS = r.at
		_, err := r.Frame(f, r.at, costFPS)
		f.Release()
		if err != nil {
			return err
		}
		for j := range pcm {
			pcm[j] = int16((i*len(pcm)+j)*7919%2000 - 1000)
		}
		if err := r.Sound(media.Samples{PTS: r.at, Rate: 48000, Channels: 1, Data: pcm}); err != nil {
			return err
		}
		r.at += time.Second / costFPS
		if look != nil && i%costFPS == costFPS-1 {
			look()
		}
	}
	return nil
}

// counted is a sink that counts frames.
type counted struct {
	media.Sink
	n *atomic.Int64
}

// AddTrack has it begin with any track.
func (c counted) AddTrack(t media.Track) error { return c.Start([]media.Track{t}) }

func (c counted) Write(p media.Packet) error {
	if p.Kind == media.Video {
		c.n.Add(1)
	}
	return c.Sink.Write(p)
}

func (r *run) viewer() (media.Sink, []fanout.Option) {
	return counted{nobody{}, &r.written}, nil
}

// tape returns a sink that writes segments below dir.
func (r *run) tape(dir string) (media.Sink, []fanout.Option) {
	return counted{cmaf.New(cmaf.Config{
		Segment: recording.SegmentLength,
		Init:    func(cmaf.Init) error { return nil },
		Closed: func(s cmaf.Segment) error {
			return os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.m4s", s.N)), s.Data, 0o600)
		},
	}), &r.written}, []fanout.Option{fanout.Program(), fanout.Recording()}
}

// nobody is a viewer that takes all and does nothing.
type nobody struct{}

func (nobody) Codecs() (video, audio media.Codec) { return media.H264, media.Opus }
func (nobody) Start([]media.Track) error          { return nil }
func (nobody) Write(media.Packet) error           { return nil }
func (nobody) Close() error                       { return nil }
