package fanout

import (
	"log/slog"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/media"
	"livedub/media/codec"
	"livedub/media/pace"
	"livedub/session/spec"
	"livedub/session/work"
)

// tape is a sink that keeps all it gets.
type tape struct {
	audio media.Codec

	mu      sync.Mutex
	tracks  []media.Track
	packets []media.Packet
	closed  int
}

func (s *tape) Codecs() (video, audio media.Codec) { return media.H264, s.audio }

func (s *tape) Start(tracks []media.Track) error { return s.add(tracks...) }
func (s *tape) AddTrack(t media.Track) error     { return s.add(t) }

func (s *tape) add(t ...media.Track) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tracks = append(s.tracks, t...)
	return nil
}

func (s *tape) Write(p media.Packet) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packets = append(s.packets, p)
	return nil
}

func (s *tape) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

// count returns how many packets there are.
func (s *tape) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.packets)
}

// of returns the packets of a kind.
func (s *tape) of(k media.Kind) []media.Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.packets), func(p media.Packet) bool { return p.Kind != k })
}

// stage is a live fanout in a test's own time.
type stage struct {
	*Fanout
	t    *testing.T
	at   time.Duration // output time of what comes next
	loud bool
	w, h int
}

func newStage(t *testing.T) *stage {
	t.Helper()
	fo := New(Env{Shared: work.NewShared(pace.NewWall(), slog.New(slog.DiscardHandler), nil), Video: spec.VideoConfig{Hardware: "off"}})
	return &stage{Fanout: fo, t: t, loud: true, w: 160, h: 96}
}

// finish closes the fanout and waits for all that it has started.
func (s *stage) finish() {
	s.t.Helper()
	if err := s.Close(); err != nil {
		s.t.Error(err)
	}
	if n := s.env.Loose.Wait(func() {}); n > 0 {
		s.t.Errorf("%d goroutines are left", n)
	}
	if n := media.LiveFrames(); n != 0 {
		s.t.Errorf("%d frames were not released", n)
	}
}

func (s *stage) tape(options ...Option) *tape {
	s.t.Helper()
	out := &tape{audio: media.AAC}
	if _, err := s.Subscribe(out, append(options, Program())); err != nil {
		s.t.Fatal(err)
	}
	return out
}

// pass has d of a call pass: a block of sound each 20 ms and, where fps is not 0, frames.
func (s *stage) pass(d time.Duration, fps float64, sound bool) {
	s.t.Helper()
	next := s.at
	for end := s.at + d; s.at < end; s.at += 20 * time.Millisecond {
		for fps > 0 && next < s.at+20*time.Millisecond {
			s.show(next, fps)
			next += time.Duration(float64(time.Second) / fps)
		}
		time.Sleep(20 * time.Millisecond)
		if sound {
			if err := s.Sound(s.block()); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	time.Sleep(time.Millisecond)
}

func (s *stage) show(at time.Duration, fps float64) {
	s.t.Helper()
	f := media.NewFrame(s.w, s.h)
	defer f.Release()
	for i := range f.Y {
		f.Y[i] = byte(60 + i%s.w + int(at/time.Millisecond)%100)
	}
	if _, err := s.Frame(f, at, fps); err != nil {
		s.t.Fatal(err)
	}
}

// block is 20 ms of a tone, or of silence.
func (s *stage) block() media.Samples {
	pcm := make([]int16, 960)
	for i := range pcm {
		if n := media.TimeToSamples(s.at, 48000) + i; s.loud {
			pcm[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(n)/48000))
		}
	}
	return media.Samples{PTS: s.at, Rate: 48000, Channels: 1, Data: pcm}
}

// onItsGrid checks what holds for every program.
func onItsGrid(t *testing.T, out *tape, fps int) {
	t.Helper()
	for _, p := range out.of(media.Video) {
		k := int(math.Round(p.PTS.Seconds() * float64(fps)))
		if want := time.Duration(k) * time.Second / time.Duration(fps); p.PTS != want {
			t.Errorf("a frame at %v is not on the grid of %d a second", p.PTS, fps)
		}
		if p.PTS%ProgramKey == 0 && !p.Key {
			t.Errorf("no keyframe at %v", p.PTS)
		}
		if p.PTS%ProgramKey != 0 && p.Key && !p.Gap {
			t.Errorf("a keyframe at %v", p.PTS)
		}
	}
	for _, p := range out.of(media.Audio) {
		if n := media.TimeToSamples(p.PTS, 48000); n%1024 != 0 || (media.SamplesToTime(n, 48000)-p.PTS).Abs() > 1 {
			t.Errorf("sound at %v is not on the grid", p.PTS)
		}
	}
}

// keysAt returns the times of the keyframes.
func keysAt(out *tape) (at []time.Duration) {
	for _, p := range out.of(media.Video) {
		if p.Key {
			at = append(at, p.PTS)
		}
	}
	return at
}

// TestProgram: fixed rates and keyframes whatever the camera's rate, while viewers have theirs.
func TestProgram(t *testing.T) {
	for _, c := range []struct {
		camera, told float64
		fps          int
		frames       float64 // a second
	}{{25, 0, 25, 25}, {30, 0, 30, 30}, {30, 30, 30, 30}, {15, 0, 30, 15}, {60, 0, 30, 30}, {24, 0, 25, 24}, {12.5, 12.5, 30, 12.5}, {29.97, 29.97, 30, 29.97}} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			s.at = 5300 * time.Millisecond
			out := s.tape()
			view := &tape{audio: media.Opus}
			if _, err := s.Subscribe(view, nil); err != nil {
				t.Fatal(err)
			}
			s.pass(8*time.Second, c.camera, true)
			if err := s.FlushSound(); err != nil {
				t.Error(err)
			}
			s.finish()
			onItsGrid(t, out, c.fps)
			if keys := keysAt(out); len(keys) != 5 || keys[1] != 6*time.Second || keys[4] != 12*time.Second {
				t.Errorf("%g a second: keyframes at %v", c.camera, keys)
			}
			if n, want := len(out.of(media.Video)), c.frames*8; float64(n) < want-8 || float64(n) > want+1+4 { // keyframes of the frame before, where no frame has their places
				t.Errorf("%g a second: %d frames in 8 s, want %g", c.camera, n, want)
			}
			if keys := keysAt(view); len(keys) != 1 {
				t.Errorf("the viewer has keyframes at %v", keys)
			}
			end := out.of(media.Audio)
			if last := end[len(end)-1]; last.PTS+last.Duration < s.at || out.closed != 1 {
				t.Errorf("the sound ends at %v of %v; closed %d times", last.PTS+last.Duration, s.at, out.closed)
			}
		})
	}
}

// TestProgramPauses: where nobody is, nothing is made; and where somebody is not
// seen, the last frame stands.
func TestProgramPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		out := s.tape(Recording())
		s.loud = false
		s.pass(3*time.Second, 0, true) // nobody has come
		if n := out.count(); n > 0 {
			t.Errorf("%d packets of nothing", n)
		}
		s.pass(3*time.Second, 25, true)
		s.loud = true
		s.pass(7100*time.Millisecond, 0, true) // heard, not seen, up to 13.1
		if keys := keysAt(out); !slices.Equal(keys, []time.Duration{3 * time.Second, 4 * time.Second, 6 * time.Second, 8 * time.Second, 10 * time.Second, 12 * time.Second}) {
			t.Errorf("keyframes at %v", keys)
		}
		s.loud = false
		s.pass(20*time.Second, 0, true) // gone, up to 33.1
		paused := out.count()
		s.pass(5*time.Second, 0, true)
		if n := out.count(); n != paused {
			t.Errorf("%d packets of nothing", n-paused)
		}
		back := s.at // 38.1
		s.w, s.h = 96, 160
		s.pass(2*time.Second, 25, true)
		s.finish()
		onItsGrid(t, out, 25)
		keys := keysAt(out)
		if last := keys[len(keys)-2:]; last[0] != 38120*time.Millisecond || last[1] != 40*time.Second {
			t.Errorf("keyframes at %v", keys)
		}
		for _, k := range []media.Kind{media.Audio, media.Video} {
			var gaps []time.Duration
			for i, p := range out.of(k) {
				if p.Gap && i > 0 {
					gaps = append(gaps, p.PTS)
				}
			}
			if len(gaps) != 1 || (gaps[0]-back).Abs() > 45*time.Millisecond {
				t.Errorf("%v: gaps at %v, want one at %v", k, gaps, back)
			}
		}
		if tr := media.FindTrack(out.tracks, media.Video); tr.Width != 160 || tr.Height != 96 || len(tr.Extradata) == 0 {
			t.Errorf("track %+v", tr)
		}
		sizes(t, out, 160, 96)
	})
}

// sizes checks that all frames have one size.
func sizes(t *testing.T, out *tape, w, h int) {
	t.Helper()
	d, err := codec.NewVideoDecoder(media.Track{Codec: media.H264})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	n := 0
	for _, p := range out.of(media.Video) {
		frames, err := d.Decode(p)
		if err != nil {
			t.Error(err)
		}
		for _, f := range frames {
			n++
			if f.Width != w || f.Height != h {
				t.Errorf("a frame of %dx%d at %v", f.Width, f.Height, f.PTS)
			}
			f.Release()
		}
	}
	if n == 0 {
		t.Error("no frames")
	}
}

// TestProgramIsOne: all that keep share one encode, of whatever begins when; without
// them there is none.
func TestProgramIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		a := s.tape()
		s.pass(time.Second, 25, true)
		b := s.tape(Recording())
		if n := s.Viewers(); n != 1 {
			t.Errorf("%d viewers", n)
		}
		s.pass(4*time.Second, 25, true)
		for _, k := range []media.Kind{media.Audio, media.Video} {
			for _, p := range b.of(k) {
				if !slices.ContainsFunc(a.of(k), func(q media.Packet) bool { return q.PTS == p.PTS && &q.Data[0] == &p.Data[0] }) {
					t.Errorf("%v at %v was made twice", k, p.PTS)
				}
			}
		}
		if p := b.of(media.Video)[0]; !p.Key || p.PTS != 2*time.Second {
			t.Errorf("the second begins at %v", p.PTS)
		}
		if len(s.videos) != 0 || s.audio != nil {
			t.Error("the live encode runs")
		}
		for _, sub := range slices.Clone(s.receivers.(*liveReceivers).subscriptions) {
			sub.Close()
		}
		if s.Watched() {
			t.Error("somebody looks")
		}
		s.DropSound()
		synctest.Wait()
		if s.program != nil || media.LiveFrames() != 0 {
			t.Errorf("the program runs, with %d frames", media.LiveFrames())
		}
		c := s.tape()
		s.pass(time.Second, 25, true)
		s.finish()
		if p := c.of(media.Video); len(p) < 24 || !p[0].Key {
			t.Errorf("%d frames", len(p))
		}
	})
}

// TestProgramWithoutFrames: where no sink takes frames, none are encoded; one that comes
// later has them, on the same grid.
func TestProgramWithoutFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		sound := &hearer{tape{audio: media.AAC}}
		if _, err := s.Subscribe(sound, []Option{Program()}); err != nil {
			t.Fatal(err)
		}
		s.pass(3100*time.Millisecond, 25, true)
		if n := s.program.stage.Read().Dropped; s.program.picture.held != nil || n > 0 || len(sound.of(media.Video)) > 0 || len(sound.of(media.Audio)) < 100 {
			t.Errorf("frames are encoded, and nobody takes them; %d dropped, %d packets of sound", n, len(sound.of(media.Audio)))
		}
		film := s.tape()
		s.pass(5*time.Second, 25, true)
		s.finish()
		onItsGrid(t, film, 25)
		if keys := keysAt(film); len(keys) != 4 || keys[1] != 4*time.Second || keys[0] > 3300*time.Millisecond {
			t.Errorf("keyframes at %v", keys)
		}
	})
}

// hearer takes sound alone.
type hearer struct{ tape }

func (h *hearer) Codecs() (video, audio media.Codec) { return "", media.AAC }

// TestProgramRefuses: no file has one, and no sink of other codecs.
func TestProgramRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		if _, err := s.Subscribe(&tape{audio: media.Opus}, []Option{Program()}); err == nil {
			t.Error("a program of opus")
		}
		if _, err := s.Subscribe(&tape{audio: media.AAC}, nil); err == nil {
			t.Error("a live encode of aac")
		}
		s.finish()
		file := New(Env{Shared: work.NewShared(pace.NewVirtual(), slog.New(slog.DiscardHandler), nil), Video: spec.VideoConfig{File: true}})
		if _, err := file.Subscribe(&tape{audio: media.AAC}, []Option{Program()}); err == nil {
			t.Error("a program of a file")
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	})
}
