package caller

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"

	"livedub/internal/testkit/netem"
)

const connectTime = 15 * time.Second // for ICE and DTLS, after the answer

// Peers makes peer connections: speakers' and viewers'.
type Peers struct{ speaks, watches *webrtc.API }

// NewPeers returns what makes connections to any number of servers.
func NewPeers() (Peers, error) {
	speaks, err := newAPI(false)
	if err != nil {
		return Peers{}, err
	}
	watches, err := newAPI(true)
	return Peers{speaks, watches}, err
}

// newAPI returns what makes peer connections: H.264, VP8 and Opus, candidates
// of this host alone. reports has receiver reports and feedback sent, for viewers.
func newAPI(reports bool) (*webrtc.API, error) {
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	registry := &interceptor.Registry{}
	err := webrtc.ConfigureNack(engine, registry)
	if reports && err == nil {
		err = errors.Join(webrtc.ConfigureRTCPReports(registry), webrtc.ConfigureTWCCSender(engine, registry))
	}
	if err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetICETimeouts(3*time.Second, 5*time.Second, time.Second) // a lost server is noticed, and connected to anew
	return webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings)), nil
}

// Target is where a peer connects.
type Target struct {
	Address string // of WHIP or WHEP
	Session string
	Lang    string // watched; "" publishes
	WS      bool   // by websocket instead
	Fence   *Fence // of the session, shared by all who watch it
}

// peer is one connection that was made.
type peer struct {
	pc     *webrtc.PeerConnection
	fence  int64          // of the claim that answered; 0: none was told
	gone   chan struct{}  // closed when the connection has ended by itself
	moved  chan int64     // holds the fence of a move that a websocket told
	hangUp func(bye bool) // waits for what belongs to the connection, and tells the server if it is to know
}

// connect makes the connection that pc has been prepared for, and waits until
// media can flow. It closes pc where that fails.
func connect(ctx context.Context, c *Client, pc *webrtc.PeerConnection, t Target) (*peer, error) {
	p := &peer{pc: pc, gone: make(chan struct{}), moved: make(chan int64, 1)}
	connected := make(chan struct{})
	var once, lost sync.Once
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			once.Do(func() { close(connected) })
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			lost.Do(func() { close(p.gone) })
		}
	})
	err := p.offer(ctx, c, t)
	if err == nil {
		if err = p.wait(ctx, t, connected); err == nil {
			t.Fence.arrive(p.fence)
			return p, nil
		}
	}
	p.close(true)
	return nil, err
}

// wait waits until the connection is made, but not for a node that no longer holds the
// session: it may have died meanwhile.
func (p *peer) wait(ctx context.Context, t Target, connected <-chan struct{}) error {
	timer := time.NewTimer(connectTime)
	defer timer.Stop()
	look := time.NewTicker(connectTime / 100)
	defer look.Stop()
	for {
		select {
		case <-connected:
			return nil
		case <-p.gone:
			return errors.New("the connection failed: is the server's media port reachable?")
		case <-timer.C:
			return fmt.Errorf("no connection after %v: is the server's media port reachable?", connectTime)
		case <-look.C:
			if p.overtaken(t.Fence) {
				return errDied
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// overtaken tells whether another node holds the session by now.
func (p *peer) overtaken(f *Fence) bool { return p.fence != 0 && f.High() > p.fence }

// close ends the connection and waits for all of it. bye: the server is told.
func (p *peer) close(bye bool) {
	if p.hangUp != nil {
		p.hangUp(bye)
	}
	_ = p.pc.GracefulClose()
}

func (p *peer) offer(ctx context.Context, c *Client, t Target) error {
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(offer); err != nil {
		return err
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return ctx.Err()
	}
	exchange := p.byHTTP
	if t.WS {
		exchange = p.byWebsocket
	}
	sdp := p.pc.LocalDescription().SDP
	if c.media != nil {
		sdp = netem.Strip(sdp) // else media goes around the relay
	}
	answer, err := exchange(ctx, c, t, sdp)
	if err != nil {
		return err
	}
	if c.media != nil {
		relay := c.media(answer)
		if relay == nil {
			return errors.New("no relay belongs to the answer")
		}
		answer = relay.Rewrite(answer)
	}
	return p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
}

// byHTTP offers as WHIP and WHEP do.
func (p *peer) byHTTP(ctx context.Context, c *Client, t Target, offer string) (string, error) {
	answer, err := c.do(ctx, http.MethodPost, t.Address, "application/sdp", []byte(offer))
	if err != nil {
		return "", err
	}
	if err := t.Fence.see(answer.fence); err != nil {
		return "", err
	}
	p.fence = answer.fence
	if answer.location == "" {
		return "", errors.New("the answer has no Location")
	}
	p.hangUp = func(bye bool) {
		if !bye {
			return
		}
		// ctx has ended when this is wanted.
		_, _ = c.do(context.WithoutCancel(ctx), http.MethodDelete, answer.location, "", nil) // the server may be gone
	}
	return string(answer.body), nil
}

// message is one of the websocket's, in either direction.
type message struct {
	V       int    `json:"v"`
	Type    string `json:"type"`
	Session string `json:"session,omitempty"`
	Lang    string `json:"lang,omitempty"`
	SDP     string `json:"sdp,omitempty"`
	Error   string `json:"error,omitempty"`
	Hint    string `json:"hint,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Fence   int64  `json:"fence,omitempty"`
}

// websocketAddress turns an address of WHIP or WHEP into that of the websocket.
func websocketAddress(t Target) (string, error) {
	u, err := url.Parse(t.Address)
	if err != nil {
		return "", err
	}
	u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	if t.Lang == "" {
		u.Path = strings.Replace(u.Path, "/whip/", "/ws/", 1)
	} else {
		u.Path = strings.TrimSuffix(strings.Replace(u.Path, "/whep/", "/ws/", 1), "/"+t.Lang)
	}
	return u.String(), nil
}

// byWebsocket offers by a websocket, which stays open as long as the peer.
func (p *peer) byWebsocket(ctx context.Context, _ *Client, t Target, offer string) (string, error) {
	p.fence = t.Fence.High() // a websocket tells none: the gateway leads to this one, or a newer
	address, err := websocketAddress(t)
	if err != nil {
		return "", err
	}
	dialer := websocket.Dialer{HandshakeTimeout: requestTime, Proxy: http.ProxyFromEnvironment}
	conn, resp, err := dialer.DialContext(ctx, address, nil)
	if resp != nil {
		defer resp.Body.Close() // of a refusal; else it is empty
	}
	if err != nil {
		if resp != nil {
			err = StatusError{Status: resp.StatusCode, text: "no websocket"}
		}
		return "", err
	}
	conn.SetReadLimit(1 << 20)
	m := message{V: 1, Type: "publish", Session: t.Session, SDP: offer}
	if t.Lang != "" {
		m.Type, m.Lang = "view", t.Lang
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
	answer, err := ask(conn, m)
	stop()
	if err != nil {
		conn.Close()
		return "", err
	}
	var wg sync.WaitGroup
	wg.Go(func() { // it answers pings, until the connection ends
		for {
			var said message
			if err := conn.ReadJSON(&said); err != nil {
				_ = p.pc.Close() // the server has let go, or so have we
				return
			}
			if said.Type == "moved" && t.Fence.see(said.Fence) == nil {
				select {
				case p.moved <- said.Fence:
				default: // it was told before
				}
			}
		}
	})
	p.hangUp = func(bye bool) {
		deadline := time.Now()
		if bye {
			deadline = deadline.Add(time.Second)
			_ = conn.SetWriteDeadline(deadline)
			_ = conn.WriteJSON(message{V: 1, Type: "bye"})
		}
		_ = conn.SetReadDeadline(deadline)
		wg.Wait()
		conn.Close()
	}
	return answer, nil
}

// ask sends an offer and waits for its answer.
func ask(conn *websocket.Conn, m message) (string, error) {
	deadline := time.Now().Add(requestTime)
	_ = conn.SetWriteDeadline(deadline)
	_ = conn.SetReadDeadline(deadline)
	if err := conn.WriteJSON(m); err != nil {
		return "", err
	}
	for {
		var said message
		if err := conn.ReadJSON(&said); err != nil {
			return "", err
		}
		switch said.Type {
		case "answer":
			_ = conn.SetReadDeadline(time.Time{})
			return said.SDP, nil
		case "error":
			return "", fmt.Errorf("websocket: %s: %s", said.Error, said.Hint)
		case "bye":
			return "", fmt.Errorf("websocket: the server left: %s", said.Reason)
		}
	}
}
