package rtc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"livedub/internal/guard"

	"github.com/pion/webrtc/v4"
)

// peer is the life of one connection: everything it started ends before done closes.
type peer struct {
	host      *Host
	pc        *webrtc.PeerConnection
	log       *slog.Logger
	connected chan struct{}
	quit      chan struct{}
	done      chan struct{}
	atEnd     func()     // called once when the end begins
	stats     func() any // PublisherStats or ViewerStats

	connectOnce, quitOnce sync.Once

	mu         sync.Mutex
	ending     bool
	work       sync.WaitGroup
	candidates int
}

// newPeer makes a connection for an offer; its owner then calls negotiate.
func (h *Host) newPeer(o *offer, publish bool, atEnd func(), stats func() any) (*peer, error) {
	pc, err := h.newConnection(o, publish)
	if err != nil {
		return nil, fmt.Errorf("connection: %w", err)
	}
	p := &peer{
		host: h, pc: pc, log: h.log, atEnd: atEnd, stats: stats,
		connected: make(chan struct{}), quit: make(chan struct{}), done: make(chan struct{}),
	}
	if !h.admit(p) {
		return nil, errors.Join(ErrClosed, pc.GracefulClose())
	}
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			p.connectOnce.Do(func() { close(p.connected) })
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			p.end()
		}
	})
	go p.live()
	return p, nil
}

// live waits for the end and sees that nothing is left.
func (p *peer) live() {
	defer close(p.done)
	defer p.host.forget(p)
	late := time.NewTimer(connectTimeout)
	defer late.Stop()
	select {
	case <-p.connected:
		<-p.quit
	case <-p.quit:
	case <-late.C:
		p.log.Info("peer did not connect", "within", connectTimeout)
	}
	p.mu.Lock()
	p.ending = true
	p.mu.Unlock()
	p.end()
	p.guard("end", func() {
		p.atEnd()
		if err := p.pc.GracefulClose(); err != nil {
			p.log.Debug("close connection", "error", err)
		}
	})
	p.work.Wait()
}

// end begins the end.
func (p *peer) end() { p.quitOnce.Do(func() { close(p.quit) }) }

// spawn runs fn as part of the peer's life. A panic in it ends the peer only.
func (p *peer) spawn(name string, fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ending {
		return
	}
	p.work.Go(func() { p.guard(name, fn) })
}

// guard runs fn; a panic in it ends the peer.
func (p *peer) guard(name string, fn func()) {
	err := guard.Do(name, func() error { fn(); return nil })
	if err != nil {
		p.log.Error("peer ended by a panic", "err", err)
		p.end()
	}
}

// negotiate answers the offer with all our candidates in it. prepare is called
// between the two descriptions. On an error the peer is ended.
func (p *peer) negotiate(ctx context.Context, o *offer, prepare func() error) (answer string, err error) {
	err = guard.Do("negotiation", func() (err error) {
		answer, err = p.answer(ctx, o, prepare)
		return err
	})
	if p1 := new(guard.Panic); errors.As(err, &p1) {
		p.log.Error("an offer made the negotiation panic", "err", err)
		err = fmt.Errorf("offer cannot be taken: %v", p1.Value)
	}
	if err != nil {
		p.end()
		<-p.done
	}
	return answer, err
}

func (p *peer) answer(ctx context.Context, o *offer, prepare func() error) (string, error) {
	text, err := o.text()
	if err != nil {
		return "", fmt.Errorf("offer: %w", err)
	}
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: text}); err != nil {
		return "", fmt.Errorf("offer cannot be taken: %w", err)
	}
	if err := prepare(); err != nil {
		return "", err
	}
	a, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("answer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(a); err != nil {
		return "", fmt.Errorf("answer: %w", err)
	}
	select {
	case <-gathered:
	case <-p.quit:
		return "", ErrClosed
	case <-ctx.Done():
		return "", ctx.Err()
	}
	return o.answer(p.pc.LocalDescription().SDP)
}

// AddCandidate takes a trickled ICE candidate, with or without "a=" and
// "candidate:"; "" tells that no more will come. A malformed one is an error
// that ends nothing; names under .local are ignored: the peer finds us.
func (p *peer) AddCandidate(candidate string) error {
	candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "a=")
	if candidate == "" || candidate == "candidate:" {
		return nil // we check for as long as the peer may try
	}
	p.mu.Lock()
	p.candidates++
	many := p.candidates > maxCandidates
	p.mu.Unlock()
	if many {
		return fmt.Errorf("more than %d candidates: no further one is taken", maxCandidates)
	}
	if len(candidate) > 1024 {
		return errors.New("candidate is too long: send one RFC 8839 candidate")
	}
	if err := p.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: candidate}); err != nil {
		return fmt.Errorf("candidate cannot be taken: %w", err)
	}
	return nil
}

// Connected is closed once media can flow.
func (p *peer) Connected() <-chan struct{} { return p.connected }

// Done is closed once the peer is gone and everything it needed is freed.
func (p *peer) Done() <-chan struct{} { return p.done }

// Close ends the connection and waits until all is freed.
func (p *peer) Close() error {
	p.end()
	<-p.done
	return nil
}
