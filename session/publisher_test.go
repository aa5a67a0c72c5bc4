package session_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/media"
	"livedub/media/pace"
	"livedub/session/spec"
)

// caller is a publisher in memory that sends as a camera would, from a moment
// of its session's clock on.
type caller struct {
	src   *memory
	clock pace.Clock
	start time.Duration

	mu   sync.Mutex
	last time.Time
	quit chan struct{}
	once sync.Once
	hang bool // goes silent after the last packet instead of ending
}

func newCaller(src *memory, clock pace.Clock) *caller {
	return &caller{src: &memory{tracks: src.tracks, packets: src.packets}, clock: clock, start: clock.Now(), last: time.Now(), quit: make(chan struct{})}
}

func (c *caller) Tracks() []media.Track       { return c.src.tracks }
func (c *caller) Ready(context.Context) error { return nil }

func (c *caller) Silent() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.last)
}

func (c *caller) Read(ctx context.Context) (media.Packet, error) {
	p, err := c.src.Read(ctx)
	if errors.Is(err, io.EOF) && !c.hang {
		c.once.Do(func() { close(c.quit) }) // it has left
	}
	if err != nil && c.hang {
		select {
		case <-ctx.Done():
		case <-c.quit:
		}
		return p, errors.New("gone")
	}
	if err != nil {
		return p, err
	}
	p.PTS, p.DTS = p.PTS+c.start, p.DTS+c.start
	if err := c.clock.Wait(ctx, p.DTS); err != nil {
		return p, err
	}
	c.mu.Lock()
	c.last = time.Now()
	c.mu.Unlock()
	return p, nil
}

func (c *caller) Done() <-chan struct{} { return c.quit }

func (c *caller) Close() error {
	c.once.Do(func() { close(c.quit) })
	return nil
}

// tardy is a caller of whom a track is known when its first packet is read, as
// of a camera that starts when others speak already.
type tardy struct {
	*caller
	seen []media.Track
}

func (c *tardy) Tracks() []media.Track { return c.seen }

func (c *tardy) Read(ctx context.Context) (media.Packet, error) {
	p, err := c.caller.Read(ctx)
	if err == nil && media.FindTrack(c.seen, p.Kind) == nil {
		c.seen = append(c.seen, *media.FindTrack(c.src.tracks, p.Kind))
	}
	return p, err
}

// TestTrackThatBeginsLate has the frames or the sound begin 3 s after the other.
func TestTrackThatBeginsLate(t *testing.T) {
	const late = 3 * time.Second
	for _, kind := range []media.Kind{media.Video, media.Audio} {
		src := speaker(t, seconds(9), said, kind == media.Audio, kind == media.Video)
		other := speaker(t, seconds(12), nil, kind == media.Video, kind == media.Audio)
		for _, p := range src.packets {
			p.PTS, p.DTS = p.PTS+late, p.DTS+late
			other.packets = append(other.packets, p)
		}
		other.tracks = append(other.tracks, src.tracks...)
		slices.SortStableFunc(other.packets, func(a, b media.Packet) int { return int(a.DTS - b.DTS) })
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.engines.Faces, r.engines.Lips = fake.Faces{}, &fake.Lips{}
			l := r.live(t)
			out := l.attach("es")
			l.speak(&tardy{caller: newCaller(other, l.Clock)})
			time.Sleep(seconds(12) + r.cfg.Delay + seconds(1))
			st := l.State().Dubs[0]
			phrases, shown := 0, 300
			if kind == media.Audio {
				phrases = len(said)
			} else {
				shown = 225
			}
			if n := len(shownFrames(t, out)); n != shown || len(st.Records) != phrases {
				t.Errorf("late %s: %d frames, want %d; %d phrases, want %d", kind, n, shown, len(st.Records), phrases)
			}
		})
	}
}

func TestSilentPublisherGivesWay(t *testing.T) {
	src := speaker(t, seconds(1), nil, true, true)
	synctest.Test(t, func(t *testing.T) {
		l := newRig(t).live(t)
		first := newCaller(src, l.Clock)
		first.hang = true
		l.speak(first)
		time.Sleep(seconds(2.5))
		if err := l.Publish(newCaller(src, l.Clock)); !errors.Is(err, spec.ErrBusy) {
			t.Errorf("1.5 s of silence: %v", err)
		}
		time.Sleep(seconds(1))
		if err := l.Publish(newCaller(src, l.Clock)); err != nil {
			t.Errorf("2.5 s of silence: %v", err)
		}
		time.Sleep(seconds(.5))
		if l.Phase() != "live" {
			t.Errorf("phase %s", l.Phase())
		}
	})
}

// TestPublisherWhoLeftGivesWayAtOnce: nobody waits for 2 s of silence of one who has said goodbye.
func TestPublisherWhoLeftGivesWayAtOnce(t *testing.T) {
	src := speaker(t, seconds(1), nil, true, true)
	synctest.Test(t, func(t *testing.T) {
		l := newRig(t).live(t)
		time.Sleep(seconds(1))
		for n := range 3 {
			c := newCaller(src, l.Clock)
			c.hang = true
			if err := l.Publish(c); err != nil {
				t.Errorf("publisher %d, right after the one before left: %v", n, err)
			}
			time.Sleep(seconds(.5))
			// What to do about it is the endpoint's to say.
			if err := l.Vacant(); !errors.Is(err, spec.ErrBusy) || !strings.HasSuffix(err.Error(), spec.ErrBusy.Error()) || l.Phase() != "live" {
				t.Errorf("publisher %d: %v, phase %s", n, err, l.Phase())
			}
			c.Close()
			if l.Phase() != "idle" {
				t.Errorf("publisher %d has left: phase %s", n, l.Phase())
			}
		}
	})
}

// TestSilentPublisherKeepsNoSession leaves a tab open that sends nothing.
func TestSilentPublisherKeepsNoSession(t *testing.T) {
	src := speaker(t, seconds(1), nil, true, true)
	synctest.Test(t, func(t *testing.T) {
		l := newRig(t).live(t)
		c := newCaller(src, l.Clock)
		c.hang = true
		l.speak(c)
		at := l.add("es", &memory{})
		time.Sleep(2 * time.Minute)
		if _, err := l.m.Get("a"); err != nil {
			t.Errorf("somebody watches: %v", err)
		}
		at.Close()
		time.Sleep(2 * time.Minute)
		if _, err := l.m.Get("a"); !errors.Is(err, spec.ErrNotFound) {
			t.Errorf("nobody speaks or watches: %v", err)
		}
	})
}

// slowMouths look at a frame for a while, whatever happens meanwhile.
type slowMouths struct {
	fake.Lips
	learning, closed bool
	misused          bool // closed under a look, or looked after
}

func (s *slowMouths) Open(ctx context.Context) (inference.LipsSession, error) { return s, ctx.Err() }

func (s *slowMouths) Learn(ctx context.Context, f *media.Frame, faces []inference.Face) (inference.Snapshot, error) {
	s.misused = s.misused || s.closed
	s.learning = true
	time.Sleep(30 * time.Millisecond)
	s.learning = false
	return s.Lips.Learn(ctx, f, faces)
}

func (s *slowMouths) Close() error {
	s.misused = s.misused || s.learning
	s.closed = true
	return nil
}

// TestMouthsOutliveTheirSource ends a session while a frame is looked at: by
// its deletion, and by a part that it cannot do without.
func TestMouthsOutliveTheirSource(t *testing.T) {
	src := speaker(t, seconds(9), said, true, true)
	for _, how := range []string{"deleted", "broken"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			mouths := &slowMouths{}
			r.engines.Faces, r.engines.Lips = fake.Faces{}, mouths
			l := r.live(t)
			l.attach("es")
			l.publish(src)
			time.Sleep(seconds(6.25)) // frames come every 40 ms
			if how == "deleted" {
				if err := l.m.Delete("a"); err != nil {
					t.Fatal(err)
				}
			}
			if how == "broken" {
				l.Break(errors.New("it broke"))
				time.Sleep(time.Second)
				synctest.Wait()
			}
			if !mouths.closed || mouths.misused {
				t.Errorf("%s: closed %v, misused %v", how, mouths.closed, mouths.misused)
			}
			if _, err := l.m.Get("a"); !errors.Is(err, spec.ErrNotFound) {
				t.Errorf("%s: %v", how, err)
			}
		})
	}
}

// TestPublisherComesBackSoon has a publisher return while the frames of
// before are still held: they are shown, and what is said next is heard at once
// and dubbed, however long the frames are held.
func TestPublisherComesBackSoon(t *testing.T) {
	src := speaker(t, seconds(9), said, true, true)
	for _, delay := range []time.Duration{spec.Sync.DefaultDelay(), 20 * time.Second} {
		synctest.Test(t, func(t *testing.T) { comeBackSoon(t, src, delay) })
	}
}

func comeBackSoon(t *testing.T, src *memory, delay time.Duration) {
	r := newRig(t)
	r.cfg.Delay = delay
	l := r.live(t)
	out := l.attach("es")
	first := l.publish(src)
	time.Sleep(seconds(9) + seconds(.1)) // it has left: its place is free
	second := l.publish(src)
	time.Sleep(seconds(9) + r.cfg.Delay + seconds(1))
	st := l.State().Dubs[0]
	var ids []int
	for _, rec := range st.Records {
		ids = append(ids, rec.Phrase.ID)
		if heard := rec.HeardAt - rec.Phrase.End; rec.Outcome != spec.Played || rec.Late > 300*time.Millisecond || heard > time.Second {
			t.Errorf("D %v: phrase %d: %s, %v late, heard %v after its end", delay, rec.Phrase.ID, rec.Outcome, rec.Late, heard)
		}
	}
	if !slices.Equal(ids, []int{1, 2, 3, 4, 5, 6}) {
		t.Errorf("phrases %v", ids)
	}
	if n := len(shownFrames(t, out)); n != 450 || st.Frames.Dropped != 0 {
		t.Errorf("%d frames, frames %+v", n, st.Frames)
	}
	pcm := sound(t, out)
	for _, c := range []*caller{first, second} {
		for i, b := range said {
			if lv := level(pcm, fake.Tone, c.start+b.from+r.cfg.Delay+seconds(.05)); lv < 3000 {
				t.Errorf("dub %d from %v on is at %.0f where it should begin", i, c.start, lv)
			}
		}
	}
}
