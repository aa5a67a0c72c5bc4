package rtc

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"livedub/media"
	"livedub/media/clock"
	"livedub/media/pace"
	"livedub/media/packets"
)

// Bounds of what waits for the session.
const (
	queuePackets = 1024
	queueBytes   = 24 << 20
)

// PublishOptions say how a publisher's media meets the session.
type PublishOptions struct {
	// Clock is the session's: packets get their times on it.
	Clock pace.Clock
	// JitterDelay is how long after its own time a gap in the frames may wait for
	// repair before it counts as lost; 0 for 60 ms. Sound waits for 250 ms at
	// most, and for 60 ms where the peer does not repair it.
	JitterDelay time.Duration
}

// Publisher is a peer that sends us media: a media.Source.
//
// Its packets are in decoding order within a track. Gap tells of loss, of a
// jump of the sender's clock, and of packets dropped because nobody read them.
// A track is known with its first packet, however long after the other's that
// is: a camera may start late, or come with another call of replaceTrack.
type Publisher struct {
	*peer
	clock       pace.Clock
	jitterDelay time.Duration
	times       *clock.Timebase
	queue       *packets.Queue
	offered     map[media.Kind]*section
	first       chan struct{} // closed with the first media packet

	mu     sync.Mutex
	inputs map[media.Kind]*input
	begun  bool          // first is closed
	heard  time.Duration // when the last media packet came

	asked   uint64        // keyframes, by Keyframe
	lastKey time.Duration // when it last asked
}

// input is one track that sends.
type input struct {
	track    media.Track
	time     *clock.TrackTime
	receiver *Receiver
	ask      func()
}

// Publish answers a publisher's offer. ctx bounds the negotiation, not the life
// of the peer, which is ended by Close, by the host, or by its own silence.
func (h *Host) Publish(ctx context.Context, offerSDP string, o PublishOptions) (*Publisher, string, error) {
	if o.Clock == nil {
		return nil, "", errors.New("publish: a clock is needed")
	}
	offer, err := parseOffer(offerSDP, true)
	if err != nil {
		return nil, "", err
	}
	p := newPublisher(o)
	for _, s := range []*section{offer.audio, offer.video} {
		if s != nil {
			p.offered[s.kind] = s
		}
	}
	if p.peer, err = h.newPeer(offer, true, p.queue.Close, func() any { return p.Stats() }); err != nil {
		return nil, "", err
	}
	p.pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) { p.spawn("track", func() { p.receive(t, r) }) })
	answer, err := p.negotiate(ctx, offer, func() error { return nil })
	if err != nil {
		return nil, "", err
	}
	return p, answer, nil
}

// receive takes one track in until it ends.
func (p *Publisher) receive(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	c := t.Codec()
	offered, ok := p.codec(t.Kind(), uint8(c.PayloadType))
	if !ok {
		return
	}
	in := &input{track: offered.track(), time: p.times.Track(int(c.ClockRate))}
	// The answer's format line may lack the sender's parameter sets: the offer's has them.
	config := ReceiverConfig{
		Codec: offered.codec, Fmtp: offered.fmtp, PayloadType: offered.pt, Times: in.time, Clock: p.clock, JitterDelay: p.jitterDelay, Out: p.queue.Push,
	}
	ssrc := uint32(t.SSRC())
	in.ask = func() { p.write(keyRequest(c, ssrc)) }
	config.PLI = in.ask
	if hasFeedback(c, "nack", "") {
		config.NACK = func(numbers []uint16) {
			p.write(&rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(numbers)})
		}
	}
	config.Heard = p.hear
	in.receiver = NewReceiver(config)
	if !p.enter(in) { // a second one of its kind
		p.times.Drop(in.time)
		return
	}
	p.spawn("reports", func() { p.reports(in, r) })
	if err := in.receiver.Run(t); !errors.Is(err, io.EOF) {
		p.log.Debug("track ended", "kind", in.track.Kind, "error", err)
	}
}

// codec returns what the offer says of a payload type.
func (p *Publisher) codec(kind webrtc.RTPCodecType, pt uint8) (offeredCodec, bool) {
	s := p.offered[media.Video]
	if kind == webrtc.RTPCodecTypeAudio {
		s = p.offered[media.Audio]
	}
	if s != nil {
		for _, c := range s.codecs {
			if c.pt == pt {
				return c, true
			}
		}
	}
	return offeredCodec{}, false
}

// enter makes a track known, the first of its kind.
func (p *Publisher) enter(in *input) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inputs[in.track.Kind] != nil {
		return false
	}
	p.inputs[in.track.Kind] = in
	return true
}

// hear notes that a packet came.
func (p *Publisher) hear(at time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = at
	if !p.begun {
		p.begun = true
		close(p.first)
	}
}

// reports gives the track's sender reports to the clock mapping.
func (p *Publisher) reports(in *input, r *webrtc.RTPReceiver) {
	for {
		packets, _, err := r.ReadRTCP()
		if err != nil {
			return
		}
		for _, k := range packets {
			if sr, ok := k.(*rtcp.SenderReport); ok {
				in.time.Report(sr.NTPTime, sr.RTPTime)
			}
		}
	}
}

// Keyframe asks the sender for a keyframe, at most once per 500 ms.
func (p *Publisher) Keyframe() {
	now := p.clock.Now()
	p.mu.Lock()
	in := p.inputs[media.Video]
	due := in != nil && (p.asked == 0 || now-p.lastKey >= keyInterval)
	if due {
		p.asked, p.lastKey = p.asked+1, now
	}
	p.mu.Unlock()
	if due {
		in.ask()
	}
}

func (p *Publisher) write(k rtcp.Packet) {
	if err := p.pc.WriteRTCP([]rtcp.Packet{k}); err != nil {
		p.log.Debug("write RTCP", "error", err)
	}
}

// keyRequest asks in the way that was negotiated.
func keyRequest(c webrtc.RTPCodecParameters, ssrc uint32) rtcp.Packet {
	if !hasFeedback(c, "nack", "pli") && hasFeedback(c, "ccm", "fir") {
		return &rtcp.FullIntraRequest{MediaSSRC: ssrc, FIR: []rtcp.FIREntry{{SSRC: ssrc, SequenceNumber: uint8(time.Now().UnixMilli() / 250)}}}
	}
	return &rtcp.PictureLossIndication{MediaSSRC: ssrc}
}

func hasFeedback(c webrtc.RTPCodecParameters, kind, parameter string) bool {
	for _, f := range c.RTCPFeedback {
		if f.Type == kind && f.Parameter == parameter {
			return true
		}
	}
	return false
}

// Ready waits for the first media packet.
func (p *Publisher) Ready(ctx context.Context) error {
	select {
	case <-p.first:
		return nil
	case <-p.quit:
		return io.EOF
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Tracks returns what has been sent so far. Sizes are unknown, and may change.
func (p *Publisher) Tracks() []media.Track {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []media.Track
	for _, kind := range []media.Kind{media.Video, media.Audio} {
		if in := p.inputs[kind]; in != nil {
			out = append(out, in.track)
		}
	}
	return out
}

// Read returns the next access unit; io.EOF once the peer is gone.
func (p *Publisher) Read(ctx context.Context) (media.Packet, error) { return p.queue.Pop(ctx) }

// Silent returns how long ago the last media packet arrived, or the offer if none did.
func (p *Publisher) Silent() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clock.Now() - p.heard
}
