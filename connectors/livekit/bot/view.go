package bot

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"livedub/connectors/livekit/doors"
)

// view brings one dub into the room until ctx ends: over one connection to livedub after
// another, by the same tracks. Where there is no connection, and none is had at once, the
// tracks are taken back: listeners hear the original then, instead of nothing.
func (d *dubbing) view(ctx context.Context, lang string) {
	o := &outlet{s: d.s, name: d.id + "-" + lang}
	d.mu.Lock()
	d.outlets[lang] = o
	d.mu.Unlock()
	defer func() {
		o.unpublish()
		d.mu.Lock()
		delete(d.outlets, lang)
		d.mu.Unlock()
	}()
	wait := minRetry
	var before *link
	for ctx.Err() == nil {
		began := time.Now()
		var err error
		before, err = d.viewOnce(ctx, lang, o, before)
		if err == nil || ctx.Err() != nil {
			wait = minRetry
			continue
		}
		if time.Since(began) > hold {
			d.s.cfg.Log.Warn("no dub comes: connecting again", "speaker", d.id, "lang", lang, "err", err)
			wait = minRetry
			continue
		}
		d.s.cfg.Log.Warn("no dub comes", "speaker", d.id, "lang", lang, "again in", wait, "err", err)
		o.unpublish()
		d.fail(err)
		pause(ctx, wait)
		wait = min(2*wait, maxPause)
	}
	o.unpublish() // before livedub is told: it may not answer
	before.close(ctx)
}

// link is a connection to livedub, and who passes on what comes and goes by it.
type link struct {
	peer    *doors.Peer
	passing gate
	off     []func()     // take it from what feeds it
	came    atomic.Int64 // when the last packet came by it, ns since 1970; 0: none has
}

// stall is for how long nothing may come by a connection that has brought something, until
// another one is tried beside it: a dub's sound comes every 20 ms. A node that has died is
// noticed by ICE seconds later.
const stall = time.Second

// stalls tells whether what came by a connection comes no longer.
func (l *link) stalls() bool {
	at := l.came.Load()
	return at != 0 && time.Since(time.Unix(0, at)) > stall
}

// close ends the connection and waits for all that belongs to it; nil has nothing to end.
func (l *link) close(ctx context.Context) {
	if l != nil {
		for _, off := range l.off {
			off()
		}
		l.peer.Close(ctx)
		l.passing.close()
	}
}

// viewOnce passes one connection on until it is gone, ctx ends, or a picture is wanted, or
// no longer; then it returns nil. A connection that is to be followed by another one
// elsewhere is returned open: it is before of the next call, which closes it when the
// other one is there.
func (d *dubbing) viewOnce(ctx context.Context, lang string, o *outlet, before *link) (*link, error) {
	defer func() { before.close(ctx) }()
	want, _ := d.want.get()
	session, _ := d.session.get()
	place, moved := d.moved.get()
	sight := slices.Contains(want.Video, lang)
	if !sight {
		o.drop()
	}
	pc, err := d.s.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	if err := receives(pc, sight); err != nil {
		_ = pc.Close()
		return nil, err
	}
	feed := o.feeds.Add(1)
	now := &link{passing: newGate()}
	pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		if now.passing.enter() {
			defer now.passing.done()
			guard(d.s.cfg.Log, "passing a dub on", func() { d.pass(pc, t, r, o, now, feed) })
		}
	})
	if now.peer, err = d.s.cfg.Livedub.Connect(ctx, pc, session.WHEP[lang]); err != nil {
		now.passing.close()
		kept := before
		before = nil
		return kept, err
	}
	before.close(ctx)
	before = now // closed on return, unless it is what the next call goes on from
	d.arrived.change(func(n int) int { return max(n, place) })
	d.fail(nil)
	look := time.NewTicker(stall / 4)
	defer look.Stop()
	for {
		want, changed := d.want.get()
		if slices.Contains(want.Video, lang) != sight {
			return nil, nil
		}
		select {
		case <-ctx.Done():
			o.unpublish() // before livedub is told: it may not answer
			return nil, nil
		case <-now.peer.Gone():
			return nil, fmt.Errorf("the connection that brings %s is gone", o.name)
		case <-look.C:
			if now.stalls() {
				d.s.cfg.Log.Warn("nothing comes from livedub: connecting anew", "speaker", d.id, "lang", lang)
				d.moved.change(func(n int) int { return n + 1 })
			}
		case <-moved:
			before = nil
			return now, nil
		case <-changed:
		}
	}
}

// receives prepares a connection to receive a dub: the picture in VP8, which every
// client of LiveKit decodes.
func receives(pc *webrtc.PeerConnection, sight bool) error {
	only := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, only); err != nil || !sight {
		return err
	}
	video, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, only)
	if err != nil {
		return err
	}
	return video.SetCodecPreferences([]webrtc.RTPCodecParameters{{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeVP8, ClockRate: 90000,
			RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "transport-cc"}},
		}, PayloadType: 96,
	}})
}

// pass passes one track of livedub's on into the room until it ends.
// What a connection of a higher number brings takes the place of what this one does.
func (d *dubbing) pass(pc *webrtc.PeerConnection, t *webrtc.TrackRemote, r *webrtc.RTPReceiver, o *outlet, by *link, feed int64) {
	codec := t.Codec().RTPCodecCapability
	codec.RTCPFeedback = nil
	to, err := o.publish(t.Kind(), codec)
	if err != nil {
		d.s.cfg.Log.Warn("a dub could not be published: connecting again", "dub", o.name, "kind", t.Kind(), "err", err)
		_ = pc.Close()
		return
	}
	// Without it nobody sees a frame until livedub happens to send a keyframe.
	ask := func() {
		_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(t.SSRC())}})
	}
	if t.Kind() == webrtc.RTPCodecTypeVideo {
		to.ask.Store(&ask)
		ask()
	}
	reports := newGate()
	defer reports.close()
	reports.enter()
	go func() {
		defer reports.done()
		guard(d.s.cfg.Log, "reports of a dub", func() { forward(r, to) })
	}()
	for {
		p, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		by.came.Store(time.Now().UnixNano())
		if !to.takes(feed) {
			continue
		}
		// A room that is lost is joined anew, with other tracks.
		_ = to.stream.Write(p)
	}
}

// forward passes on livedub's sender reports, until the connection ends.
func forward(r *webrtc.RTPReceiver, to *out) {
	for {
		packets, _, err := r.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok {
				to.report(sr)
			}
		}
	}
}
