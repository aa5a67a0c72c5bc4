package ingest

import (
	"context"
	"slices"
	"sync"
	"time"

	"livedub/media"
)

// Outlet takes what a Tap gives. Its methods must not block.
type Outlet interface {
	// Track tells of a track before its first packet.
	Track(t media.Track)
	Write(p media.Packet)
}

// Tap keeps the newest packets of a session's sources and gives them, and what comes
// after them, to one who asks: another node, that the session goes on at.
type Tap struct {
	span time.Duration

	mu      sync.Mutex
	tracks  []media.Track // of the source that is read
	packets []media.Packet
	bytes   int
	newest  time.Duration
	out     Outlet // nil while nobody asks
}

const (
	trimEvery = time.Second      // of what is kept
	longGOP   = 10 * time.Second // how much more is kept for the sake of a keyframe
	maxTapped = 32 << 20         // bytes
)

// NewTap returns one that keeps the packets of a span.
func NewTap(span time.Duration) *Tap { return &Tap{span: span} }

// On returns src with what is read of it kept. What was kept of the source before is forgotten.
func (t *Tap) On(src media.Source) media.Source {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tracks, t.packets, t.bytes, t.newest = nil, nil, 0, 0
	return tapped{src, t}
}

type tapped struct {
	media.Source
	tap *Tap
}

func (s tapped) Read(ctx context.Context) (media.Packet, error) {
	p, err := s.Source.Read(ctx)
	if err == nil {
		s.tap.add(s.Source, p)
	}
	return p, err
}

func (t *Tap) add(src media.Source, p media.Packet) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if media.FindTrack(t.tracks, p.Kind) == nil {
		if track := media.FindTrack(src.Tracks(), p.Kind); track != nil {
			t.tracks = append(t.tracks, *track)
			if t.out != nil {
				t.out.Track(*track)
			}
		}
	}
	t.packets = append(t.packets, p)
	t.bytes += len(p.Data)
	t.newest = max(t.newest, p.PTS)
	if t.packets[0].PTS < t.newest-t.span-trimEvery || t.bytes > maxTapped {
		t.trim()
	}
	if t.out != nil {
		t.out.Write(p)
	}
}

// trim forgets what is older than the span: up to the last keyframe before it, unless
// that is too long ago.
func (t *Tap) trim() {
	from := slices.IndexFunc(t.packets, func(p media.Packet) bool { return p.PTS >= t.newest-t.span })
	for i := from; i >= 0; i-- {
		p := t.packets[i]
		if p.PTS < t.newest-t.span-longGOP {
			break
		}
		if p.Kind == media.Video && p.Key {
			from = i
			break
		}
	}
	t.packets = t.packets[max(from, 0):]
	for size(t.packets) > maxTapped {
		t.packets = t.packets[len(t.packets)/4+1:]
	}
	t.packets = slices.Clone(t.packets)
	t.bytes = size(t.packets)
}

func size(packets []media.Packet) (n int) {
	for _, p := range packets {
		n += len(p.Data)
	}
	return n
}

// Open gives out all that is kept and can be decoded, and then all that comes, until
// it is opened for another or closed. It tells whether a keyframe is there.
func (t *Tap) Open(out Outlet) (keyed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.out = out
	for _, track := range t.tracks {
		out.Track(track)
	}
	for _, p := range t.packets {
		switch {
		case p.Kind == media.Video && !keyed && !p.Key, p.Kind == media.Audio && p.PTS < t.newest-t.span:
			continue
		case p.Kind == media.Video:
			keyed = true
		}
		out.Write(p)
	}
	return keyed
}

// Close gives out no more to out.
func (t *Tap) Close(out Outlet) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.out == out {
		t.out = nil
	}
}
