// Package intake makes a source of what a stream's container says: packets with the
// times of one clock that all tracks count by, as RTMP and MPEG-TS have them. The
// packages beside it speak the protocols.
package intake

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"livedub/media"
	"livedub/media/clock"
	"livedub/media/pace"
	"livedub/media/packets"
)

// Bounds of what waits for the session.
const (
	queuePackets = 2048
	queueBytes   = 32 << 20
)

// mostReorder is the most that a frame may be shown after it is decoded.
const mostReorder = 5 * time.Second

// Unit is one access unit as its container has it.
type Unit struct {
	Kind   media.Kind
	DTS    uint32        // by the container's clock, modulo 2^32
	Offset time.Duration // of the presentation, after that
	Key    bool
	Gap    bool   // something between it and the unit before, of its kind, is missing
	Data   []byte // the source's own from then on
}

// Source is a live stream on the session clock. Push and SetTrack are for whoever
// receives it, from one goroutine; the rest is for the session.
type Source struct {
	clock pace.Clock
	times *clock.Muxed
	queue *packets.Queue
	close func() error
	first chan struct{} // closed with the first packet
	ended chan struct{}

	over sync.Once

	held     []held // until the first are anchored
	anchored bool
	frozen   bool // frames are left out until a keyframe: what they are decoded from is missing

	mu     sync.Mutex
	tracks []media.Track
	heard  time.Duration // when the last packet came
	begun  bool          // first is closed
	jumps  int
	left   uint64 // frames that were left out
}

// New returns a source of which nothing has come yet. Timestamps count at rate Hz.
// end ends the receiving, and returns when nothing is received anymore.
func New(c pace.Clock, rate int, end func() error) *Source {
	return &Source{
		clock: c, times: clock.NewMuxed(rate), queue: packets.NewQueue(queuePackets, queueBytes, func() {}), close: end,
		first: make(chan struct{}), ended: make(chan struct{}), heard: c.Now(),
	}
}

// SetTrack makes a track known, the first of its kind, before its first packet.
// It tells whether that is so: a second one, or one that is another now, is not taken.
func (s *Source) SetTrack(t media.Track) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := media.FindTrack(s.tracks, t.Kind); known != nil {
		return known.Codec == t.Codec && slices.Equal(known.Extradata, t.Extradata)
	}
	s.tracks = append(s.tracks, t)
	return true
}

// Has tells whether a track of a kind is known.
func (s *Source) Has(k media.Kind) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return media.FindTrack(s.tracks, k) != nil
}

// Bounds of what is held at the beginning: a sender may hand over at once what it has kept.
const (
	holdTime  = 300 * time.Millisecond
	holdUnits = 1024
)

// held is a unit that waits for the anchor.
type held struct {
	Unit
	at time.Duration
}

// Push takes a unit. It waits where units come faster than their times pass, so that
// a sender over TCP is slowed down, and fails only with ctx.
func (s *Source) Push(ctx context.Context, u Unit) error {
	at := s.clock.Now()
	s.hear(at)
	if !s.anchored {
		s.held = append(s.held, held{u, at})
		if at-s.held[0].at < holdTime && len(s.held) < holdUnits {
			return nil
		}
		s.release()
		return nil
	}
	if early := s.times.Early(int(u.Kind), u.DTS, at); early > 0 {
		if err := s.hold(ctx, at+early); err != nil {
			return err
		}
		at = s.clock.Now()
	}
	s.pass(u, at)
	return nil
}

// release anchors what is held, and passes it on.
func (s *Source) release() {
	came := make([]clock.Arrival, len(s.held))
	for i, h := range s.held {
		came[i] = clock.Arrival{Track: int(h.Kind), TS: h.DTS, At: h.at}
	}
	s.times.Anchor(came)
	for _, h := range s.held {
		s.pass(h.Unit, h.at)
	}
	s.held, s.anchored = nil, true
}

// pass gives a unit its time, and the session the unit.
func (s *Source) pass(u Unit, at time.Duration) {
	dts, jumped := s.times.Map(int(u.Kind), u.DTS, at)
	if jumped {
		s.mu.Lock()
		s.jumps++
		s.mu.Unlock()
	}
	if u.Kind == media.Video {
		u.Gap = u.Gap || s.frozen
		if s.frozen = u.Gap && !u.Key; s.frozen {
			s.mu.Lock()
			s.left++
			s.mu.Unlock()
			return
		}
	}
	pts := dts + min(max(u.Offset, 0), mostReorder)
	if u.Kind == media.Audio && pts < 0 {
		return // it was said before the session
	}
	s.queue.Push(media.Packet{Kind: u.Kind, PTS: pts, DTS: dts, Key: u.Key || u.Kind == media.Audio, Gap: jumped || u.Gap, Data: u.Data})
}

// holdStep is how often a sender that is held counts as heard.
const holdStep = 500 * time.Millisecond

func (s *Source) hold(ctx context.Context, until time.Duration) error {
	for {
		now := s.clock.Now()
		if now >= until {
			return nil
		}
		if err := s.clock.Wait(ctx, min(until, now+holdStep)); err != nil {
			return err
		}
		s.hear(s.clock.Now())
	}
}

func (s *Source) hear(at time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = at
	if !s.begun && len(s.tracks) > 0 {
		s.begun = true
		close(s.first)
	}
}

// Jumps returns how often the stream's clock has jumped.
func (s *Source) Jumps() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.jumps
}

// Dropped returns how many packets were dropped because the session did not read them.
func (s *Source) Dropped() uint64 { return s.queue.Drops() }

// Frozen returns how many frames were left out because something that they are decoded
// from was missing.
func (s *Source) Frozen() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left
}

// End tells that nothing comes anymore: what has come can still be read. It is for
// whoever pushes, or where nobody does anymore.
func (s *Source) End() {
	s.over.Do(func() {
		s.release()
		s.queue.Close()
		close(s.ended)
	})
}

// Tracks returns what has come so far.
func (s *Source) Tracks() []media.Track {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tracks)
}

// Ready waits for the first packet.
func (s *Source) Ready(ctx context.Context) error {
	select {
	case <-s.first:
		return nil
	case <-s.ended:
		select {
		case <-s.first: // all of it has come
			return nil
		default:
			return io.EOF
		}
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Read returns the next packet; io.EOF after the last.
func (s *Source) Read(ctx context.Context) (media.Packet, error) { return s.queue.Pop(ctx) }

// Silent returns how long nothing has come.
func (s *Source) Silent() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock.Now() - s.heard
}

// Done is closed once the stream has ended.
func (s *Source) Done() <-chan struct{} { return s.ended }

// Close ends the stream and waits until nothing is received anymore.
func (s *Source) Close() error {
	err := s.close()
	s.End()
	return err
}
