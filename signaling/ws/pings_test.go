package ws

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"livedub/signaling/access"
	"livedub/signaling/signalingtest"
)

// pipes is a listener whose connections are in memory, where time can be false.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error   { close(p.closed); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours, nil
}

// connect opens an endpoint in the bubble of time and connects to it; all ends with the test.
func connect(t *testing.T, cfg Config, path string, header http.Header) *websocket.Conn {
	t.Helper()
	endpoint := New(cfg)
	mux := http.NewServeMux()
	endpoint.Register(mux)
	listener := pipes{make(chan net.Conn), make(chan struct{})}
	srv := &http.Server{Handler: signalingtest.Access().Guard(mux)}
	go srv.Serve(listener)
	t.Cleanup(func() {
		endpoint.Close()
		srv.Close()
	})
	dialer := websocket.Dialer{NetDialContext: listener.dial}
	c, _, err := dialer.Dial("ws://localhost"+path, header)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// dial connects to an endpoint of its own and publishes there.
func dial(t *testing.T, path string, header http.Header) (*signalingtest.Desk, *websocket.Conn) {
	t.Helper()
	desk := signalingtest.NewDesk("talk")
	c := connect(t, Config{Sessions: desk}, path, header)
	if err := c.WriteJSON(map[string]any{"v": 1, "type": "publish", "session": "talk", "sdp": signalingtest.Offer}); err != nil {
		t.Fatal(err)
	}
	return desk, c
}

// TestClientsWhoAnswerPings stay for hours; one who stops is gone within seconds.
func TestClientsWhoAnswerPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		desk, c := dial(t, "/ws/talk", http.Header{"Authorization": {"Bearer " + signalingtest.OperatorToken}})
		deadline := time.Now().Add(3 * time.Hour)
		_ = c.SetReadDeadline(deadline)
		go func() { // reading is what answers pings
			for {
				if _, _, err := c.ReadMessage(); err != nil {
					if time.Now().Before(deadline) {
						t.Errorf("cut off: %v", err)
					}
					return
				}
			}
		}()
		time.Sleep(3*time.Hour - time.Second)
		if len(desk.Peers()) != 1 || desk.Peers()[0].Closes() != 0 {
			t.Fatal("a client who answers pings was cut off")
		}
		time.Sleep(time.Second + defaultTimes.Silent + defaultTimes.Write + farewell)
		if desk.Peers()[0].Closes() != 1 {
			t.Error("a client who stopped is still there")
		}
	})
}

// TestExpiredInTheMiddle: whose capability's time is over is told so, and let go with
// their peer.
func TestExpiredInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		desk, c := dial(t, "/ws/talk~"+signalingtest.Token("talk", access.Publish, ""), nil)
		began, last := time.Now(), ""
		for {
			_, data, err := c.ReadMessage()
			if err != nil {
				var closed *websocket.CloseError
				if !errors.As(err, &closed) || closed.Code != websocket.ClosePolicyViolation || closed.Text != "the token has expired" {
					t.Errorf("ended by %v", err)
				}
				break
			}
			last = string(data)
		}
		if took := time.Since(began); took < time.Hour-2*time.Second || took > time.Hour+2*time.Second {
			t.Errorf("let go after %v", took)
		}
		if !strings.Contains(last, `"bye"`) || !strings.Contains(last, "the token has expired") {
			t.Errorf("told last: %s", last)
		}
		time.Sleep(farewell + time.Second)
		if desk.Peers()[0].Closes() != 1 {
			t.Error("the peer goes on")
		}
	})
}
