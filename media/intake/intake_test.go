package intake

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"livedub/media"
	"livedub/media/pace"
)

// stepped is a clock on which waiting takes no time.
type stepped struct {
	mu  sync.Mutex
	now time.Duration
}

func (c *stepped) Now() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *stepped) Wait(ctx context.Context, t time.Duration) error {
	c.Advance(t)
	return ctx.Err()
}

func (c *stepped) Advance(t time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = max(c.now, t)
}

func (c *stepped) Live() bool                   { return true }
func (c *stepped) Hold(time.Duration) pace.Hold { return stepHold{c} }

type stepHold struct{ *stepped }

func (stepHold) Release() {}

// rate is what the streams here count by, Hz.
const rate = 1000

// stream sends 25 frames a second, a keyframe each second, and a sound with each.
type stream struct {
	*testing.T
	*Source
	clock *stepped
}

func newStream(t *testing.T) *stream {
	c := &stepped{now: 10 * time.Second}
	s := &stream{t, New(c, rate, func() error { return nil }), c}
	for _, tr := range []media.Track{{Kind: media.Video, Codec: media.H264}, {Kind: media.Audio, Codec: media.AAC}} {
		if !s.SetTrack(tr) {
			t.Fatal("a track is not taken")
		}
	}
	return s
}

// send sends frames from one time of the stream to another, as time passes.
func (s *stream) send(from, to uint64, change func(*Unit)) {
	s.Helper()
	for ts := from; ts < to; ts += 40 {
		s.clock.Advance(s.clock.Now() + 40*time.Millisecond)
		for _, k := range []media.Kind{media.Video, media.Audio} {
			u := Unit{Kind: k, DTS: uint32(ts), Key: ts%1000 == 0, Data: []byte{byte(ts / 40)}}
			if change != nil {
				change(&u)
			}
			if err := s.Push(s.Context(), u); err != nil {
				s.Fatal(err)
			}
		}
	}
}

// came returns the packets of a kind, once the stream has ended.
func (s *stream) came(kind media.Kind) (out []media.Packet) {
	s.Helper()
	s.End()
	for {
		p, err := s.Read(s.Context())
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			s.Fatal(err)
		}
		if p.Kind == kind {
			out = append(out, p)
		}
	}
}

// TestFreeze: after a gap no frame comes until a keyframe, and that tells of the gap;
// sound goes on.
func TestFreeze(t *testing.T) {
	for kind, lost := range map[media.Kind]int{media.Video: 10, media.Audio: 0} {
		s := newStream(t)
		s.send(0, 3000, func(u *Unit) { u.Gap = u.Kind == kind && u.DTS == 1600 })
		video := s.came(media.Video)
		if len(video) != 75-lost || s.Frozen() != uint64(lost) {
			t.Errorf("a gap of %v: %d frames, %d frozen", kind, len(video), s.Frozen())
		}
		for i, p := range video {
			if p.Gap != (lost > 0 && i == 40) || p.Gap && !p.Key {
				t.Errorf("a gap of %v: frame %d: gap %v, key %v", kind, i, p.Gap, p.Key)
			}
		}
	}
	s := newStream(t)
	s.send(0, 2000, func(u *Unit) { u.Gap = u.DTS == 1000 })
	if audio := s.came(media.Audio); len(audio) != 50 || !audio[25].Gap || audio[24].Gap || s.Frozen() != 0 {
		t.Errorf("%d sounds, %d frozen", len(audio), s.Frozen())
	}
}

// TestOrder: frames are shown as much later than they are decoded as they say, within reason.
func TestOrder(t *testing.T) {
	s := newStream(t)
	offsets := []time.Duration{80 * time.Millisecond, 0, -time.Second, time.Hour}
	s.send(0, 1000, func(u *Unit) { u.Offset = offsets[u.DTS/40%4] })
	for i, p := range s.came(media.Video) {
		if want := min(max(offsets[i%4], 0), mostReorder); p.PTS-p.DTS != want {
			t.Errorf("frame %d: %v, want %v", i, p.PTS-p.DTS, want)
		}
	}
}

// TestTimes: wraps and pauses are none to the session, jumps and new beginnings are told.
func TestTimes(t *testing.T) {
	const before = 1<<32 - 1000
	for name, c := range map[string]struct {
		parts [][2]uint64
		jumps int
	}{
		"goes on": {[][2]uint64{{0, 2000}, {2000, 4000}}, 0},
		"wraps":   {[][2]uint64{{before, before + 3000}}, 0},
		"anew":    {[][2]uint64{{5000, 9000}, {0, 2000}}, 1},
		"jumps":   {[][2]uint64{{0, 2000}, {600_000, 602_000}, {50_000, 52_000}}, 2},
	} {
		s := newStream(t)
		frames := 0
		for _, part := range c.parts {
			s.send(part[0], part[1], nil)
			frames += int(part[1]-part[0]+39) / 40
		}
		video := s.came(media.Video)
		gaps := 0
		for i, p := range video {
			if i > 0 && (p.DTS < video[i-1].DTS || p.DTS > video[i-1].DTS+200*time.Millisecond) {
				t.Errorf("%s: frame %d at %v, after %v", name, i, p.DTS, video[i-1].DTS)
			}
			if p.Gap {
				gaps++
			}
		}
		if len(video) != frames || s.Jumps() != c.jumps || gaps != c.jumps {
			t.Errorf("%s: %d frames of %d, %d jumps, %d gaps", name, len(video), frames, s.Jumps(), gaps)
		}
	}
}

// TestHurry: who sends faster than time passes waits.
func TestHurry(t *testing.T) {
	s := newStream(t)
	for ts := uint32(0); ts < 60_000; ts += 40 {
		s.clock.Advance(s.clock.Now() + time.Millisecond)
		if err := s.Push(t.Context(), Unit{Kind: media.Video, DTS: ts, Key: true, Data: []byte{1}}); err != nil {
			t.Fatal(err)
		}
	}
	if now := s.clock.Now(); now < 50*time.Second {
		t.Errorf("60 s were taken by %v", now)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Push(ctx, Unit{Kind: media.Video, DTS: 62_000, Key: true, Data: []byte{1}}); !errors.Is(err, context.Canceled) {
		t.Errorf("with its context over: %v", err)
	}
}

// TestTracks: the first of each kind is taken, and no other in its place.
func TestTracks(t *testing.T) {
	s := newStream(t)
	for _, c := range []struct {
		media.Track
		fine bool
	}{
		{media.Track{Kind: media.Video, Codec: media.H264}, true},
		{media.Track{Kind: media.Video, Codec: media.HEVC}, false},
		{media.Track{Kind: media.Audio, Codec: media.AAC, Extradata: []byte{1}}, false},
	} {
		if s.SetTrack(c.Track) != c.fine {
			t.Errorf("%+v", c)
		}
	}
	if !s.Has(media.Video) || len(s.Tracks()) != 2 {
		t.Errorf("%+v", s.Tracks())
	}
}

// TestLife: what has begun is ready, what is silent says so, and what has ended is read to its end.
func TestLife(t *testing.T) {
	closed := 0
	c := &stepped{}
	s := New(c, rate, func() error { closed++; return nil })
	s.SetTrack(media.Track{Kind: media.Audio, Codec: media.AAC})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Ready(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("ready before anything has come: %v", err)
	}
	if err := s.Push(t.Context(), Unit{Kind: media.Audio, Data: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	c.Advance(3 * time.Second)
	if err := s.Ready(t.Context()); err != nil || s.Silent() != 3*time.Second {
		t.Errorf("%v, silent for %v", err, s.Silent())
	}
	if err := s.Close(); err != nil || closed != 1 {
		t.Errorf("%v, closed %d times", err, closed)
	}
	<-s.Done()
	if p, err := s.Read(t.Context()); err != nil || len(p.Data) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := s.Read(t.Context()); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	empty := New(c, rate, func() error { return nil })
	empty.End()
	if err := empty.Ready(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("ready where nothing came: %v", err)
	}
}
