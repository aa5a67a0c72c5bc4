package rtc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"livedub/media"
	"livedub/media/clock"
	"livedub/media/pace"
)

// ViewOptions say what a viewer is shown.
type ViewOptions struct {
	Clock    pace.Clock // the session's: packets' times are output times on it
	StreamID string     // one msid for audio and video, or browsers do not sync them
}

// Viewer is a peer that we send media to: a media.Sink. Write never blocks.
type Viewer struct {
	*peer
	o       ViewOptions
	clock   *clock.ReportClock
	queue   *outQueue
	video   media.Codec
	audio   media.Codec
	outputs map[media.Kind]*Sender

	mu         sync.Mutex
	control    media.Control // of whoever feeds it; nil before that is known
	estimate   *estimate
	loss       float64
	rtt        time.Duration
	lastKey    time.Duration
	askedKey   bool
	framed     time.Duration // when the last frame was sent
	reportedAt time.Duration // when the viewer last reported
	stats      ViewerStats
}

// Control implements media.Controller: a keyframe is asked for at most once per
// 500 ms, a bitrate of 150k to 8M told at most once a second.
func (v *Viewer) Control(c media.Control) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.control = c
}

// View answers a viewer's offer. ctx bounds the negotiation, not the life of
// the peer. Nothing but what follows the connection is shown: it begins with a keyframe.
func (h *Host) View(ctx context.Context, offerSDP string, o ViewOptions) (*Viewer, string, error) {
	if o.Clock == nil || o.StreamID == "" {
		return nil, "", errors.New("view: a clock and a stream id are needed")
	}
	offer, err := parseOffer(offerSDP, false)
	if err != nil {
		return nil, "", err
	}
	v := &Viewer{o: o, clock: clock.NewReportClock(o.Clock), outputs: map[media.Kind]*Sender{}, estimate: newEstimate()}
	v.queue = newOutQueue(v.needKey)
	if v.peer, err = h.newPeer(offer, false, v.queue.close, func() any { return v.Stats() }); err != nil {
		return nil, "", err
	}
	answer, err := v.negotiate(ctx, offer, func() error {
		for _, s := range []*section{offer.audio, offer.video} {
			if s != nil {
				if err := v.add(s); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	v.spawn("send", v.send)
	return v, answer, nil
}

// add makes the track of a section.
func (v *Viewer) add(s *section) error {
	c := s.codecs[0]
	track := &outTrack{id: s.kind.String(), stream: v.o.StreamID, codec: c}
	rtpSender, err := v.pc.AddTrack(track)
	if err != nil {
		return fmt.Errorf("%s track: %w", s.kind, err)
	}
	encodings := rtpSender.GetParameters().Encodings
	if len(encodings) == 0 {
		return fmt.Errorf("%s track has no encoding", s.kind)
	}
	sender, err := NewSender(SenderConfig{
		Codec: c.codec, SSRC: uint32(encodings[0].SSRC), Clock: v.clock, WriteRTP: track.WriteRTP, WriteRTCP: v.pc.WriteRTCP,
	})
	if err != nil {
		return err
	}
	v.outputs[s.kind] = sender
	if s.kind == media.Audio {
		v.audio = c.codec
	} else {
		v.video = c.codec
	}
	v.spawn("feedback", func() { v.feedback(rtpSender, sender.c.SSRC, s.kind) })
	return nil
}

// Codecs tells what was chosen from the offer: H.264 before VP8; "" where there is no such track.
func (v *Viewer) Codecs() (video, audio media.Codec) { return v.video, v.audio }

// Start checks that the tracks are what was negotiated.
func (v *Viewer) Start(tracks []media.Track) error {
	for _, t := range tracks {
		want := v.video
		if t.Kind == media.Audio {
			want = v.audio
		}
		if want != "" && t.Codec != want {
			return fmt.Errorf("viewer takes %s in %s, not in %s", t.Kind, want, t.Codec)
		}
	}
	return nil
}

// AddTrack checks that a track that begins later is what was negotiated.
func (v *Viewer) AddTrack(t media.Track) error { return v.Start([]media.Track{t}) }

// Write queues one access unit. It fails with media.ErrGone once the viewer is
// gone; one that is too slow or not yet connected is no failure.
func (v *Viewer) Write(p media.Packet) error {
	select {
	case <-v.quit:
		return media.ErrGone
	default:
	}
	if v.outputs[p.Kind] != nil {
		v.queue.push(p)
	}
	return nil
}

// send writes what is queued, once connected.
func (v *Viewer) send() {
	select {
	case <-v.connected:
	case <-v.quit:
		return
	}
	v.queue.start()
	if v.video != "" {
		v.needKey()
	}
	sent := map[media.Kind]bool{}
	for {
		packets, ok := v.queue.take()
		if !ok {
			return
		}
		for _, p := range packets {
			n, err := v.outputs[p.Kind].Write(p)
			for !sent[p.Kind] && errors.Is(err, errNotBound) && v.pause(bindPoll) {
				n, err = v.outputs[p.Kind].Write(p)
			}
			sent[p.Kind] = true
			if err != nil {
				v.log.Debug("send", "kind", p.Kind, "error", err)
				continue
			}
			v.count(p, n)
		}
	}
}

// bindPoll is how often a track that is about to be sent is tried.
const bindPoll = time.Millisecond

// pause waits for d; false if the peer ends meanwhile.
func (v *Viewer) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-v.quit:
		return false
	}
}

// count notes what was sent, and tells news of the room there is.
func (v *Viewer) count(p media.Packet, packets int) {
	now := v.clock.Now()
	v.mu.Lock()
	v.stats.Frames++
	v.stats.Packets += uint64(packets)
	v.stats.Bytes += uint64(len(p.Data))
	if p.Kind == media.Video {
		v.estimate.sent(len(p.Data), now)
		v.framed = now
	} else if now-v.reportedAt > reportsEnd && now-v.framed > withheldAfter {
		v.estimate.report(0, 0, now) // nobody tells how the path is: try again
	}
	bps, changed := v.estimate.news(now)
	control := v.control
	v.mu.Unlock()
	if changed && control != nil {
		control.SetMaxBitrate(bps)
	}
}

// feedback reads what the viewer says of one track.
func (v *Viewer) feedback(s *webrtc.RTPSender, ssrc uint32, kind media.Kind) {
	for {
		packets, _, err := s.ReadRTCP()
		if err != nil {
			return
		}
		for _, k := range packets {
			switch k := k.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				v.mu.Lock()
				v.stats.Keyframes++
				v.mu.Unlock()
				v.needKey()
			case *rtcp.ReceiverReport:
				v.reported(k.Reports, ssrc, kind)
			case *rtcp.SenderReport:
				v.reported(k.Reports, ssrc, kind)
			}
		}
	}
}

// withheldAfter is how long no frame was sent when they count as withheld.
const withheldAfter = time.Second

// reportsEnd is how long no report came when none is expected anymore. Some
// viewers never send any: they have the bitrate that an estimate starts with.
const reportsEnd = 10 * time.Second

// reported notes what the viewer says of one track, and tells news of the room
// there is. While frames are withheld, sound tells of the path in their
// place: a browser stops reporting what it no longer gets, and who has no room
// for frames would never see again.
func (v *Viewer) reported(reports []rtcp.ReceptionReport, ssrc uint32, kind media.Kind) {
	now := v.clock.Now()
	v.mu.Lock()
	witness, withheld := media.Video, now-v.framed > withheldAfter
	if withheld && v.audio != "" {
		witness = media.Audio
	}
	for _, r := range reports {
		v.reportedAt = now
		if r.SSRC != ssrc || kind != witness || v.video == "" {
			continue
		}
		v.rtt = 0
		if d := uint32(v.clock.NTP(now)>>16) - r.LastSenderReport - r.Delay; r.LastSenderReport != 0 && d < 1<<31 {
			v.rtt = time.Duration(d) * time.Second >> 16
		}
		v.loss = float64(r.FractionLost) / 256
		if withheld && witness == media.Video {
			v.estimate.report(0, 0, now) // nothing of ours is lost or queues up: try again
			continue
		}
		v.estimate.report(v.loss, v.rtt, now)
	}
	bps, changed := v.estimate.news(now)
	control := v.control
	v.mu.Unlock()
	if changed && control != nil {
		control.SetMaxBitrate(bps)
	}
}

// needKey hands on that the viewer needs a keyframe, seldom enough for an encoder that serves many.
func (v *Viewer) needKey() {
	now := v.clock.Now()
	v.mu.Lock()
	soon := v.askedKey && now-v.lastKey < keyInterval
	if !soon {
		v.askedKey, v.lastKey = true, now
	}
	control := v.control
	v.mu.Unlock()
	if !soon && control != nil { // else it begins with one
		control.Keyframe()
	}
}

// Stats returns the counters so far.
func (v *Viewer) Stats() ViewerStats {
	dropped := v.queue.drops()
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.stats
	s.Dropped, s.Loss, s.RTT = dropped, v.loss, v.rtt
	s.Bitrate = int(v.estimate.rate)
	return s
}
