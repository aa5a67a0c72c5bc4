package bot

import (
	"context"
	"fmt"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"livedub/connectors/livekit/doors"
	"livedub/connectors/livekit/relay"
)

// publish has livedub hear, and see, the participant: over one connection after another,
// as tracks come and go.
func (d *dubbing) publish(ctx context.Context, end context.CancelCauseFunc) {
	wait := minRetry
	var before *link
	defer func() { before.close(ctx) }()
	for ctx.Err() == nil {
		mic, camera, wants, tracks := d.sources()
		if mic == nil {
			before.close(ctx)
			before = nil
			select {
			case <-ctx.Done():
			case <-wants:
			case <-tracks:
			}
			continue
		}
		began := time.Now()
		var err error
		before, err = d.publishOnce(ctx, mic, camera, before)
		switch {
		case err == nil || ctx.Err() != nil:
			wait = minRetry
			continue
		case doors.Gone(err):
			end(fmt.Errorf("publish to livedub: %w", err))
			return
		case time.Since(began) > hold:
			wait = minRetry
		}
		d.s.cfg.Log.Warn("livedub does not hear the speaker", "speaker", d.id, "again in", wait, "err", err)
		pause(ctx, wait)
		wait = min(2*wait, maxPause)
	}
}

// sources returns the tracks that are wanted of those that are there, and what is closed
// when others are wanted, and when others are there.
func (d *dubbing) sources() (mic, camera *intake, wants, tracks <-chan struct{}) {
	want, wants := d.want.get()
	have, tracks := d.s.tracks.get()
	return have[want.Mic], have[want.Camera], wants, tracks
}

// publishOnce publishes until the tracks are others, the connection is gone or ctx ends.
// A connection that is to be followed by another one elsewhere is returned open, as by
// viewOnce; before is that of the last call.
func (d *dubbing) publishOnce(ctx context.Context, mic, camera *intake, before *link) (*link, error) {
	defer func() { before.close(ctx) }()
	place, arrived := d.arrived.get()
	pc, err := d.s.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	sources := []*intake{mic}
	if camera != nil {
		sources = append(sources, camera)
	}
	now := &link{passing: newGate()}
	var sinks []*sink
	for _, in := range sources {
		to, err := d.sends(pc, in, now.passing)
		if err != nil {
			_ = pc.Close()
			now.passing.close()
			return nil, err
		}
		sinks = append(sinks, to)
	}
	session, _ := d.session.get()
	if now.peer, err = d.s.cfg.Livedub.Connect(ctx, pc, session.WHIP); err != nil {
		now.passing.close()
		kept := before
		before = nil
		return kept, err
	}
	for i, in := range sources {
		in.sink.Store(sinks[i])
		now.off = append(now.off, func() { in.sink.CompareAndSwap(sinks[i], nil) })
		in.ask()
	}
	before.close(ctx)
	before = now // closed on return, unless it is what the next call goes on from
	d.s.cfg.Log.Debug("livedub hears the speaker", "speaker", d.id, "camera", camera != nil)
	for {
		mic2, camera2, wants, tracks := d.sources()
		if mic2 != mic || camera2 != camera {
			return nil, nil
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-now.peer.Gone():
			return nil, fmt.Errorf("the connection by which livedub hears %q is gone", d.id)
		case <-arrived:
			// Who listens is there already, so nobody misses what is said there.
			var at int
			if at, arrived = d.arrived.get(); at != place {
				before = nil
				return now, nil
			}
		case <-wants:
		case <-tracks:
		}
	}
}

// sends adds a source to a connection that is not there yet.
func (d *dubbing) sends(pc *webrtc.PeerConnection, in *intake, passing gate) (*sink, error) {
	track, err := webrtc.NewTrackLocalStaticRTP(in.codec, in.track.Kind().String(), "speaker")
	if err != nil {
		return nil, err
	}
	sender, err := pc.AddTrack(track)
	if err != nil {
		return nil, err
	}
	passing.enter()
	go func() {
		defer passing.done()
		guard(d.s.cfg.Log, "reports of livedub", func() { asks(sender, in.ask) })
	}()
	ssrc := uint32(sender.GetParameters().Encodings[0].SSRC)
	stream := relay.New(in.codec.ClockRate, track)
	return &sink{stream, func(sr *rtcp.SenderReport) {
		if out, ok := stream.Report(sr, ssrc); ok {
			_ = pc.WriteRTCP([]rtcp.Packet{out}) // the next one is a second away
		}
	}}, nil
}

// asks passes on that a receiver wants a keyframe, until the connection ends.
func asks(sender *webrtc.RTPSender, ask func()) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			switch p.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				ask()
			}
		}
	}
}
