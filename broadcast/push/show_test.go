package push

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"livedub/internal/testkit/noisetest"
	"livedub/media"
	"livedub/media/pace"
	"livedub/media/srt"
	"livedub/session/spec"
)

// TestShow: a caller receives a session until it ends; what is not there is refused before.
func TestShow(t *testing.T) {
	c := &call{}
	p := New(Config{})
	src := c.source()
	src.attach = func(_ string, s media.Sink) (func(), error) {
		if err := s.Start(noisetest.Tracks()); err != nil {
			return nil, err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sinks = []media.Sink{s}
		return func() {}, nil
	}
	end := p.begin(src, nil, func([]spec.Output) {})
	for want, ask := range map[error][2]string{ErrNotFound: {"nobody", "es"}, ErrInvalid: {"talk", "fr"}} {
		err := p.Show(t.Context(), ask[0], ask[1:], func() (*srt.Pusher, error) { t.Error("let in"); return nil, want })
		if !errors.Is(err, want) {
			t.Errorf("%v: %v", ask, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { c.noise(ctx) })
	l, err := srt.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	shown := make(chan error, 1)
	s := &srt.Server{Most: 2, Failed: func(_ netip.Addr, err error) { t.Error(err) }, Serve: func(ctx context.Context, c *srt.Conn) {
		if !c.Reads || c.Name != "talk" {
			t.Errorf("%+v", c.Asked)
		}
		shown <- p.Show(ctx, "talk", []string{"es"}, c.Send)
	}}
	wg.Go(func() { _ = s.Run(ctx, l) })
	called, err := srt.Call(ctx, netip.MustParseAddrPort(l.Addr().String()), srt.CallOptions{StreamID: "read:talk"})
	if err != nil {
		t.Fatal(err)
	}
	got := called.Publish(pace.NewWall())
	defer got.Close()
	waiting, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	for n := 0; n < 100; n++ {
		if _, err := got.Read(waiting); err != nil {
			t.Fatalf("packet %d: %v", n, err)
		}
	}
	end()
	if err := <-shown; err != nil {
		t.Error(err)
	}
	select {
	case <-got.Done():
	case <-waiting.Done():
		t.Error("the caller is not told of the end")
	}
}
