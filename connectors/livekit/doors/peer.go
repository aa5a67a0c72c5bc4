package doors

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/webrtc/v4"
)

const (
	connectTime  = 15 * time.Second // for ICE and DTLS, after the answer
	retransmits  = 1024             // packets kept for those who miss one
	offerContent = "application/sdp"
)

// NewAPI returns what makes peer connections to livedub. No reports of what is sent are
// made here: those of the source are passed on.
func NewAPI() (*webrtc.API, error) {
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	engine.RegisterFeedback(webrtc.RTCPFeedback{Type: "nack"}, webrtc.RTPCodecTypeVideo)
	engine.RegisterFeedback(webrtc.RTCPFeedback{Type: "nack", Parameter: "pli"}, webrtc.RTPCodecTypeVideo)
	registry, err := Interceptors()
	if err != nil {
		return nil, err
	}
	kept := &interceptor.Registry{}
	for _, i := range registry {
		kept.Add(i)
	}
	if err := webrtc.ConfigureTWCCSender(engine, kept); err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetICETimeouts(3*time.Second, 5*time.Second, time.Second) // a lost node is noticed, and connected to anew
	return webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(kept), webrtc.WithSettingEngine(settings)), nil
}

// Interceptors returns those of connections that pass streams on: lost packets are
// asked for and sent again, receivers report, and senders do not.
func Interceptors() ([]interceptor.Factory, error) {
	asks, err := nack.NewGeneratorInterceptor()
	if err != nil {
		return nil, err
	}
	answers, err := nack.NewResponderInterceptor(nack.ResponderSize(retransmits))
	if err != nil {
		return nil, err
	}
	reports, err := report.NewReceiverInterceptor()
	if err != nil {
		return nil, err
	}
	return []interceptor.Factory{asks, answers, reports}, nil
}

// Peer is one connection to livedub.
type Peer struct {
	PC *webrtc.PeerConnection

	client   *Client
	resource string
	gone     chan struct{}
}

// Connect offers what pc was prepared for at an address of WHIP or WHEP, and waits until
// media can flow. It closes pc where that fails.
func (c *Client) Connect(ctx context.Context, pc *webrtc.PeerConnection, address string) (*Peer, error) {
	p := &Peer{PC: pc, client: c, gone: make(chan struct{})}
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
	err := p.offer(ctx, address)
	if err == nil {
		if err = p.wait(ctx, connected); err == nil {
			return p, nil
		}
	}
	p.Close(ctx)
	return nil, err
}

// Gone is closed when the connection has ended, whoever ended it.
func (p *Peer) Gone() <-chan struct{} { return p.gone }

// Close tells the server and ends the connection; it waits for all of it.
func (p *Peer) Close(ctx context.Context) {
	if p.resource != "" {
		// ctx may have ended when this is wanted; the server may be gone.
		_, _, _ = p.client.do(context.WithoutCancel(ctx), http.MethodDelete, p.resource, "", nil)
	}
	_ = p.PC.GracefulClose()
}

func (p *Peer) wait(ctx context.Context, connected <-chan struct{}) error {
	timer := time.NewTimer(connectTime)
	defer timer.Stop()
	select {
	case <-connected:
		return nil
	case <-p.gone:
		return errors.New("the connection to livedub failed: is its media port reachable?")
	case <-timer.C:
		return fmt.Errorf("no connection to livedub after %v: is its media port reachable?", connectTime)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Peer) offer(ctx context.Context, address string) error {
	offer, err := p.PC.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(p.PC)
	if err := p.PC.SetLocalDescription(offer); err != nil {
		return err
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return ctx.Err()
	}
	answer, header, err := p.client.do(ctx, http.MethodPost, address, offerContent, []byte(p.PC.LocalDescription().SDP))
	if err != nil {
		return err
	}
	at, err := url.Parse(address)
	if err != nil {
		return err
	}
	resource, err := at.Parse(header.Get("Location"))
	if err != nil || header.Get("Location") == "" {
		return errors.New("livedub's answer to an offer has no Location")
	}
	p.resource = resource.String()
	return p.PC.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)})
}
