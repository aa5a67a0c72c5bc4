package bot

import (
	"sync"
	"sync/atomic"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"livedub/connectors/livekit/relay"
)

// outlet is one dub as the room sees it: a sound, and a picture where one is wanted, of
// one name and in one stream, which receivers keep in step.
type outlet struct {
	s    *stay
	name string // PARTICIPANT-LANG

	feeds atomic.Int64 // connections that have brought it, one after another

	mu    sync.Mutex
	sound *out
	sight *out
}

// out is one published track.
type out struct {
	s      *stay
	stream *relay.Stream
	track  *lksdk.LocalTrack
	pub    *lksdk.LocalTrackPublication
	ask    atomic.Pointer[func()] // asks livedub for a keyframe
	feed   atomic.Int64           // the connection that it passes on
}

// takes tells whether a packet of a connection is passed on: of the newest one that has
// brought any.
func (o *out) takes(feed int64) bool {
	for {
		now := o.feed.Load()
		if feed <= now || o.feed.CompareAndSwap(now, feed) {
			return feed >= now
		}
	}
}

// writer has a track of LiveKit's client take packets.
type writer struct{ track *lksdk.LocalTrack }

func (w writer) WriteRTP(p *rtp.Packet) error { return w.track.WriteRTP(p, nil) }

// publish returns the track of a kind, and publishes it where it is not yet.
func (o *outlet) publish(kind webrtc.RTPCodecType, codec webrtc.RTPCodecCapability) (*out, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := &o.sound
	if kind == webrtc.RTPCodecTypeVideo {
		at = &o.sight
	}
	if *at != nil {
		return *at, nil
	}
	made := &out{s: o.s}
	track, err := lksdk.NewLocalTrack(codec, lksdk.WithRTCPHandler(made.heard))
	if err != nil {
		return nil, err
	}
	made.track, made.stream = track, relay.New(codec.ClockRate, writer{track})
	source := livekit.TrackSource_MICROPHONE
	if kind == webrtc.RTPCodecTypeVideo {
		source = livekit.TrackSource_CAMERA
	}
	o.s.publishing.Lock()
	defer o.s.publishing.Unlock()
	made.pub, err = o.s.room.LocalParticipant.PublishTrack(track, &lksdk.TrackPublicationOptions{
		Name: o.name, Source: source, Stream: o.name, DisableDTX: true,
	})
	if err != nil {
		return nil, err
	}
	*at = made
	o.s.poke()
	return made, nil
}

// drop takes the picture back.
func (o *outlet) drop() {
	o.mu.Lock()
	gone := o.sight
	o.sight = nil
	o.mu.Unlock()
	gone.unpublish()
}

// unpublish takes both back.
func (o *outlet) unpublish() {
	o.mu.Lock()
	sound, sight := o.sound, o.sight
	o.sound, o.sight = nil, nil
	o.mu.Unlock()
	sight.unpublish()
	sound.unpublish()
}

// sids returns the tracks' names in the room; "" for one that is not published.
func (o *outlet) sids() (sound, sight string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sound.sid(), o.sight.sid()
}

func (o *out) unpublish() {
	if o == nil {
		return
	}
	o.s.publishing.Lock()
	defer o.s.publishing.Unlock()
	// A connection that is lost has unpublished it already.
	_ = o.s.room.LocalParticipant.UnpublishTrack(o.sid())
	o.s.poke()
}

// sid returns the name that the track has now: it gets another one when the client has
// connected anew.
func (o *out) sid() string {
	if o == nil {
		return ""
	}
	for _, pub := range o.s.room.LocalParticipant.TrackPublications() {
		if local, ok := pub.(*lksdk.LocalTrackPublication); ok && local.TrackLocal() == webrtc.TrackLocal(o.track) {
			return local.SID()
		}
	}
	return o.pub.SID()
}

// heard takes what the room reports of the track: that somebody needs a keyframe.
func (o *out) heard(p rtcp.Packet) {
	switch p.(type) {
	case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
		if ask := o.ask.Load(); ask != nil {
			(*ask)()
		}
	}
}

// report passes livedub's sender report on to the room.
func (o *out) report(sr *rtcp.SenderReport) {
	pc := o.s.room.LocalParticipant.GetPublisherPeerConnection()
	if pc == nil {
		return
	}
	for _, sender := range pc.GetSenders() {
		if sender.Track() != webrtc.TrackLocal(o.track) {
			continue
		}
		if es := sender.GetParameters().Encodings; len(es) > 0 {
			if r, ok := o.stream.Report(sr, uint32(es[0].SSRC)); ok {
				_ = pc.WriteRTCP([]rtcp.Packet{r}) // the next one is a second away
			}
		}
	}
}
