package ingest

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"livedub/media"
)

const ms = time.Millisecond

// feed is a source in memory: packets come when they are sent.
type feed struct {
	codec  media.Codec
	ch     chan media.Packet
	closed int
}

func newFeed(codec media.Codec) *feed { return &feed{codec: codec, ch: make(chan media.Packet, 1000)} }

func (f *feed) Tracks() []media.Track {
	return []media.Track{{Kind: media.Video, Codec: f.codec}, {Kind: media.Audio, Codec: media.Opus}}
}

func (f *feed) Read(ctx context.Context) (media.Packet, error) {
	select {
	case p, ok := <-f.ch:
		if !ok {
			return p, io.EOF
		}
		return p, nil
	case <-ctx.Done():
		return media.Packet{}, ctx.Err()
	}
}

func (f *feed) Close() error { f.closed++; return nil }

func frame(at time.Duration, key bool, by byte) media.Packet {
	return media.Packet{Kind: media.Video, PTS: at, Key: key, Data: []byte{by}}
}

func sound(at time.Duration, by byte) media.Packet {
	return media.Packet{Kind: media.Audio, PTS: at, Key: true, Data: []byte{by}}
}

// read returns the next packets of a source, until none comes for a second.
func read(t *testing.T, s media.Source) (out []media.Packet, err error) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		p, err := s.Read(ctx)
		cancel()
		if err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				err = nil
			}
			return out, err
		}
		out = append(out, p)
	}
}

func times(ps []media.Packet, k media.Kind, by byte) (out []time.Duration) {
	for _, p := range ps {
		if p.Kind == k && p.Data[0] == by {
			out = append(out, p.PTS)
		}
	}
	return out
}

// TestSpliceGoesOn: the next source goes on from its keyframe, and nothing of before is lost or comes twice.
func TestSpliceGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newFeed(media.H264), newFeed(media.H264)
		s := NewSplice(a)
		s.Expect()
		for i := range time.Duration(3) {
			a.ch <- frame(i*33*ms, i == 0, 1)
			a.ch <- sound(i*20*ms, 1)
		}
		if got, err := read(t, s); len(got) != 6 || err != nil {
			t.Fatalf("%d packets, %v", len(got), err)
		}
		// The next has a keyframe at 150 ms; the first goes on to 200 ms, and comes late.
		lead := []media.Packet{sound(130*ms, 2), frame(150*ms, true, 2)}
		if !s.Join(b, lead) {
			t.Fatal("refused")
		}
		if s.Join(newFeed(media.H264), lead) {
			t.Error("a second one joins")
		}
		go func() {
			time.Sleep(100 * ms)
			for at := 60 * ms; at <= 200*ms; at += 20 * ms {
				a.ch <- sound(at, 1)
			}
			for at := 99 * ms; at <= 200*ms; at += 33 * ms {
				a.ch <- frame(at, false, 1)
			}
		}()
		for at := 150 * ms; at <= 250*ms; at += 20 * ms {
			b.ch <- sound(at, 2)
		}
		b.ch <- frame(183*ms, false, 2)
		close(b.ch)
		got, err := read(t, s)
		if !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		for _, c := range []struct {
			k    media.Kind
			by   byte
			want []time.Duration
		}{
			{media.Video, 1, []time.Duration{99 * ms, 132 * ms}},
			{media.Audio, 1, []time.Duration{60 * ms, 80 * ms, 100 * ms, 120 * ms, 140 * ms}},
			{media.Video, 2, []time.Duration{150 * ms, 183 * ms}},
			{media.Audio, 2, []time.Duration{150 * ms, 170 * ms, 190 * ms, 210 * ms, 230 * ms, 250 * ms}},
		} {
			if times := times(got, c.k, c.by); !slices.Equal(times, c.want) {
				t.Errorf("%v of %d: %v, want %v", c.k, c.by, times, c.want)
			}
		}
		select {
		case <-s.Left():
		default:
			t.Error("the first is not left")
		}
		if s.Close(); a.closed != 1 || b.closed != 1 {
			t.Errorf("closed %d and %d times", a.closed, b.closed)
		}
	})
}

// TestSpliceAhead: what the first source has sent beyond the cut is not heard again,
// whether it still is there, or has ended when the next one's keyframe comes.
func TestSpliceAhead(t *testing.T) {
	for _, ended := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a, b := newFeed(media.H264), newFeed(media.H264)
			s := NewSplice(a)
			s.Expect()
			a.ch <- frame(0, true, 1)
			a.ch <- sound(200*ms, 1)
			if ended {
				close(a.ch)
			}
			if _, err := read(t, s); err != nil {
				t.Fatal(err)
			}
			var sounds []media.Packet
			for at := 160 * ms; at <= 260*ms; at += 20 * ms {
				sounds = append(sounds, sound(at, 2))
			}
			if ended {
				s.Join(b, append(sounds, frame(300*ms, true, 2)))
			} else {
				s.Join(b, []media.Packet{frame(150*ms, true, 2)})
				for _, p := range sounds {
					b.ch <- p
				}
			}
			got, err := read(t, s) // the first may stand still: it is waited for, for a moment
			if want := []time.Duration{220 * ms, 240 * ms, 260 * ms}; err != nil || !slices.Equal(times(got, media.Audio, 2), want) || len(got) != 4 {
				t.Errorf("ended %v: %d packets, %v, %v", ended, len(got), times(got, media.Audio, 2), err)
			}
		})
	}
}

// TestSpliceWaitsForWhoComes: the first source may end before the next is there; when
// nobody comes, that is the end.
func TestSpliceWaitsForWhoComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newFeed(media.H264), newFeed(media.H264)
		s := NewSplice(a)
		s.Expect()
		close(a.ch)
		if got, err := read(t, s); len(got) > 0 || err != nil {
			t.Fatalf("%d packets, %v", len(got), err)
		}
		go func() {
			time.Sleep(500 * ms)
			s.Join(b, []media.Packet{frame(500*ms, true, 2)})
		}()
		if got, err := read(t, s); len(got) != 1 || err != nil {
			t.Errorf("%d packets, %v", len(got), err)
		}
		s = NewSplice(a)
		s.Expect()
		go func() {
			time.Sleep(500 * ms)
			s.Forgo()
		}()
		if _, err := read(t, s); !errors.Is(err, io.EOF) {
			t.Errorf("forgone: %v", err)
		}
		if s.Expect(); s.Join(b, []media.Packet{frame(0, true, 2)}) {
			t.Error("joins after the end")
		}
	})
}

// TestSpliceRefuses what the decoders of before cannot go on with.
func TestSpliceRefuses(t *testing.T) {
	s := NewSplice(newFeed(media.H264))
	s.Expect()
	if s.Join(newFeed(media.VP8), []media.Packet{frame(0, true, 2)}) {
		t.Error("another codec joins")
	}
	if s.Join(newFeed(media.H264), nil) {
		t.Error("one that has sent nothing joins")
	}
}

// outlet keeps what a tap gives.
type outlet struct {
	tracks  []media.Track
	packets []media.Packet
}

func (o *outlet) Track(t media.Track)  { o.tracks = append(o.tracks, t) }
func (o *outlet) Write(p media.Packet) { o.packets = append(o.packets, p) }

// pass reads n packets of a source through a tap.
func pass(t *testing.T, src media.Source, ps ...media.Packet) {
	t.Helper()
	for _, p := range ps {
		src.(tapped).Source.(*feed).ch <- p
		if _, err := src.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTap gives what is kept, from a keyframe on, and then what comes, to one at a time.
func TestTap(t *testing.T) {
	tap := NewTap(3 * time.Second)
	src := tap.On(newFeed(media.H264))
	for at := time.Duration(0); at < 20*time.Second; at += 100 * ms {
		pass(t, src, frame(at, at%(2*time.Second) == 0, 1), sound(at, 1))
	}
	var o outlet
	keyed := tap.Open(&o)
	first, last := times(o.packets, media.Video, 1), times(o.packets, media.Audio, 1)
	if !keyed || first[0]%(2*time.Second) != 0 || first[0] > 17*time.Second || first[0] < 13*time.Second || len(o.tracks) != 2 {
		t.Errorf("frames from %v on, %v", first[0], o.tracks)
	}
	if last[0] < 16800*ms || last[0] > 17*time.Second {
		t.Errorf("sound from %v on", last[0])
	}
	n := len(o.packets)
	pass(t, src, sound(20*time.Second, 1))
	if len(o.packets) != n+1 {
		t.Error("what comes is not given")
	}
	var other outlet
	tap.Open(&other)
	pass(t, src, sound(21*time.Second, 1))
	if len(o.packets) != n+1 || len(other.packets) < 2 {
		t.Error("two are given at a time, or none")
	}
	tap.Close(&o) // is no more its own
	pass(t, src, sound(22*time.Second, 1))
	tap.Close(&other)
	n = len(other.packets)
	pass(t, src, sound(23*time.Second, 1))
	if len(other.packets) != n {
		t.Error("it goes on after Close")
	}
	o = outlet{}
	tap.On(newFeed(media.H264))
	if tap.Open(&o) || len(o.packets) > 0 {
		t.Errorf("%d packets of the source before", len(o.packets))
	}
}

// TestTapIsBounded: without a keyframe and with large frames little is kept.
func TestTapIsBounded(t *testing.T) {
	tap := NewTap(3 * time.Second)
	src := tap.On(newFeed(media.H264))
	for at := time.Duration(0); at < 60*time.Second; at += 100 * ms {
		pass(t, src, frame(at, at == 0, 1))
	}
	if n := len(tap.packets); n > 45 || n < 30 {
		t.Errorf("%d frames of 3 s", n)
	}
	if tap.Open(&outlet{}) {
		t.Error("a keyframe")
	}
	big := make([]byte, 4<<20)
	for i := range 50 {
		pass(t, src, media.Packet{Kind: media.Video, PTS: time.Minute + time.Duration(i)*ms, Key: true, Data: big})
		if tap.bytes > maxTapped || tap.bytes != size(tap.packets) {
			t.Fatalf("%d bytes are kept, counted as %d", size(tap.packets), tap.bytes)
		}
	}
}
