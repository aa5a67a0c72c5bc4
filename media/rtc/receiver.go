package rtc

import (
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"

	"livedub/media"
	"livedub/media/clock"
	"livedub/media/pace"
)

// Times of reception.
const (
	defaultJitterDelay = 60 * time.Millisecond
	audioJitterDelay   = 60 * time.Millisecond  // sound without NACK waits for reordering only
	audioNACK          = 250 * time.Millisecond // recognition hears sound at arrival: no longer with it either
	keyInterval        = 500 * time.Millisecond // between requests for keyframes
	pollInterval       = 5 * time.Millisecond   // while a gap is open
	dtsMargin          = 10 * time.Millisecond
)

// RTPSource is where a Receiver reads, as *webrtc.TrackRemote is.
type RTPSource interface {
	ReadRTP() (*rtp.Packet, interceptor.Attributes, error)
	SetReadDeadline(time.Time) error
}

// ReceiverConfig says what a Receiver receives.
type ReceiverConfig struct {
	Codec       media.Codec      // H264, VP8 or Opus
	Fmtp        string           // the codec's SDP format line, "" if unknown
	PayloadType uint8            // packets of another are skipped; 0 for any
	Times       *clock.TrackTime // from the sender's Timebase
	Clock       pace.Clock
	JitterDelay time.Duration          // as in PublishOptions
	NACK        func(numbers []uint16) // asks for packets again; nil where nobody answers
	PLI         func()                 // asks for a keyframe; at most one per 500 ms
	Out         func(media.Packet)     // takes what was received, in decoding order
	Heard       func(at time.Duration) // called for every RTP packet; may be nil
}

// Receiver turns one track's RTP packets to access units on the session clock.
//
// A frame's PTS is where its timestamp stands. Without reordering DTS equals
// it. B-frames show by times that go back: packets then keep their PTS, in
// decoding order, and DTS is what rises, earlier than PTS by the depth seen.
type Receiver struct {
	c     ReceiverConfig
	audio bool

	// Owned by whoever calls take and tick: Run.
	jitter    jitterBuffer
	frames    *assembler
	lastKey   time.Duration
	askedKey  bool
	highest   time.Duration // PTS
	lastDTS   time.Duration
	depth     time.Duration // of reordering
	begun     bool
	lostSound bool

	stats receiverStats
}

type receiverStats struct {
	packets, bytes, lost, recovered, late, frames, dropped, plis, nacks atomic.Uint64
}

// NewReceiver makes a receiver; Run makes it receive.
func NewReceiver(c ReceiverConfig) *Receiver {
	r := &Receiver{c: c, audio: c.Codec == media.Opus}
	r.jitter.delay, r.jitter.starts = c.JitterDelay, func([]byte) bool { return true }
	if c.JitterDelay <= 0 {
		r.jitter.delay = defaultJitterDelay
	}
	switch {
	case !r.audio:
		r.frames = newAssembler(c.Codec, c.Fmtp)
		r.jitter.starts = r.frames.starts
	case c.NACK == nil:
		r.jitter.delay = min(r.jitter.delay, audioJitterDelay)
	default:
		r.jitter.delay = min(r.jitter.delay, audioNACK)
	}
	return r
}

// Run receives until src ends, and returns the error it ended with.
func (r *Receiver) Run(src RTPSource) error {
	polling := false
	for {
		if waits := r.jitter.waiting(r.c.Clock.Now()); waits || polling {
			var deadline time.Time
			if waits {
				deadline = time.Now().Add(pollInterval)
			}
			polling = waits
			if err := src.SetReadDeadline(deadline); err != nil {
				return err
			}
		}
		p, _, err := src.ReadRTP()
		at := r.c.Clock.Now()
		var timeout net.Error
		switch {
		case err == nil:
			r.take(p, at)
		case !errors.As(err, &timeout) || !timeout.Timeout():
			return err
		}
		r.tick(at)
	}
}

// take puts a packet that arrived at at into its place.
func (r *Receiver) take(p *rtp.Packet, at time.Duration) {
	r.stats.packets.Add(1)
	r.stats.bytes.Add(uint64(len(p.Payload)))
	if r.c.Heard != nil {
		r.c.Heard(at)
	}
	n, where := r.jitter.locate(p.SequenceNumber)
	if !r.jitter.admit(n, where) {
		return
	}
	if r.c.PayloadType != 0 && p.PayloadType != r.c.PayloadType {
		p.Payload = nil
	}
	pts, jumped := r.c.Times.Map(p.Timestamp, at, where.leads())
	r.jitter.push(arrival{Packet: p, seq: n, pts: pts, jumped: jumped}, at)
}

// tick hands on what is complete by at, and asks for what is missing.
func (r *Receiver) tick(at time.Duration) {
	for {
		p, ok := r.jitter.pop(at)
		if !ok {
			break
		}
		if r.audio {
			r.sound(p)
		} else if r.frames.add(p, r.frame) {
			r.askKey(at)
		}
	}
	if r.c.NACK != nil && len(r.jitter.gaps) > 0 {
		if numbers := r.jitter.nack(at); len(numbers) > 0 {
			r.stats.nacks.Add(uint64(len(numbers)))
			r.c.NACK(numbers)
		}
	}
	r.stats.lost.Store(r.jitter.lost)
	r.stats.recovered.Store(r.jitter.recovered)
	r.stats.late.Store(r.jitter.late)
	if r.frames != nil {
		r.stats.frames.Store(r.frames.frames)
		r.stats.dropped.Store(r.frames.dropped)
	}
}

func (r *Receiver) askKey(at time.Duration) {
	if r.c.PLI == nil || r.askedKey && at-r.lastKey < keyInterval {
		return
	}
	r.askedKey, r.lastKey = true, at
	r.stats.plis.Add(1)
	r.c.PLI()
}

func (r *Receiver) sound(a arrival) {
	r.lostSound = r.lostSound || a.lost > 0 || a.jumped
	if len(a.Payload) == 0 {
		return
	}
	d := opusDuration(a.Payload)
	if d == 0 {
		r.stats.dropped.Add(1)
		r.lostSound = true
		return
	}
	pts := a.pts
	if r.begun {
		pts = max(pts, r.highest+1) // corrections never turn time back
	}
	r.begun, r.highest = true, pts
	r.stats.frames.Add(1)
	p := media.Packet{Kind: media.Audio, PTS: pts, DTS: pts, Duration: d, Key: true, Gap: r.lostSound, Data: a.Payload}
	r.lostSound = false
	r.c.Out(p)
}

// frame gives a frame its decoding time.
func (r *Receiver) frame(p media.Packet) {
	if r.begun && p.PTS < r.highest && !p.Gap {
		if back := r.highest - p.PTS; back < clock.MaxDeviate {
			r.depth = max(r.depth, back+dtsMargin)
		}
	}
	p.DTS = p.PTS - r.depth
	if r.begun {
		p.DTS = max(p.DTS, r.lastDTS+1)
	}
	if r.depth == 0 { // nothing is reordered: times rise
		p.PTS = max(p.PTS, p.DTS)
	}
	r.highest = max(r.highest, p.PTS)
	r.begun, r.lastDTS = true, p.DTS
	r.c.Out(p)
}
