package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var secret = []byte("0123456789abcdef0123456789abcdef")

var tracks = []media.Track{{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: 2}, {Kind: media.Video, Codec: media.H264, Extradata: []byte{1, 2}}}

func said() Hello {
	return Hello{Session: "s", Epoch: "e", Fence: 7, Tracks: tracks[:1], Checkpoint: bytes.Repeat([]byte{9}, MaxCheckpoint)}
}

// loopback returns the two ends of a TCP connection.
func loopback(t testing.TB) (a, b net.Conn) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	came := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		came <- c
	}()
	a, err = new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b = <-came
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// linked opens a link between the two ends of a connection.
func linked(t testing.TB, a, b net.Conn, c SenderConfig) (*Sender, *Receiver) {
	t.Helper()
	type sent struct {
		s   *Sender
		err error
	}
	done := make(chan sent, 1)
	go func() {
		s, err := Send(t.Context(), a, c)
		done <- sent{s, err}
	}()
	r, err := Receive(t.Context(), b, secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Accept(); err != nil {
		t.Fatal(err)
	}
	s := <-done
	if s.err != nil {
		t.Fatal(s.err)
	}
	t.Cleanup(func() { s.s.Close(); r.Close() })
	return s.s, r
}

func config() SenderConfig {
	began := time.Now().Add(-time.Minute)
	return SenderConfig{Key: secret, Hello: said(), Now: func() time.Duration { return time.Since(began) }}
}

func read(t testing.TB, r *Receiver) media.Packet {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	p, err := r.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ended(t testing.TB, over <-chan struct{}) {
	t.Helper()
	select {
	case <-over:
	case <-time.After(20 * time.Second):
		t.Fatal("the link goes on")
	}
}

// TestCarries sends tracks, packets and messages both ways: what comes is what was sent.
func TestCarries(t *testing.T) {
	a, b := loopback(t)
	c := config()
	asked := make(chan struct{}, 100)
	c.Keyframe = func() { asked <- struct{}{} }
	s, r := linked(t, a, b, c)
	if !reflect.DeepEqual(r.Hello(), said()) {
		t.Errorf("hello: %+v", r.Hello())
	}
	if off := (r.Now() - c.Now()).Abs(); off > r.Trip()/2+time.Millisecond {
		t.Errorf("the clock is off by %v, with a round trip of %v", off, r.Trip())
	}
	if r.Silent() > time.Minute {
		t.Errorf("silent for %v", r.Silent())
	}
	now := r.Now()
	s.Track(tracks[1])
	sent := []media.Packet{
		{Kind: media.Video, PTS: now, DTS: -time.Millisecond, Duration: time.Second, Key: true, Gap: true, Data: bytes.Repeat([]byte{5}, 300_000)},
		{Kind: media.Audio, PTS: now + time.Second, DTS: now, Key: true, SkipStart: 312, SkipEnd: 7, Data: []byte{1}},
		{Kind: media.Video, PTS: now + 2*time.Second, Data: []byte{}},
	}
	for _, p := range sent {
		s.Write(p)
	}
	s.Write(media.Packet{Kind: media.Video, Data: make([]byte, maxData+1)}) // is not sent
	if err := r.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, want := range sent {
		if got := read(t, r); !reflect.DeepEqual(got, want) {
			t.Errorf("packet %d: %v at %v, %d bytes; sent %v at %v, %d bytes", i, got.Kind, got.PTS, len(got.Data), want.Kind, want.PTS, len(want.Data))
		}
	}
	if got := r.Tracks(); !reflect.DeepEqual(got, tracks) {
		t.Errorf("tracks: %+v", got)
	}
	if s.Dropped() != 1 {
		t.Errorf("%d dropped", s.Dropped())
	}
	if err := r.Caught(t.Context(), 10*time.Millisecond); err != nil {
		t.Error(err)
	}
	r.TellReady()
	ended(t, s.Ready())
	r.queue.Push(media.Packet{Kind: media.Video, Data: make([]byte, queueBytes)})
	r.queue.Push(media.Packet{Kind: media.Video, Data: []byte{1}})
	ended(t, asked)
	r.Replaced()
	ended(t, s.Done())
	if !errors.Is(s.Err(), ErrReplaced) {
		t.Errorf("over: %v", s.Err())
	}
}

// TestEnds: each end tells the other why it goes, after what it has sent.
func TestEnds(t *testing.T) {
	t.Run("the speaker", func(t *testing.T) {
		a, b := loopback(t)
		s, r := linked(t, a, b, config())
		s.Write(media.Packet{Kind: media.Audio, Data: []byte{1}})
		s.Close()
		read(t, r)
		if _, err := r.Read(t.Context()); !errors.Is(err, io.EOF) || s.Err() != nil {
			t.Errorf("%v, at the sender %v", err, s.Err())
		}
		ended(t, r.Done())
	})
	t.Run("the session", func(t *testing.T) {
		a, b := loopback(t)
		s, r := linked(t, a, b, config())
		for i := range 1000 { // more than its end has read
			s.Write(media.Packet{Kind: media.Video, Key: i == 0, Data: make([]byte, 10_000)})
		}
		r.Close()
		ended(t, s.Done())
		if !errors.Is(s.Err(), ErrEnded) {
			t.Error(s.Err())
		}
	})
	t.Run("refused", func(t *testing.T) {
		a, b := loopback(t)
		go func() {
			if r, err := Receive(t.Context(), b, secret); err != nil {
				t.Error(err)
			} else {
				r.Refuse("no room" + strings.Repeat("!", 1000))
			}
		}()
		if _, err := Send(t.Context(), a, config()); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "no room") {
			t.Error(err)
		}
	})
}

// TestOnlySoundOrNothing: a speaker without frames, or who sends nothing, holds nobody up.
func TestOnlySoundOrNothing(t *testing.T) {
	a, b := loopback(t)
	s, r := linked(t, a, b, config())
	s.Write(media.Packet{Kind: media.Audio, PTS: r.Now(), Data: []byte{1}})
	read(t, r)
	if err := r.Caught(t.Context(), time.Hour); err != nil {
		t.Error(err)
	}
	a, b = loopback(t)
	_, r = linked(t, a, b, config())
	r.began -= patience
	if err := r.Caught(t.Context(), time.Hour); err != nil {
		t.Error(err)
	}
	r.Close()
	if err := r.Ready(t.Context()); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// TestSlowReceiver leaves the network untaken: nobody waits, and what comes later begins with a keyframe.
func TestSlowReceiver(t *testing.T) {
	a, b := net.Pipe() // takes nothing by itself
	slow := &gate{Conn: b}
	c := config()
	s, r := linked(t, a, slow, c)
	slow.mu.Lock()
	for i := range 2 * queuePackets {
		s.Write(media.Packet{Kind: media.Video, PTS: time.Duration(i), Key: i%1000 == 0, Data: make([]byte, 100)})
	}
	if s.Dropped() == 0 {
		t.Error("nothing is dropped")
	}
	slow.mu.Unlock()
	last, whole := time.Duration(-1), 0
	for last < 2*queuePackets-1 {
		p := read(t, r)
		if p.PTS != last+1 {
			if !p.Key || !p.Gap {
				t.Fatalf("after %d comes %d, no keyframe or not marked", last, p.PTS)
			}
		} else {
			whole++
		}
		last = p.PTS
	}
	if whole < queuePackets/2 {
		t.Errorf("%d packets came", whole)
	}
}

// gate is a connection that is not read while somebody has its lock.
type gate struct {
	net.Conn
	mu sync.Mutex
}

func (g *gate) Read(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.Conn.Read(b)
}
