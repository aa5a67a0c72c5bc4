package ingest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"livedub/media"
)

// Splice is a source that goes on as another one: as one speaker who comes by another
// way is not interrupted. What is under way in the session's decoders and recognizer
// goes on, so both must have the same codecs.
type Splice struct {
	first media.Source
	left  chan struct{} // closed when the first is read no more

	mu      sync.Mutex
	next    media.Source       // nil until Join
	lead    []media.Packet     // of next, read already
	cut     time.Duration      // from when on next is read
	awaited int                // sources that may come: until then the first's end is not ours
	wake    context.CancelFunc // ends what the reader waits for
	over    bool               // the reader has met the end

	// The reader's.
	ended error            // of the first; nil while it lasts
	until time.Time        // up to when the first's rest is waited for; zero before
	at    [3]time.Duration // of the newest packet, by Kind
	went  [3]bool          // the first has come to the cut; by Kind
	came  [3]bool          // next is read; by Kind
}

// restTime is how long packets of before the cut are waited for.
const restTime = 300 * time.Millisecond

// NewSplice returns a source that is first, until another joins.
func NewSplice(first media.Source) *Splice {
	return &Splice{first: first, left: make(chan struct{}), wake: func() {}}
}

// Expect announces a source. Join or Forgo follows.
func (s *Splice) Expect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.awaited++
}

// Forgo takes an announcement back.
func (s *Splice) Forgo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.awaited--
	s.wake()
}

// Join has the splice go on as next, which is its own from then on: with lead, which
// was read of it, up to its first keyframe, if it has any. Left tells when the first
// source is through. It returns false, and does nothing, where that cannot be: the
// codecs differ, another source has joined, or the first has ended.
func (s *Splice) Join(next media.Source, lead []media.Packet) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil || s.over || len(lead) == 0 || !alike(s.first.Tracks(), next.Tracks()) {
		return false
	}
	s.awaited--
	s.next, s.lead, s.cut = next, lead, lead[len(lead)-1].PTS
	s.wake()
	return true
}

// alike tells whether tracks of the same kind have the same codec.
func alike(a, b []media.Track) bool {
	for _, t := range a {
		if o := media.FindTrack(b, t.Kind); o != nil && o.Codec != t.Codec {
			return false
		}
	}
	return true
}

// Left is closed when the first source is read no more: another has taken its place.
func (s *Splice) Left() <-chan struct{} { return s.left }

// Tracks returns those of the source that is read.
func (s *Splice) Tracks() []media.Track {
	s.mu.Lock()
	next := s.next
	s.mu.Unlock()
	if next == nil {
		return s.first.Tracks()
	}
	all := next.Tracks()
	for _, t := range s.first.Tracks() {
		if media.FindTrack(all, t.Kind) == nil {
			all = append(slices.Clone(all), t)
		}
	}
	return all
}

// Read returns the next packet of the first source, or from its cut on of the next.
func (s *Splice) Read(ctx context.Context) (media.Packet, error) {
	for {
		p, err := s.read(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return p, ctx.Err()
		case errors.Is(err, errAgain):
		case err != nil:
			return p, err
		case s.takes(p):
			return p, nil
		}
	}
}

var errAgain = errors.New("look again")

// read returns the next packet of whichever source it is.
func (s *Splice) read(ctx context.Context) (media.Packet, error) {
	woken, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.wake = cancel
	joined, awaited := s.next != nil, s.awaited > 0
	s.over = s.ended != nil && !joined && !awaited
	s.mu.Unlock()
	switch {
	case joined && (s.ended != nil || s.through()):
		return s.second(ctx)
	case joined:
		return s.rest(woken)
	case s.ended == nil:
		p, err := s.first.Read(woken)
		return p, s.firstErr(woken, err)
	case awaited:
		<-woken.Done() // by who comes, or does not
		return media.Packet{}, errAgain
	}
	return media.Packet{}, s.ended
}

// firstErr notes the end of the first source.
func (s *Splice) firstErr(woken context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case woken.Err() == nil:
		s.ended = err
	}
	return errAgain
}

// rest reads what the first source has of before the cut.
func (s *Splice) rest(ctx context.Context) (media.Packet, error) {
	if s.until.IsZero() {
		s.until = time.Now().Add(restTime)
	}
	ctx, cancel := context.WithDeadline(ctx, s.until)
	defer cancel()
	p, err := s.first.Read(ctx)
	return p, s.firstErr(ctx, err)
}

// through tells whether the first source has come to the cut, with every track, or
// has had its time.
func (s *Splice) through() bool {
	if !s.until.IsZero() && !time.Now().Before(s.until) {
		return true
	}
	for _, t := range s.first.Tracks() {
		if !s.went[t.Kind] {
			return false
		}
	}
	return true
}

// second reads the source that has joined.
func (s *Splice) second(ctx context.Context) (media.Packet, error) {
	s.mu.Lock()
	select {
	case <-s.left:
	default:
		close(s.left)
	}
	if len(s.lead) > 0 {
		p := s.lead[0]
		s.lead = s.lead[1:]
		s.mu.Unlock()
		return s.later(p)
	}
	s.mu.Unlock()
	p, err := s.next.Read(ctx)
	if err != nil {
		return p, err
	}
	return s.later(p)
}

// half of a packet of sound: what comes closer to the one before is the same sound.
const half = 10 * time.Millisecond

// later leaves out what has been heard or cannot be decoded. Of frames that come
// twice the session shows the first. Sound needs no keyframe: where the first source
// ended before the cut, it goes on from there.
func (s *Splice) later(p media.Packet) (media.Packet, error) {
	k := p.Kind
	if s.came[k] || k == media.Video && p.Key && p.PTS >= s.cut || k == media.Audio && p.PTS >= s.at[k]+half {
		s.came[k] = true
		return p, nil
	}
	return p, errAgain
}

// takes notes a packet, and leaves out those of the first source from the cut on.
func (s *Splice) takes(p media.Packet) bool {
	k := p.Kind
	if !s.until.IsZero() && !s.came[k] && p.PTS >= s.cut {
		s.went[k] = true
		return false
	}
	s.at[k] = max(s.at[k], p.PTS)
	return true
}

// Close closes both.
func (s *Splice) Close() error {
	s.mu.Lock()
	next := s.next
	s.mu.Unlock()
	err := s.first.Close()
	if next != nil {
		err = errors.Join(err, next.Close())
	}
	return err
}
