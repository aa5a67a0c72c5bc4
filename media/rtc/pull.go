package rtc

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/pion/ice/v4"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"livedub/internal/guard"
	"livedub/media"
	"livedub/media/clock"
	"livedub/media/packets"
)

// wanted are the codecs that a far end is asked for, in this order.
var wanted = map[media.Kind][]offeredCodec{
	media.Audio: {{pt: 111, codec: media.Opus, fmtp: "minptime=10;useinbandfec=1"}},
	media.Video: {
		{pt: 102, rtx: 103, codec: media.H264, fmtp: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", feedback: usable},
		{pt: 104, rtx: 105, codec: media.H264, fmtp: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640c1f", feedback: usable},
		{pt: 96, rtx: 97, codec: media.VP8, feedback: usable},
	},
}

// Pull asks a far end for its media, as WHEP clients do: exchange sends it an offer and
// returns its answer. Checks are sent to no address but those that reach tells may be
// reached. ctx bounds the negotiation, as in Publish. Each far end is called from a UDP
// port of its own: the one port tells peers apart by where they are, and of a server
// like this one all are at one place.
func (h *Host) Pull(ctx context.Context, o PublishOptions, reach func(netip.Addr) bool, exchange func(ctx context.Context, offer string) (answer string, err error)) (*Publisher, error) {
	if o.Clock == nil {
		return nil, errors.New("pull: a clock is needed")
	}
	p := newPublisher(o)
	ours := &offer{made: true}
	for kind, codecs := range wanted {
		s := &section{kind: kind, codecs: slices.Clone(codecs)}
		p.offered[kind] = s
		if kind == media.Audio {
			ours.audio = s
		} else {
			ours.video = s
		}
	}
	var err error
	if p.peer, err = h.newPeer(ours, true, p.queue.Close, func() any { return p.Stats() }); err != nil {
		return nil, err
	}
	p.pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) { p.spawn("track", func() { p.receive(t, r) }) })
	err = guard.Do("negotiation", func() error { return p.ask(ctx, reach, exchange) })
	if err != nil {
		p.end()
		<-p.done
		return nil, err
	}
	return p, nil
}

// newPublisher returns one that has no peer yet.
func newPublisher(o PublishOptions) *Publisher {
	p := &Publisher{
		clock: o.Clock, jitterDelay: o.JitterDelay, times: clock.NewTimebase(),
		offered: map[media.Kind]*section{}, inputs: map[media.Kind]*input{},
		first: make(chan struct{}), heard: o.Clock.Now(),
	}
	p.queue = packets.NewQueue(queuePackets, queueBytes, p.Keyframe)
	return p
}

// asked are the sections of our offer.
var asked = []media.Kind{media.Audio, media.Video}

// ask makes our offer and takes the answer.
func (p *Publisher) ask(ctx context.Context, reach func(netip.Addr) bool, exchange func(context.Context, string) (string, error)) error {
	for _, kind := range asked {
		t := webrtc.RTPCodecTypeAudio
		if kind == media.Video {
			t = webrtc.RTPCodecTypeVideo
		}
		if _, err := p.pc.AddTransceiverFromKind(t, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			return fmt.Errorf("offer: %w", err)
		}
	}
	ours, err := p.pc.CreateOffer(nil)
	if err != nil {
		return fmt.Errorf("offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(ours); err != nil {
		return fmt.Errorf("offer: %w", err)
	}
	select {
	case <-gathered:
	case <-p.quit:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	answer, err := exchange(ctx, p.pc.LocalDescription().SDP)
	if err != nil {
		return err
	}
	if answer, err = p.accept(answer, reach); err != nil {
		return err
	}
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("answer cannot be taken: %w", err)
	}
	return nil
}

// accept reduces an answer to what we asked for, as offers are reduced.
func (p *Publisher) accept(text string, reach func(netip.Addr) bool) (string, error) {
	desc := &sdp.SessionDescription{}
	if err := desc.UnmarshalString(text); err != nil {
		return "", fmt.Errorf("answer is no SDP: %w", err)
	}
	if len(desc.MediaDescriptions) != len(asked) {
		return "", fmt.Errorf("answer has %d media sections for the %d of our offer", len(desc.MediaDescriptions), len(asked))
	}
	desc.Attributes = slices.DeleteFunc(desc.Attributes, func(a sdp.Attribute) bool {
		return a.Key != "group" && !slices.Contains(transport, a.Key)
	})
	taken := false
	for i, m := range desc.MediaDescriptions {
		s := &section{kind: asked[i]}
		if m.MediaName.Media != s.kind.String() {
			return "", fmt.Errorf("answer has %.20q where our offer has %s", m.MediaName.Media, s.kind)
		}
		s.codecs = slices.DeleteFunc(readCodecs(m, s.kind), func(c offeredCodec) bool {
			return !slices.ContainsFunc(wanted[s.kind], func(w offeredCodec) bool { return w.pt == c.pt && w.codec == c.codec })
		})
		if _, inactive := m.Attribute("inactive"); m.MediaName.Port.Value == 0 || inactive {
			continue
		}
		if len(s.codecs) == 0 {
			return "", fmt.Errorf("answer: %w: the far end sends %s in none of ours", ErrNoCodec, s.kind)
		}
		s.reduce(m, true)
		m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool { return a.Key == "candidate" && !allowed(a.Value, reach) })
		p.offered[s.kind], taken = s, true
	}
	if !taken {
		return "", errors.New("answer: the far end sends neither sound nor frames")
	}
	b, err := desc.Marshal()
	return string(b), err
}

// allowed tells whether checks may be sent to a candidate.
func allowed(candidate string, reach func(netip.Addr) bool) bool {
	c, err := ice.UnmarshalCandidate(candidate)
	if err != nil {
		return false
	}
	a, err := netip.ParseAddr(c.Address())
	return err == nil && reach(a)
}
