package caller

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

// watching is one connection of a viewer.
type watching struct {
	v      *Viewer
	number int
	peer   *peer
	wg     sync.WaitGroup // of what reads its tracks

	// v.mu guards them.
	codec string
	sound time.Time     // when the last packet of sound came
	since []unit        // what came since the last keyframe, for the judge, while it is not shown
	ready chan struct{} // closed when a whole frame has come
	whole bool
}

// dial makes a connection that is not shown yet.
func (v *Viewer) dial(ctx context.Context) (*watching, error) {
	pc, err := v.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	if err := receive(pc); err != nil {
		_ = pc.GracefulClose()
		return nil, err
	}
	v.mu.Lock()
	v.number++
	w := &watching{v: v, number: v.number, ready: make(chan struct{})}
	if v.shown == nil { // from the first packet on
		v.shown = w
	}
	v.mu.Unlock()
	pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		in := &incoming{w: w, ssrc: uint32(t.SSRC()), rate: int64(t.Codec().ClockRate)}
		w.wg.Go(func() { in.readReports(r) })
		if t.Kind() == webrtc.RTPCodecTypeVideo {
			w.wg.Go(func() { in.readVideo(t, pc) })
		} else {
			w.wg.Go(func() { in.readAudio(t) })
		}
	})
	if w.peer, err = connect(ctx, v.client, pc, v.to); err != nil {
		w.wg.Wait()
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.shown == w {
			v.shown = nil
		}
		return nil, err
	}
	return w, nil
}

// receive has a connection take a picture and sound.
func receive(pc *webrtc.PeerConnection) error {
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			return err
		}
	}
	return nil
}

// over tells whether the connection has ended by itself.
func (w *watching) over() bool {
	select {
	case <-w.peer.gone:
		return true
	default:
		return false
	}
}

// end ends the connection and waits for all of it. bye tells the server. There may be none.
func (w *watching) end(bye bool) {
	if w == nil {
		return
	}
	w.peer.close(bye)
	w.wg.Wait()
}

// stalled tells whether there was sound and is none any more.
func (w *watching) stalled() bool {
	w.v.mu.Lock()
	defer w.v.mu.Unlock()
	return !w.sound.IsZero() && time.Since(w.sound) >= stallTime
}

// frame takes a whole frame; false where the judge could not take it. v.mu is held.
func (w *watching) frame(u unit, sent time.Time, mapped bool) bool {
	v := w.v
	if !w.whole {
		w.whole = true
		close(w.ready)
	}
	if v.shown == w {
		v.frame(u, sent, mapped)
		return v.judge == nil || v.judge.video(w.number, w.codec, u, sent, mapped)
	}
	if v.judge == nil {
		return true
	}
	if u.key {
		w.since = nil
	}
	if len(w.since) == maxQueue/2 {
		w.since = nil
		return false
	}
	w.since = append(w.since, u)
	return true
}

// sounded takes a packet of sound. v.mu is held.
func (w *watching) sounded(got arrived, sent time.Time, mapped bool) {
	v := w.v
	w.sound = got.at
	if v.shown != w {
		return
	}
	v.gap(got.at)
	v.sounds++
	v.lastSound = got.at
	if mapped {
		v.latency, v.heard = got.at.Sub(sent), true
	}
	if v.judge != nil {
		v.judge.audio(w.number, got, sent, mapped)
	}
}

// incoming is one track of one connection.
type incoming struct {
	w     *watching
	ssrc  uint32
	rate  int64
	order order
	lost  int // of order, that v has counted

	mu     sync.Mutex
	report *rtcp.SenderReport // the last
}

// readReports keeps the sender reports.
func (in *incoming) readReports(r *webrtc.RTPReceiver) {
	for {
		packets, _, err := r.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok && sr.SSRC == in.ssrc {
				in.mu.Lock()
				in.report = sr
				in.mu.Unlock()
			}
		}
	}
}

// sent maps an RTP time to the sender's clock; false before the first report.
func (in *incoming) sent(ts int64) (time.Time, bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.report == nil {
		return time.Time{}, false
	}
	d := int64(int32(uint32(ts) - in.report.RTPTime))
	return fromNTP(in.report.NTPTime).Add(time.Duration(d * int64(time.Second) / in.rate)), true
}

// read hands each packet to push, until the track ends.
func (in *incoming) read(t *webrtc.TrackRemote, push func(p *rtp.Packet, at time.Time)) {
	for {
		p, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		at := time.Now()
		in.w.v.mu.Lock()
		push(p, at)
		in.w.v.mu.Unlock()
	}
}

// readVideo measures frames.
func (in *incoming) readVideo(t *webrtc.TrackRemote, pc *webrtc.PeerConnection) {
	w, v := in.w, in.w.v
	a := &assembler{depacketizer: func() rtp.Depacketizer { return &codecs.H264Packet{} }, key: keyH264}
	codec := strings.ToLower(strings.TrimPrefix(t.Codec().MimeType, "video/"))
	if codec == "vp8" {
		a.depacketizer, a.key = func() rtp.Depacketizer { return &codecs.VP8Packet{} }, keyVP8
	}
	a.ask = func() {
		if now := time.Now(); now.Sub(v.lastPLI) >= pliEvery {
			v.lastPLI = now
			v.plis++
			_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: in.ssrc}}) // the connection may be ending
		}
	}
	v.mu.Lock()
	v.codec, w.codec = codec, codec
	v.mu.Unlock()
	damaged := 0
	in.read(t, func(p *rtp.Packet, at time.Time) {
		in.order.push(p, at, func(got arrived, gap bool) {
			a.packet(got, gap, func(u unit) {
				sent, mapped := in.sent(u.ts)
				if !w.frame(u, sent, mapped) {
					a.stands = true // the judge lacks this frame: begin anew with a keyframe
					a.ask()
				}
			})
		})
		v.lostFrames += in.order.lost - in.lost
		v.damaged += a.damaged - damaged
		in.lost, damaged = in.order.lost, a.damaged
	})
}

// readAudio measures sound.
func (in *incoming) readAudio(t *webrtc.TrackRemote) {
	v := in.w.v
	in.read(t, func(p *rtp.Packet, at time.Time) {
		in.order.push(p, at, func(got arrived, _ bool) {
			sent, mapped := in.sent(got.ts)
			in.w.sounded(got, sent, mapped)
		})
		v.lostSounds += in.order.lost - in.lost
		in.lost = in.order.lost
	})
}
