package remote

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestSocket(t *testing.T) {
	c := server(t, "secret", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/realtime" || r.URL.RawQuery != "intent=transcription" || r.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		ws, err := new(websocket.Upgrader).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer ws.Close()
		_ = ws.WriteMessage(websocket.TextMessage, []byte("hello"))
		_ = ws.WriteMessage(websocket.TextMessage, make([]byte, 100<<20))
		_, _, _ = ws.ReadMessage()
	})
	ctx, cancel := context.WithCancel(t.Context())
	ws, err := c.Socket(ctx, "realtime", url.Values{"intent": {"transcription"}}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	cancel() // it is open: ctx was for the handshake
	if _, b, err := ws.ReadMessage(); err != nil || string(b) != "hello" {
		t.Errorf("%q, %v", b, err)
	}
	if _, _, err := ws.ReadMessage(); !errors.Is(err, websocket.ErrReadLimit) {
		t.Errorf("100 MB: %v", err)
	}
}

// TestNoSocket: each server that opens none is told by what it does instead.
func TestNoSocket(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   error
		says   string
	}{
		"HTML": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>"+strings.Repeat("x", 1<<20))
		}, ErrAnswer, "check the address"},
		"redirects": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://example.com/", http.StatusFound)
		}, ErrAnswer, "302 Found"},
		"401":      {refuse(401, `{"error":{"message":"wrong key"}}`, ""), nil, "401 Unauthorized: wrong key"},
		"404":      {refuse(404, "<html>", ""), nil, "404 Not Found"},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil, "EOF"},
		"a head without end": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n")
			for err == nil {
				_, err = io.WriteString(conn, "X: "+strings.Repeat("x", 1000)+"\r\n")
			}
		}, ErrAnswer, "before a websocket is open"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := server(t, "secret", c.answer).Socket(t.Context(), "x", nil, 1000)
			if err == nil || c.kind != nil && !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || len(err.Error()) > 400 || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestSocketPause: who answers 429 to a handshake is left alone as after any other call.
func TestSocketPause(t *testing.T) {
	c := server(t, "", refuse(429, "", "30"))
	var refused *StatusError
	if _, err := c.Socket(t.Context(), "x", nil, 1000); !errors.As(err, &refused) || refused.Code != 429 {
		t.Errorf("%v", err)
	}
	if _, err := c.Socket(t.Context(), "x", nil, 1000); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	if err := c.Get(t.Context(), "x", new(any)); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
}

// TestSocketCancel: a handshake that nobody answers ends with ctx, by deadline or not.
func TestSocketCancel(t *testing.T) {
	gone := make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-gone }))
	began := make(chan struct{}, 2)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateActive {
			began <- struct{}{}
		}
	}
	s.Start()
	defer s.Close()
	defer close(gone)
	c, err := New(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Socket(ctx, "x", nil, 1000); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	<-began
	ctx, cancel = context.WithCancel(t.Context())
	go func() { <-began; cancel() }()
	if _, err := c.Socket(ctx, "x", nil, 1000); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
