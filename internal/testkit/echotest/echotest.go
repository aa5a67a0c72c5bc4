// Package echotest is the least that a WebRTC server can do: it answers an offer, and
// passes on what comes, packet by packet.
package echotest

import (
	"sync"

	"github.com/pion/webrtc/v4"
)

// Answer answers an offer. What comes goes to the track of its kind, on goroutines of
// wg, until the peer is closed.
func Answer(pc *webrtc.PeerConnection, offer string, to func(webrtc.RTPCodecType) *webrtc.TrackLocalStaticRTP, wg *sync.WaitGroup) (string, error) {
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		out := to(t.Kind())
		wg.Go(func() {
			for {
				p, _, err := t.ReadRTP()
				if err != nil {
					return
				}
				_ = out.WriteRTP(p) // nobody may be watching yet
			}
		})
	})
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return "", err
	}
	<-gathered
	return pc.LocalDescription().SDP, nil
}
