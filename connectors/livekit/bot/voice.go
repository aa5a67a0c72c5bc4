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
	for ctx.Err() == nil {
		mic, camera, wants, tracks := d.sources()
		if mic == nil {
			select {
			case <-ctx.Done():
			case <-wants:
			case <-tracks:
			}
			continue
		}
		began := time.Now()
		err := d.publishOnce(ctx, mic, camera)
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
		wait = min(2*wait, maxRetry)
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
func (d *dubbing) publishOnce(ctx context.Context, mic, camera *intake) error {
	pc, err := d.s.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return err
	}
	sources := []*intake{mic}
	if camera != nil {
		sources = append(sources, camera)
	}
	var sinks []*sink
	reading := newGate()
	defer reading.close()
	for _, in := range sources {
		track, err := webrtc.NewTrackLocalStaticRTP(in.codec, in.track.Kind().String(), "speaker")
		if err != nil {
			_ = pc.Close()
			return err
		}
		sender, err := pc.AddTrack(track)
		if err != nil {
			_ = pc.Close()
			return err
		}
		ssrc := uint32(sender.GetParameters().Encodings[0].SSRC)
		stream := relay.New(in.codec.ClockRate, track)
		sinks = append(sinks, &sink{stream, func(sr *rtcp.SenderReport) {
			if out, ok := stream.Report(sr, ssrc); ok {
				_ = pc.WriteRTCP([]rtcp.Packet{out}) // the next one is a second away
			}
		}})
		reading.enter()
		go func() {
			defer reading.done()
			guard(d.s.cfg.Log, "reports of livedub", func() { asks(sender, in.ask) })
		}()
	}
	session, _ := d.session.get()
	peer, err := d.s.cfg.Livedub.Connect(ctx, pc, session.WHIP)
	if err != nil {
		return err
	}
	defer peer.Close(ctx)
	for i, in := range sources {
		in.sink.Store(sinks[i])
		defer in.sink.CompareAndSwap(sinks[i], nil)
		in.ask()
	}
	d.s.cfg.Log.Debug("livedub hears the speaker", "speaker", d.id, "camera", camera != nil)
	for {
		mic2, camera2, wants, tracks := d.sources()
		if mic2 != mic || camera2 != camera {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-peer.Gone():
			return fmt.Errorf("the connection by which livedub hears %q is gone", d.id)
		case <-wants:
		case <-tracks:
		}
	}
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
