package push

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/media"
	"livedub/session/spec"
)

// far is a far end that keeps what it gets.
type far struct {
	mu    sync.Mutex
	conns []*fakeStream
	fails []error       // of the next connections
	slow  time.Duration // of a write
}

type fakeStream struct {
	far    *far
	tracks []Track
	got    []media.Packet
	done   chan struct{}
}

func (f *far) connect(context.Context, Address) (Stream, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.fails) > 0 {
		err := f.fails[0]
		f.fails = f.fails[1:]
		return nil, err
	}
	s := &fakeStream{far: f, done: make(chan struct{})}
	f.conns = append(f.conns, s)
	return s, nil
}

func (s *fakeStream) Start(tracks []Track) error { s.tracks = tracks; return nil }
func (s *fakeStream) Write(_ int, p media.Packet) error {
	time.Sleep(s.far.slow)
	s.far.mu.Lock()
	defer s.far.mu.Unlock()
	s.got = append(s.got, p)
	return nil
}
func (s *fakeStream) Sent() uint64          { return 1 }
func (s *fakeStream) Done() <-chan struct{} { return s.done }
func (s *fakeStream) Err() error            { return media.ErrGone }
func (s *fakeStream) Close() error          { return nil }

// frames returns the packets of the picture that connection i got.
func (f *far) frames(i int) (out []media.Packet) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.conns[i].got {
		if p.Kind == media.Video {
			out = append(out, p)
		}
	}
	return out
}

// call is a call of one language with 25 frames a second, a keyframe at every 2 s.
type call struct {
	mu    sync.Mutex
	sinks []media.Sink
	told  []State
	kept  []spec.Output
	gone  bool // it goes on at another node
}

func (c *call) source() source {
	return source{
		id: "talk", has: func(l string) bool { return l == "es" }, away: func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.gone
		},
		attach: func(_ string, s media.Sink) (func(), error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			_ = s.Start([]media.Track{{Kind: media.Video, Codec: media.H264}, {Kind: media.Audio, Codec: media.AAC}})
			c.sinks = append(c.sinks, s)
			return func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.sinks = nil
			}, nil
		},
		tell: func(_ string, s State) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.told = append(c.told, s)
		},
	}
}

func (c *call) run(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		at := time.Hour + time.Duration(n)*40*time.Millisecond
		c.mu.Lock()
		for _, s := range c.sinks {
			_ = s.Write(media.Packet{Kind: media.Audio, PTS: at, DTS: at, Key: true, Data: []byte{1}})
			_ = s.Write(media.Packet{Kind: media.Video, PTS: at, DTS: at, Key: n%50 == 0, Data: []byte{1}})
		}
		c.mu.Unlock()
		time.Sleep(40 * time.Millisecond)
	}
}

const address = "rtmp://live.example/app/sesame-street"

// scene runs a call with one output, in a test's own time. Neither its log nor what is kept
// for people tells the output's key.
func scene(t *testing.T, f *far, play func(p *Pusher, id string)) *call {
	t.Helper()
	c := &call{}
	synctest.Test(t, func(t *testing.T) {
		log := &bytes.Buffer{}
		p := New(Config{Connect: f.connect, Log: slog.New(slog.NewTextHandler(log, nil))})
		end := p.begin(c.source(), nil, func(all []spec.Output) { c.kept = all })
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { c.run(ctx) })
		s, err := p.Add(context.Background(), "talk", address, []string{"es"})
		if err != nil {
			t.Fatal(err)
		}
		play(p, s.ID)
		end()
		cancel()
		wg.Wait()
		if said := log.String(); strings.Contains(said, "sesame") || !strings.Contains(said, "an output was added") || !strings.Contains(said, "rtmp://live.example:1935/app/…") {
			t.Errorf("the log:\n%s", said)
		}
	})
	return c
}

func one(t *testing.T, p *Pusher) Status {
	t.Helper()
	all, err := p.List("talk")
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	return all[0]
}

// TestReconnect: a stream begins at a keyframe and 0, and goes on in time after the far
// end hung up.
func TestReconnect(t *testing.T) {
	f := &far{}
	scene(t, f, func(p *Pusher, _ string) {
		time.Sleep(9 * time.Second)
		if s := one(t, p); s.State != Live || s.LastError != "" {
			t.Errorf("%+v", s)
		}
		close(f.conns[0].done)
		time.Sleep(9 * time.Second)
		if s := one(t, p); s.State != Live || s.Retries != 1 || s.LastError != "the far end hung up" || s.Dropped != 0 {
			t.Errorf("%+v", s)
		}
	})
	a, b := f.frames(0), f.frames(1)
	gap := b[0].PTS - a[len(a)-1].PTS
	if !a[0].Key || a[0].PTS != 0 || !b[0].Key || gap <= 0 || gap > 4*time.Second {
		t.Errorf("%+v, %+v, a gap of %v", a[0], b[0], gap)
	}
}

type refused struct{}

func (refused) Error() string { return "BadName: sesame-street is not known" }
func (refused) Refused()      {}

// TestRefused: a refusal is retried more rarely than a failure, and tells no key.
func TestRefused(t *testing.T) {
	f := &far{fails: []error{errors.New("no route"), refused{}, refused{}}}
	c := scene(t, f, func(p *Pusher, _ string) {
		time.Sleep(500 * time.Millisecond)
		if s := one(t, p); s.State != Waiting || s.LastError != "no route" {
			t.Errorf("%+v", s)
		}
		time.Sleep(2 * time.Second)
		s := one(t, p)
		if s.State != Refused || strings.Contains(s.LastError, "sesame") || strings.Contains(s.URL, "sesame") {
			t.Errorf("%+v", s)
		}
		time.Sleep(time.Minute)
		if s := one(t, p); s.State != Live || s.Retries != 3 {
			t.Errorf("%+v", s)
		}
	})
	if c.told[len(c.told)-1] != Live {
		t.Errorf("told %v", c.told)
	}
}

// TestSlow: a far end that is too slow loses frames up to keyframes, and the call never waits.
func TestSlow(t *testing.T) {
	f := &far{slow: 100 * time.Millisecond}
	scene(t, f, func(p *Pusher, _ string) {
		time.Sleep(30 * time.Second)
		if s := one(t, p); s.State != Live || s.Dropped < 100 {
			t.Errorf("%+v", s)
		}
	})
	last := time.Duration(-1)
	for _, x := range f.frames(0) {
		if last >= 0 && x.PTS-last != 40*time.Millisecond && !x.Key {
			t.Fatalf("a frame at %v after one at %v is no keyframe", x.PTS, last)
		}
		last = x.PTS
	}
}

func TestLimits(t *testing.T) {
	scene(t, &far{}, func(p *Pusher, id string) {
		for _, c := range []struct {
			url   string
			langs []string
		}{
			{address, nil}, {address, []string{"es", "es"}}, {address, []string{"xx"}}, {"http://live.example/sesame", []string{"es"}},
			{"srt://live.example:1?passphrase=sesame", []string{"es"}}, {"srt://live.example:1?mode=listener", []string{"es"}}, {"srt://live.example", []string{"es"}},
		} {
			if _, err := p.Add(context.Background(), "talk", c.url, c.langs); !errors.Is(err, ErrInvalid) || strings.Contains(err.Error(), "sesame") {
				t.Errorf("%+v: %v", c, err)
			}
		}
		for range Most - 1 {
			if _, err := p.Add(context.Background(), "talk", address, []string{"es"}); err != nil {
				t.Error(err)
			}
		}
		if _, err := p.Add(context.Background(), "talk", address, []string{"es"}); !errors.Is(err, ErrFull) {
			t.Error(err)
		}
		if err := p.Remove("talk", id); err != nil {
			t.Error(err)
		}
		if err := p.Remove("talk", id); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestHide(t *testing.T) {
	a, err := ParseAddress("srt://live.example:8890?streamid=publish%3Asesame-street&passphrase=correct-horse")
	if err != nil || a.String() != "srt://live.example:8890?streamid=…" {
		t.Error(a, err)
	}
	for text, shown := range map[string]bool{"no such name": true, "SESAME-STREET?": false, "horse? correct": false, "publish%3Asesame": false} {
		if (a.hide(text) == text) != shown {
			t.Errorf("%q: %q", text, a.hide(text))
		}
	}
}

// TestMoves: a call that moves takes its outputs along: the node that it leaves lets go of
// the far end, and the one that opens it connects without being told.
func TestMoves(t *testing.T) {
	here, there := &far{}, &far{}
	var kept []spec.Output
	c := scene(t, here, func(p *Pusher, _ string) {
		time.Sleep(9 * time.Second)
		if s := one(t, p); s.State != Live {
			t.Errorf("%+v", s)
		}
	})
	kept = c.kept
	if len(kept) != 1 || kept[0].URL != address {
		t.Fatalf("kept %+v", kept)
	}
	synctest.Test(t, func(t *testing.T) {
		next := &call{}
		p := New(Config{Connect: there.connect})
		end := p.begin(next.source(), kept, func([]spec.Output) {})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { next.run(ctx) })
		time.Sleep(9 * time.Second)
		if s := one(t, p); s.State != Live || s.ID != kept[0].ID {
			t.Errorf("%+v", s)
		}
		next.mu.Lock()
		next.gone = true
		next.mu.Unlock()
		time.Sleep(3 * time.Second)
		if s := one(t, p); s.State != Waiting || s.LastError != "" {
			t.Errorf("when it has moved: %+v", s)
		}
		next.mu.Lock()
		if len(next.sinks) > 0 {
			t.Error("the call that has moved is still encoded for it")
		}
		next.mu.Unlock()
		end()
		cancel()
		wg.Wait()
	})
}

// TestJustCreated: an output can be added to a session that is about to be known, and not
// to one that never is.
func TestJustCreated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := New(Config{Connect: (&far{}).connect}), &call{}
		for id, want := range map[string]error{"nobody": ErrNotFound, "talk": nil} {
			ends := make(chan func(), 1)
			time.AfterFunc(time.Second, func() { ends <- p.begin(c.source(), nil, func([]spec.Output) {}) })
			if _, err := p.Add(t.Context(), id, address, []string{"es"}); !errors.Is(err, want) {
				t.Errorf("%s: %v", id, err)
			}
			(<-ends)()
		}
	})
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{address, "rtmps://[::1]/a/b/c?d=e", "srt://live.example:1?streamid=%23!::r=a&passphrase=correct-horse&latency=9", "srt://:1", "rtmp://a/%2f", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		if a.Host() == "" || (a.RTMP() == nil) == (a.SRT() == nil) {
			t.Fatalf("%q: %+v", s, a)
		}
		for _, secret := range a.secrets {
			if len(secret) >= telling && strings.Contains(a.hide("no stream of "+secret), secret) {
				t.Errorf("%q is told", secret)
			}
		}
	})
}
