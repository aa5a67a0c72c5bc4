package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/media"
	"livedub/media/pace"
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

func (c *caller) Close() error {
	c.once.Do(func() { close(c.quit) })
	return nil
}

func newManager(r *rig) *Manager {
	base := r.cfg
	base.To, base.Picture.File = nil, false
	return NewManager(ManagerConfig{Engines: r.engines, Base: base, Max: 3, Idle: time.Minute})
}

func es(id string) Spec { return Spec{ID: id, From: "en", To: []inference.Lang{"es"}, Consent: true} }

// TestLiveSession follows a call: a publisher who goes and comes back, a viewer
// who stays, one who comes late, and the original beside the dub.
func TestLiveSession(t *testing.T) {
	src := speaker(t, seconds(9), said, true, true)
	frames := media.LiveFrames()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.engines.Faces, r.engines.Lips = fake.Faces{}, &fake.Lips{}
		m := newManager(r)
		defer m.Close()
		l, err := m.Create(es("call"))
		if err != nil {
			t.Fatal(err)
		}
		if l.Phase() != "new" {
			t.Errorf("phase %s", l.Phase())
		}
		dub, late, original := &memory{}, &memory{}, &memory{}
		if _, err := l.Attach("es", dub); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Attach("en", original); err != nil {
			t.Fatal(err)
		}
		time.Sleep(seconds(3.21)) // the call is opened some time before it begins
		for n := range 2 {
			c := newCaller(src, l.Clock)
			if err := l.Publish(c); err != nil {
				t.Fatal(err)
			}
			time.Sleep(seconds(5))
			if n == 0 {
				if err := l.Publish(newCaller(src, l.Clock)); !errors.Is(err, ErrBusy) {
					t.Errorf("a second publisher: %v", err)
				}
				if _, err := l.Attach("es", late); err != nil {
					t.Fatal(err)
				}
				if l.Phase() != "live" {
					t.Errorf("phase %s", l.Phase())
				}
			}
			time.Sleep(seconds(10))
			if l.Phase() != "idle" {
				t.Errorf("phase %s", l.Phase())
			}
			st := l.State().Dubs[0]
			if len(st.Records) != 3*(n+1) {
				t.Fatalf("%d phrases after %d publishers", len(st.Records), n+1)
			}
			for i, rec := range st.Records {
				if rec.Probe != nil {
					t.Errorf("phrase %d: %d samples are kept that nobody looks for", i, len(rec.Probe))
				}
				if rec.Phrase.ID != i+1 || rec.Fate != Played || rec.Late > 300*time.Millisecond {
					t.Errorf("phrase %d: ID %d, %s, %v late", i, rec.Phrase.ID, rec.Fate, rec.Late)
				}
			}
			pcm := sound(t, dub)
			for i, b := range said {
				at := c.start + b.from + r.cfg.Delay + seconds(.05)
				if lv := level(pcm, fake.Tone, at); lv < 3000 {
					t.Errorf("publisher %d: dub %d is at %.0f where it should begin", n, i, lv)
				}
				if lv := level(sound(t, original), voice, at+seconds(.2)); lv < 8000 {
					t.Errorf("publisher %d: the original is at %.0f in phrase %d", n, lv, i)
				}
			}
		}
		for name, m := range map[string]*memory{"dub": dub, "late": late, "original": original} {
			show := pictures(t, m)
			if want := map[string]int{"dub": 450, "late": 425, "original": 450}[name]; len(show) < want-5 || len(show) > want+5 {
				t.Errorf("%s: %d pictures, want about %d", name, len(show), want)
			}
			for i, p := range m.got() {
				if p.Kind == media.Video {
					if !p.Key {
						t.Errorf("%s: packet %d is the first picture and no keyframe", name, i)
					}
					break
				}
			}
		}
		if err := m.Delete("call"); err != nil {
			t.Fatal(err)
		}
		// What an ended session did stays counted.
		if got := metric(t, m, "livedub_phrases_total"); got != 6 {
			t.Errorf("livedub_phrases_total is %v", got)
		}
		for name, m := range map[string]*memory{"dub": dub, "late": late, "original": original} {
			if m.closes() != 1 {
				t.Errorf("%s: closed %d times", name, m.closes())
			}
		}
		if _, err := m.Get("call"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
	if n := media.LiveFrames(); n != frames {
		t.Errorf("%d pictures leaked", n-frames)
	}
}

// metric returns the sum of a counter over its labels.
func metric(t *testing.T, c prometheus.Collector, name string) float64 {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(c)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func TestSilentPublisherGivesWay(t *testing.T) {
	src := speaker(t, seconds(1), nil, true, true)
	synctest.Test(t, func(t *testing.T) {
		m := newManager(newRig(t))
		defer m.Close()
		l, err := m.Create(es(""))
		if err != nil {
			t.Fatal(err)
		}
		first := newCaller(src, l.Clock)
		first.hang = true
		if err := l.Publish(first); err != nil {
			t.Fatal(err)
		}
		time.Sleep(seconds(2.5))
		if err := l.Publish(newCaller(src, l.Clock)); !errors.Is(err, ErrBusy) {
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

// TestSilentPublisherKeepsNoSession leaves a tab open that sends nothing.
func TestSilentPublisherKeepsNoSession(t *testing.T) {
	src := speaker(t, seconds(1), nil, true, true)
	synctest.Test(t, func(t *testing.T) {
		m := newManager(newRig(t))
		defer m.Close()
		l, err := m.Create(es("a"))
		if err != nil {
			t.Fatal(err)
		}
		c := newCaller(src, l.Clock)
		c.hang = true
		if err := l.Publish(c); err != nil {
			t.Fatal(err)
		}
		at, err := l.Attach("es", &memory{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := m.Get("a"); err != nil {
			t.Errorf("somebody watches: %v", err)
		}
		at.Detach()
		time.Sleep(2 * time.Minute)
		if _, err := m.Get("a"); !errors.Is(err, ErrNotFound) {
			t.Errorf("nobody speaks or watches: %v", err)
		}
	})
}

func TestSinksComeAndGo(t *testing.T) {
	src := speaker(t, seconds(9), nil, true, true)
	synctest.Test(t, func(t *testing.T) {
		m := newManager(newRig(t))
		defer m.Close()
		l, err := m.Create(es("a"))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Publish(newCaller(src, l.Clock)); err != nil {
			t.Fatal(err)
		}
		stays, goes, fails, blind, gone := &memory{}, &memory{}, &memory{}, &memory{}, &memory{}
		gone.fail = func(p media.Packet) error {
			if p.PTS > seconds(5) {
				return media.ErrGone
			}
			return nil
		}
		fails.fail = func(p media.Packet) error {
			if p.PTS > seconds(6) {
				return errors.New("the network went away")
			}
			return nil
		}
		var at [5]*Attachment
		for i, sink := range []*memory{stays, goes, fails, blind, gone} {
			if at[i], err = l.Attach("es", sink); err != nil {
				t.Fatal(err)
			}
		}
		at[3].Room(minRoom / 2)
		time.Sleep(seconds(6))
		at[1].Detach()
		at[1].Detach()
		time.Sleep(seconds(2))
		at[0].Keyframe()
		at[3].Room(2 * minRoom)
		time.Sleep(seconds(2))
		if got := l.State().Dubs[0].Viewers; got != 2 {
			t.Errorf("%d viewers", got)
		}
		if goes.closes() != 1 || fails.closes() != 1 || gone.closes() != 1 || stays.closes() != 0 {
			t.Errorf("closed %d, %d, %d, %d times", goes.closes(), fails.closes(), gone.closes(), stays.closes())
		}
		if n := l.State().Failures["sink"]; n != 1 {
			t.Errorf("%d sinks failed, want one: the others left", n)
		}
		keys := 0
		for _, p := range stays.got() {
			if p.Kind == media.Video && p.Key {
				keys++
			}
		}
		if keys != 2 {
			t.Errorf("%d keyframes, want the first and the one asked for", keys)
		}
		saw := false
		for _, p := range blind.got() {
			if p.Kind == media.Video {
				if !saw && (!p.Key || p.PTS < seconds(7.9)) {
					t.Errorf("a viewer without room saw a picture at %v, key %v", p.PTS, p.Key)
				}
				saw = true
			}
		}
		if !saw {
			t.Error("a viewer with room again saw nothing")
		}
	})
}

// TestLeavingHoldsNobodyUp has sinks and a publisher whose end takes its time.
func TestLeavingHoldsNobodyUp(t *testing.T) {
	src := speaker(t, seconds(9), nil, true, true)
	synctest.Test(t, func(t *testing.T) {
		m := newManager(newRig(t))
		defer m.Close()
		l, err := m.Create(es("a"))
		if err != nil {
			t.Fatal(err)
		}
		first := &slowCaller{newCaller(src, l.Clock)}
		first.hang = true
		if err := l.Publish(first); err != nil {
			t.Fatal(err)
		}
		slow := func() { time.Sleep(time.Second) }
		stays, goes, fails := &memory{}, &memory{closing: slow}, &memory{closing: slow}
		fails.fail = func(p media.Packet) error {
			if p.PTS > seconds(7) {
				return errors.New("the network went away")
			}
			return nil
		}
		var at [3]*Attachment
		for i, sink := range []*memory{stays, goes, fails} {
			if at[i], err = l.Attach("es", sink); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(seconds(6))
		at[1].Detach()
		got := stays.got()
		if last := got[len(got)-1].PTS; l.Clock.Now()-last > seconds(.1) {
			t.Errorf("at %v the others have seen what was due at %v", l.Clock.Now(), last)
		}
		time.Sleep(seconds(4.5))
		if goes.closes() != 1 || fails.closes() != 1 || stays.closes() != 0 {
			t.Errorf("closed %d, %d, %d times", goes.closes(), fails.closes(), stays.closes())
		}
		done := make(chan error, 1)
		go func() { done <- l.Publish(newCaller(src, l.Clock)) }()
		time.Sleep(seconds(.5))
		if l.Phase() != "live" { // while the first is being closed
			t.Errorf("phase %s", l.Phase())
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// slowCaller takes a second to close.
type slowCaller struct{ *caller }

func (c *slowCaller) Close() error {
	time.Sleep(time.Second)
	return c.caller.Close()
}

// TestNewcomersHearNothingStale has everybody leave for a while.
func TestNewcomersHearNothingStale(t *testing.T) {
	src := speaker(t, seconds(20), nil, true, true)
	synctest.Test(t, func(t *testing.T) {
		m := newManager(newRig(t))
		defer m.Close()
		l, err := m.Create(es("a"))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Publish(newCaller(src, l.Clock)); err != nil {
			t.Fatal(err)
		}
		first, second := &memory{}, &memory{}
		at, err := l.Attach("es", first)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(seconds(8.013))
		at.Detach()
		time.Sleep(seconds(15))
		joined := l.Clock.Now()
		if _, err := l.Attach("es", second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(seconds(1))
		got := second.got()
		if len(got) == 0 {
			t.Fatal("the newcomer got nothing")
		}
		for _, p := range got {
			if p.PTS < joined-seconds(.05) {
				t.Errorf("%s of %v for a viewer who came at %v", p.Kind, p.PTS, joined)
			}
		}
	})
}

// TestManyAskForKeyframes has so many viewers lose packets that one of them asks at every picture.
func TestManyAskForKeyframes(t *testing.T) {
	src := speaker(t, seconds(9), nil, false, true)
	synctest.Test(t, func(t *testing.T) {
		m := newManager(newRig(t))
		defer m.Close()
		l, err := m.Create(es("a"))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Publish(newCaller(src, l.Clock)); err != nil {
			t.Fatal(err)
		}
		var sinks [15]memory
		var at [len(sinks)]*Attachment
		for i := range sinks {
			if at[i], err = l.Attach("es", &sinks[i]); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(seconds(5.02))
		for n := range 125 {
			at[n%len(at)].Keyframe()
			time.Sleep(time.Second / testFPS)
		}
		time.Sleep(seconds(.6))
		keys, last := 0, time.Duration(0)
		for _, p := range sinks[0].got() {
			if p.Kind != media.Video || !p.Key {
				continue
			}
			keys++
			if keys > 1 && p.PTS-last < keyApart {
				t.Errorf("keyframes at %v and %v", last, p.PTS)
			}
			last = p.PTS
		}
		if keys < 10 || keys > 12 { // the first, and those of 5 s
			t.Errorf("%d keyframes", keys)
		}
		for i := range at {
			if at[i].key.Load() {
				t.Errorf("viewer %d asked in vain", i)
			}
		}
	})
}

// TestEachCodecIsEncodedOnce has viewers of both codecs see the same pictures.
func TestEachCodecIsEncodedOnce(t *testing.T) {
	src := speaker(t, seconds(3), nil, true, true)
	synctest.Test(t, func(t *testing.T) {
		m := newManager(newRig(t))
		defer m.Close()
		l, err := m.Create(es("a"))
		if err != nil {
			t.Fatal(err)
		}
		sinks := []*memory{{}, {video: media.VP8}, {}, {video: media.VP8}}
		for _, sink := range sinks {
			if _, err := l.Attach("es", sink); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Publish(newCaller(src, l.Clock)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(seconds(9))
		for i, sink := range sinks {
			if got := track(sink.tracks, media.Video).Codec; got != sink.codec() {
				t.Errorf("sink %d got %s", i, got)
			}
			show := pictures(t, sink)
			if len(show) != 75 {
				t.Fatalf("sink %d: %d pictures", i, len(show))
			}
			for n, p := range show {
				if p.number != n%16 {
					t.Errorf("sink %d: picture %d shows %d", i, n, p.number)
				}
			}
		}
		a, b := sinks[0].got(), sinks[2].got()
		for i := range a {
			if a[i].Kind == media.Video && b[i].Kind == media.Video && &a[i].Data[0] != &b[i].Data[0] {
				t.Fatal("two viewers of one codec got two encodings")
			}
		}
	})
}

func TestManagerRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(newRig(t))
		defer m.Close()
		for i := range 3 {
			if _, err := m.Create(es(fmt.Sprint("s", i))); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := m.Create(es("more")); !errors.Is(err, ErrFull) {
			t.Errorf("a fourth of three: %v", err)
		}
		if err := m.Delete("s1"); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Create(es("s0")); !errors.Is(err, ErrExists) {
			t.Errorf("a name twice: %v", err)
		}
		long := time.Hour
		for _, c := range []struct {
			spec Spec
			kind error
		}{
			{es("../etc"), ErrInvalid},
			{Spec{ID: "x", From: "en", To: []inference.Lang{"en"}}, ErrInvalid},
			{Spec{ID: "x", From: "en", To: []inference.Lang{"es"}, Delay: &long}, ErrInvalid},
			{Spec{ID: "x", From: "en", To: []inference.Lang{"es"}, Profile: "fast"}, ErrInvalid},
			{Spec{ID: "x", From: "en", To: []inference.Lang{"xx"}}, inference.ErrUnsupported},
		} {
			if _, err := m.Create(c.spec); !errors.Is(err, c.kind) {
				t.Errorf("%+v: %v", c.spec, err)
			}
		}
		gone, err := m.Get("s2")
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Delete("s2"); err != nil {
			t.Fatal(err)
		}
		if _, err := gone.Attach("es", &memory{}); !errors.Is(err, ErrNotFound) {
			t.Errorf("a viewer of a session that has ended: %v", err)
		}
		if err := gone.Publish(newCaller(&memory{}, gone.Clock)); !errors.Is(err, ErrNotFound) {
			t.Errorf("a publisher of a session that has ended: %v", err)
		}
		if _, err := m.Get("none"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "s0") {
			t.Error(err)
		}
		time.Sleep(2 * time.Minute)
		if n := len(m.List()); n != 0 {
			t.Errorf("%d sessions that nobody uses are left", n)
		}
		m.Close()
		if _, err := m.Create(es("y")); !errors.Is(err, ErrFull) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// slowMouths look at a picture for a while, whatever happens meanwhile.
type slowMouths struct {
	fake.Lips
	learning, closed bool
	misused          bool // closed under a look, or looked after
}

func (s *slowMouths) Open(ctx context.Context) (inference.Mouths, error) { return s, ctx.Err() }

func (s *slowMouths) Learn(ctx context.Context, f *media.Frame, faces []inference.Face) (inference.Known, error) {
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

// TestMouthsOutliveTheirSource ends a session while a picture is looked at: by
// its deletion, and by a dub that breaks.
func TestMouthsOutliveTheirSource(t *testing.T) {
	src := speaker(t, seconds(9), said, true, true)
	for _, how := range []string{"deleted", "broken"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			mouths := &slowMouths{}
			r.engines.Faces, r.engines.Lips = fake.Faces{}, mouths
			m := newManager(r)
			defer m.Close()
			l, err := m.Create(es("a"))
			if err != nil {
				t.Fatal(err)
			}
			out := &memory{}
			if how == "broken" {
				out.fail = func(p media.Packet) error {
					if p.PTS > seconds(6) {
						panic("the sink broke")
					}
					return nil
				}
			}
			if _, err := l.Attach("es", out); err != nil {
				t.Fatal(err)
			}
			if err := l.Publish(newCaller(src, l.Clock)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(seconds(6.25)) // pictures come every 40 ms
			if how == "deleted" {
				if err := m.Delete("a"); err != nil {
					t.Fatal(err)
				}
			}
			<-l.done
			if !mouths.closed || mouths.misused {
				t.Errorf("%s: closed %v, misused %v", how, mouths.closed, mouths.misused)
			}
			if _, err := m.Get("a"); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v", how, err)
			}
		})
	}
}

// TestPublisherComesBackSoon has a publisher return while the pictures of
// before are still held: they are shown, and what is said next is dubbed.
func TestPublisherComesBackSoon(t *testing.T) {
	src := speaker(t, seconds(9), said, true, true)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		m := newManager(r)
		defer m.Close()
		l, err := m.Create(es("a"))
		if err != nil {
			t.Fatal(err)
		}
		out := &memory{}
		if _, err := l.Attach("es", out); err != nil {
			t.Fatal(err)
		}
		first := newCaller(src, l.Clock)
		if err := l.Publish(first); err != nil {
			t.Fatal(err)
		}
		time.Sleep(seconds(9) + silence)
		second := newCaller(src, l.Clock)
		if err := l.Publish(second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(seconds(9) + r.cfg.Delay + seconds(1))
		st := l.State().Dubs[0]
		var ids []int
		for _, rec := range st.Records {
			ids = append(ids, rec.Phrase.ID)
			if rec.Fate != Played || rec.Late > 300*time.Millisecond {
				t.Errorf("phrase %d: %s, %v late", rec.Phrase.ID, rec.Fate, rec.Late)
			}
		}
		if !slices.Equal(ids, []int{1, 2, 3, 4, 5, 6}) {
			t.Errorf("phrases %v", ids)
		}
		if n := len(pictures(t, out)); n != 450 || st.Frames.Dropped != 0 {
			t.Errorf("%d pictures, frames %+v", n, st.Frames)
		}
		pcm := sound(t, out)
		for _, c := range []*caller{first, second} {
			for i, b := range said {
				if lv := level(pcm, fake.Tone, c.start+b.from+r.cfg.Delay+seconds(.05)); lv < 3000 {
					t.Errorf("dub %d from %v on is at %.0f where it should begin", i, c.start, lv)
				}
			}
		}
	})
}
