package rtmp

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"livedub/internal/testkit/filmtest"
	"livedub/internal/testkit/pushtest"
	"livedub/media"
)

func reach(ctx context.Context, addr string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
}

// target returns where addr leads to.
func target(t *testing.T, addr string) Target {
	t.Helper()
	out, err := ParseTarget(addr)
	if err != nil {
		t.Fatal(err)
	}
	out.Dial = reach
	return out
}

// push connects, again and again while nobody listens.
func push(t *testing.T, to Target) *Pusher {
	t.Helper()
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		p, err := Push(t.Context(), to)
		if err == nil {
			t.Cleanup(func() { p.Close() })
			return p
		}
		if !errors.Is(err, syscall.ECONNREFUSED) || time.Since(began) > 20*time.Second {
			t.Fatal(err)
		}
	}
}

func TestParseTarget(t *testing.T) {
	for _, c := range []struct{ url, addr, app, key string }{
		{"rtmp://a.example/live2/abcd-efgh", "a.example:1935", "live2", "abcd-efgh"},
		{"rtmps://a.example/live2/abcd", "a.example:443", "live2", "abcd"},
		{"rtmp://[::1]:19350/app/inst/key?a=b&c=d%2F", "[::1]:19350", "app/inst", "key?a=b&c=d%2F"},
		{"rtmp://a.example/app/", "a.example:1935", "app", ""},
		{"rtmp://a.example/app", "a.example:1935", "app", ""},
	} {
		got, err := ParseTarget(c.url)
		if err != nil || got.Addr != c.addr || got.App != c.app || got.Key != c.key {
			t.Errorf("%s: %+v, %v", c.url, got, err)
		}
	}
	for _, bad := range []string{"", "rtmp://", "http://a.example/app/sesame", "rtmp://user:sesame@a.example/app/key", "rtmp:sesame", "rtmp://a.example/%zzsesame", "rtmp://a.example/", "rtmp://a.example/app/sesame" + strings.Repeat("x", 5000)} {
		if _, err := ParseTarget(bad); err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
}

// TestPushToFFmpeg has another's server write what is pushed.
func TestPushToFFmpeg(t *testing.T) {
	const length = 6 * time.Second
	url := "rtmp://127.0.0.1:" + pushtest.FreePort(t, "tcp") + "/live/sesame"
	r := pushtest.Receive(t, url, "-listen", "1")
	p := push(t, target(t, url))
	src := filmtest.Speaker(t, length)
	if err := p.Start(src.Tracks()); err != nil {
		t.Fatal(err)
	}
	pushtest.Play(t, src, 4, p.Write)
	if p.Sent() < 20_000 {
		t.Errorf("%d bytes were sent", p.Sent())
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	t.Log(r.Wait(10 * time.Second))
	film, err := filmtest.Read(t.Context(), r.Path)
	if err != nil {
		t.Fatal(err)
	}
	late := film.Late(25)
	if len(film.Frames) != 150 || len(late) < 5 || max(-late[0], late[len(late)-1]) > 45 {
		t.Errorf("%d frames, %d markers, late by %.1f ms", len(film.Frames), len(film.Markers), late)
	}
	t.Logf("%d frames; late by %.1f ms", len(film.Frames), late)
}

// TestPushHere has this package's own server receive what is pushed.
func TestPushHere(t *testing.T) {
	addr, came := listen(t)
	p := push(t, target(t, "rtmp://"+addr+"/live/talk?from=en&to=es,ca&consent=true"))
	src := filmtest.Speaker(t, 2*time.Second)
	if err := p.Start(src.Tracks()); err != nil {
		t.Fatal(err)
	}
	got := <-came
	defer got.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		pushtest.Play(t, src, 1, p.Write)
		p.Close()
	}()
	seen := pushtest.Drain(t, got)
	<-done
	if seen.Frames != 50 || seen.Failures != 0 || seen.Back != 0 || seen.Sound < 1900*time.Millisecond {
		t.Errorf("%+v", seen)
	}
}

// serveOne has one connection served by serve.
func serveOne(t *testing.T, serve func(net.Conn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		serve(nc)
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return "rtmp://" + l.Addr().String() + "/live/sesame"
}

func TestPushIsRefused(t *testing.T) {
	url := serveOne(t, func(nc net.Conn) {
		c, err := Accept(context.Background(), nc)
		if err != nil {
			t.Error(err)
			return
		}
		c.Refuse(BadName, "no such\x00 key")
	})
	_, err := Push(t.Context(), target(t, url))
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Code != string(BadName) || refused.Text != "no such key" {
		t.Error(err)
	}
}

func TestPushFails(t *testing.T) {
	for name, c := range map[string]struct {
		serve func(net.Conn)
		want  error
	}{
		"it hangs up": {func(net.Conn) {}, errHungUp},
		"it talks nonsense": {func(nc net.Conn) {
			_, _ = nc.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			_, _ = nc.Read(make([]byte, 4096))
		}, ErrProtocol},
		"it says nothing": {func(nc net.Conn) {
			b := make([]byte, 4096)
			for {
				if _, err := nc.Read(b); err != nil {
					return
				}
			}
		}, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := Push(ctx, target(t, serveOne(t, c.serve)))
			if !errors.Is(err, c.want) || strings.Contains(err.Error(), "sesame") {
				t.Error(err)
			}
		})
	}
}

// TestPushIsNotRead has a server take the stream and then read no more.
func TestPushIsNotRead(t *testing.T) {
	stop := make(chan struct{})
	url := serveOne(t, func(nc net.Conn) {
		c, err := Accept(context.Background(), nc)
		if err != nil {
			t.Error(err)
			return
		}
		if err := c.status("status", "NetStream.Publish.Start", "published"); err != nil {
			t.Error(err)
		}
		<-stop
	})
	defer close(stop)
	p := push(t, target(t, url))
	defer p.Close()
	began := time.Now()
	big := media.Packet{Kind: media.Audio, Data: make([]byte, 1<<20)}
	var err error
	for err == nil && time.Since(began) < time.Minute {
		err = p.Write(big)
	}
	if err == nil || time.Since(began) > 40*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}
