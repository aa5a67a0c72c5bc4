package fanout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"livedub/internal/guard"
	"livedub/media"
	"livedub/session/spec"
	"livedub/session/work"
)

// Subscription is a sink's place at a dub.
type Subscription struct {
	fanout       *Fanout
	sink         media.Sink
	video, audio media.Codec
	records      bool // it keeps no idle session open
	program      bool // it takes the program, not the live encode

	key        atomic.Bool  // a keyframe is asked for
	maxBitrate atomic.Int64 // bit/s that the sink has for frames; 0 for unknown

	feeder *feeder // nil for a file's sink, which is written to at once

	// Guarded by the lock of the fanout's fan.
	seeing bool // has had a keyframe since it last saw nothing
	stuck  bool // was detached for it, which counts as its failure
}

// Option changes how a sink is attached.
type Option func(*Subscription)

// Recording tells that the sink keeps what it gets and nobody looks: it does not
// keep a session open that nobody uses.
func Recording() Option { return func(a *Subscription) { a.records = true } }

// Program tells that the sink takes the dub's program: H.264 of the first frame's size
// at 25 or 30 frames a second, with a keyframe at every multiple of ProgramKey in
// output time, and AAC on a grid of 1024 samples from output time 0. Frames of
// another size are fitted in. Where there is nothing to see and to hear for a while
// it pauses, and the first packets after that are marked by Gap. All such sinks share
// one encode, without frames where none of them takes those; what they ask for by
// Keyframe and SetMaxBitrate changes nothing. Only a
// live session has one.
func Program() Option { return func(a *Subscription) { a.program = true } }

// MinBitrate is the bitrate below which nobody is made to look: a viewer with
// less gets sound and captions, and does not pull the others down.
const MinBitrate = 300_000

// KeyApart is how far apart the keyframes that viewers ask for are at least: one
// serves all who ask, and many who ask in turn do not make every frame one.
const KeyApart = 500 * time.Millisecond

// Keyframe asks for a keyframe: with the next frame, or KeyApart after the last one.
func (s *Subscription) Keyframe() { s.key.Store(!s.program) }

// Pending tells whether a keyframe that was asked for has not been made yet.
func (s *Subscription) Pending() bool { return s.key.Load() }

// SetMaxBitrate tells how many bits a second the sink can take of frames.
func (s *Subscription) SetMaxBitrate(bps int) {
	if !s.program {
		s.maxBitrate.Store(int64(bps))
	}
}

// Close takes the sink away and closes it, and returns once it is closed, or
// when that takes too long. It may be called more than once.
func (s *Subscription) Close() { s.fanout.receivers.remove(s) }

// takes tells whether the sink gets p, which came out of e.
func (s *Subscription) takes(e encode, p media.Packet) bool {
	if s.program != e.program {
		return false
	}
	if p.Kind == media.Audio {
		return s.audio != ""
	}
	return (e.codec == "" || s.video == e.codec) && s.sees(p.Key)
}

// sees tells whether the sink can have a frame: from a keyframe on, while it has room.
func (s *Subscription) sees(key bool) bool {
	if room := s.maxBitrate.Load(); room > 0 && room < MinBitrate {
		if s.seeing {
			s.seeing = false
			s.Keyframe() // for when there is room again
		}
		return false
	}
	if key {
		s.seeing = true
	}
	return s.seeing
}

// feeder writes one live sink's packets on a goroutine of its own, so that no
// sink waits for another.
type feeder struct {
	a     *Subscription
	stage *work.Stage
	queue *work.Queue[trackPacket]

	closing sync.Once
	closed  chan struct{} // when the sink has been closed
	err     error         // of its Close

	mu     sync.Mutex
	since  time.Time     // when the write at hand began; zero: none
	deaf   bool          // frames are left out until a keyframe comes
	asked  bool          // for that keyframe
	lost   time.Duration // output time at which something was last left out, but for frames while deaf
	ending bool
}

// parcel is a packet with the track it belongs to.
type trackPacket struct {
	media.Packet
	track *media.Track
}

const (
	maxBytes   = 16 << 20               // of packets that one sink may be behind
	MaxQueued  = 2 * time.Second        // of media that one sink may be behind
	MaxWrite   = 5 * time.Second        // for one write; a sink that takes longer is detached
	otherTrack = 2 * time.Second        // how long a sink that needs all tracks first waits for the other
	caughtUp   = 500 * time.Millisecond // behind by less, a sink has caught up
	keptUp     = 3 * time.Second        // of media of which nothing was left out: a sink keeps up, though it is behind
)

func newFeeder(e Env, a *Subscription) *feeder {
	return &feeder{
		a: a, stage: e.Stage("sink"), closed: make(chan struct{}),
		queue: work.NewQueue(func(q []trackPacket) bool {
			bytes := 0
			for _, p := range q {
				bytes += len(p.Data)
			}
			return q[len(q)-1].PTS-q[0].PTS > MaxQueued || bytes > maxBytes
		}),
	}
}

// offer queues p for the sink. One that is too far behind loses frames until it
// keeps up, and from then on up to the next keyframe; one whose write has taken
// too long is reported as stuck.
func (f *feeder) offer(p trackPacket) (stuck bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ending {
		return false
	}
	took := time.Duration(0)
	if !f.since.IsZero() {
		took = time.Since(f.since)
	}
	if took > MaxWrite {
		return true
	}
	if took > MaxQueued && p.Kind == media.Video {
		f.lose(p.PTS)
	}
	if p.Kind == media.Video && f.deaf && !f.sees(p, took) {
		f.stage.Drop(1)
		return false
	}
	if dropped := f.queue.Force(p); len(dropped) > 0 {
		if took < MaxQueued/2 { // it writes, but too slowly: make room for what comes next
			f.stage.Drop(f.queue.Remove(func(q trackPacket) bool { return q.PTS < p.PTS-MaxQueued/2 }))
		}
		f.stage.Drop(len(dropped))
		f.lose(p.PTS)
	}
	return false
}

// sees tells whether a deaf sink, whose write at hand has taken took, can have
// the frame p: a keyframe, once it keeps up. It is asked for only then, as it
// costs all who look.
func (f *feeder) sees(p trackPacket, took time.Duration) bool {
	if oldest, ok, _ := f.queue.Peek(); ok {
		took = max(took, p.PTS-oldest.PTS)
	}
	if took > caughtUp && p.PTS-f.lost < keptUp {
		f.asked = f.asked && !p.Key // a keyframe that comes too soon is asked for again
		return false
	}
	if p.Key {
		f.deaf = false
	} else if !f.asked {
		f.asked = true
		f.a.Keyframe()
	}
	return p.Key
}

// lose leaves frames out from output time at on, until the sink keeps up.
func (f *feeder) lose(at time.Duration) {
	f.lost, f.asked = at, false
	if !f.deaf {
		f.deaf = true
		f.stage.Drop(f.queue.Remove(func(p trackPacket) bool { return p.Kind == media.Video }))
	}
}

// run writes what is queued until the feeder ends, and closes the sink. It
// returns why the sink failed; media.ErrGone where it has left.
func (f *feeder) run() error {
	defer f.close()
	defer f.queue.Rest()
	start := starter{sink: f.a.sink, video: f.a.video != "", audio: f.a.audio != ""}
	for {
		p, err := f.queue.Next(context.Background())
		if err != nil {
			return nil // its end
		}
		f.stage.Begin(max(0, p.PTS))
		f.writing(time.Now())
		err = guard.Do("sink", func() error { return start.write(p) })
		f.writing(time.Time{})
		f.stage.Done()
		if err != nil {
			return err
		}
	}
}

func (f *feeder) writing(since time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.since = since
}

// end lets the sink have what is queued, and then closes it.
func (f *feeder) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ending = true
	f.queue.End()
}

// close closes the sink, once.
func (f *feeder) close() {
	f.closing.Do(func() {
		f.err = guard.Do("sink", f.a.sink.Close)
		close(f.closed)
	})
}

// wait returns once the sink is closed, or d has passed.
func (f *feeder) wait(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-f.closed:
		return f.err
	case <-timer.C:
		return errors.New("a sink does not close")
	}
}

// starter starts a sink when its tracks are known, and writes to it.
type starter struct {
	sink         media.Sink
	video, audio bool // wanted

	started bool
	tracks  []media.Track
	early   []trackPacket // before the sink has started
}

func (s *starter) write(p trackPacket) error {
	if s.started {
		return s.pass(p)
	}
	if media.FindTrack(s.tracks, p.Kind) == nil {
		s.tracks = append(s.tracks, *p.track)
	}
	_, any := s.sink.(media.TrackAdder)
	s.early = append(s.early, p)
	all := (!s.video || media.FindTrack(s.tracks, media.Video) != nil) && (!s.audio || media.FindTrack(s.tracks, media.Audio) != nil)
	if !any && !all && p.PTS-s.early[0].PTS < otherTrack {
		return nil
	}
	s.started = true
	if err := s.sink.Start(s.tracks); err != nil {
		return err
	}
	early := s.early
	s.early = nil
	for _, p := range early {
		if err := s.pass(p); err != nil {
			return err
		}
	}
	return nil
}

// pass writes p, whose track may be new to the sink.
func (s *starter) pass(p trackPacket) error {
	if media.FindTrack(s.tracks, p.Kind) == nil {
		adder, ok := s.sink.(media.TrackAdder)
		if !ok {
			return nil // it started without
		}
		if err := adder.AddTrack(*p.track); err != nil {
			return err
		}
		s.tracks = append(s.tracks, *p.track)
	}
	return s.sink.Write(p.Packet)
}

// refuse tells why a dub cannot feed the sink, by its codecs; nil where it can.
func (s *Subscription) refuse() error {
	video, audio := s.video, s.audio
	switch {
	case video == "" && audio == "":
		return fmt.Errorf("session: %w: the sink takes neither audio nor video", spec.ErrInvalid)
	case s.program && (video != "" && video != media.H264 || audio != "" && audio != media.AAC):
		return fmt.Errorf("session: %w: the sink takes %q and %q: a program is h264 and aac", spec.ErrInvalid, video, audio)
	case s.program:
		return nil
	case video != "" && video != media.H264 && video != media.VP8:
		return fmt.Errorf("session: %w: the sink takes frames as %s: a live dub makes h264 and vp8", spec.ErrInvalid, video)
	case audio != "" && audio != media.Opus:
		return fmt.Errorf("session: %w: the sink takes sound as %s: a live dub makes opus", spec.ErrInvalid, audio)
	}
	return nil
}
