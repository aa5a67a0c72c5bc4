package caller

import (
	"context"
	"sync"

	"github.com/pion/webrtc/v4"
)

// Stayer is a viewer that stays with its first connection, whatever happens, and counts
// the packets of media that come by it.
type Stayer struct {
	peer    *peer
	reading sync.WaitGroup

	mu      sync.Mutex
	packets int
}

// Stay connects such a viewer.
func (c *Client) Stay(ctx context.Context, p Peers, to Target) (*Stayer, error) {
	pc, err := p.watches.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	s := &Stayer{}
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		s.reading.Go(func() {
			for {
				if _, _, err := t.ReadRTP(); err != nil {
					return
				}
				s.mu.Lock()
				s.packets++
				s.mu.Unlock()
			}
		})
	})
	if err = receive(pc); err == nil {
		s.peer, err = connect(ctx, c, pc, to)
	}
	if err != nil {
		_ = pc.GracefulClose()
		s.reading.Wait()
		return nil, err
	}
	return s, nil
}

// Packets returns how many have come.
func (s *Stayer) Packets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.packets
}

// Close ends the connection.
func (s *Stayer) Close() {
	s.peer.close(false)
	s.reading.Wait()
}
