package main

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

const (
	freezeTime = 200 * time.Millisecond // the picture stands still when no frame comes for longer
	gapTime    = 100 * time.Millisecond // and sound has a gap
	stallTime  = 5 * time.Second        // without any packet, a viewer connects anew
	pliEvery   = 500 * time.Millisecond // keyframes are asked for
)

// viewer watches one language and measures what comes.
type viewer struct {
	client *client
	api    *webrtc.API
	to     target
	judge  *judge // nil: nothing is decoded
	tell   func(event)

	mu         sync.Mutex
	connectMS  float64
	connected  bool
	reached    bool // it was connected once
	lost       int
	failed     error
	asked      time.Time // the first request
	firstMS    float64   // from that to the first whole frame; 0: none came
	lastPacket time.Time
	lastFrame  time.Time
	lastSound  time.Time
	frames     int
	sounds     int
	freezes    int
	frozen     time.Duration
	gaps       int
	gapMax     time.Duration
	plis       int
	lastPLI    time.Time
	codec      string
	lostFrames int // packets
	lostSounds int
	damaged    int
	latency    time.Duration // of the last packet of sound, by sender reports
	heard      bool
	arrival    series // how much later than sound of the same time a frame comes, ms
}

// run watches until ctx ends; a connection that ends is made anew.
func (v *viewer) run(ctx context.Context) {
	v.asked = time.Now()
	for ctx.Err() == nil {
		err := v.once(ctx)
		if ctx.Err() != nil {
			break
		}
		v.mu.Lock()
		v.failed = err
		if v.connected {
			v.connected = false
			v.lost++
			v.tell(event{Event: "lost", Role: "viewer", Error: err.Error()})
		} else if !v.reached {
			v.tell(event{Event: "refused", Role: "viewer", Error: err.Error()})
		}
		v.mu.Unlock()
		pauseFor(ctx, retryAfter)
	}
	v.stop(time.Now())
}

// stop counts what stands still at the end.
func (v *viewer) stop(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.freeze(now)
	v.gap(now)
}

// once makes one connection and watches until it ends.
func (v *viewer) once(ctx context.Context) error {
	pc, err := v.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return err
	}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			_ = pc.GracefulClose()
			return err
		}
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		in := &incoming{v: v, ssrc: uint32(t.SSRC()), rate: int64(t.Codec().ClockRate)}
		wg.Go(func() { in.readReports(r) })
		if t.Kind() == webrtc.RTPCodecTypeVideo {
			wg.Go(func() { in.readVideo(t, pc) })
		} else {
			wg.Go(func() { in.readAudio(t) })
		}
	})
	asked := time.Now()
	p, err := connect(ctx, v.client, pc, v.to)
	if err != nil {
		return err
	}
	defer p.close()
	v.up(time.Since(asked))
	beat := time.NewTicker(stallTime / 10)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.gone:
			return errGone
		case now := <-beat.C:
			v.mu.Lock()
			stalled := !v.lastPacket.IsZero() && now.Sub(v.lastPacket) > stallTime
			if stalled {
				v.lastPacket = time.Time{} // the next connection has its own time
			}
			v.mu.Unlock()
			if stalled {
				return errStalled
			}
		}
	}
}

func (v *viewer) up(took time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	e := event{Event: "connected", Role: "viewer", Lang: v.to.lang, ConnectMS: tenth(ms(took))}
	if v.reached {
		e.Event = "reconnected"
	} else {
		v.connectMS = ms(took)
	}
	v.connected, v.reached, v.failed = true, true, nil
	v.tell(e)
}

// frame counts a whole frame; v.mu is held.
func (v *viewer) frame(u unit, sent time.Time, mapped bool) {
	v.freeze(u.at)
	if v.frames == 0 {
		v.firstMS = ms(u.at.Sub(v.asked))
		v.tell(event{Event: "first_frame", Role: "viewer", Lang: v.to.lang, FirstFrameMS: tenth(v.firstMS)})
	}
	v.frames++
	v.lastFrame = u.at
	if mapped && v.heard {
		v.arrival.add(ms(u.at.Sub(sent) - v.latency))
	}
}

// freeze counts the time since the last frame, if it was too long; v.mu is held.
func (v *viewer) freeze(now time.Time) {
	if d := now.Sub(v.lastFrame); !v.lastFrame.IsZero() && d > freezeTime {
		v.freezes++
		v.frozen += d
		v.tell(event{Event: "freeze", Role: "viewer", Lang: v.to.lang, GapMS: tenth(ms(d))})
	}
}

// gap likewise, of sound.
func (v *viewer) gap(now time.Time) {
	if d := now.Sub(v.lastSound); !v.lastSound.IsZero() && d > gapTime {
		v.gaps++
		v.gapMax = max(v.gapMax, d)
		v.tell(event{Event: "gap", Role: "viewer", Lang: v.to.lang, GapMS: tenth(ms(d))})
	}
}

// incoming is one track of one connection.
type incoming struct {
	v     *viewer
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
		in.v.mu.Lock()
		in.v.lastPacket = at
		push(p, at)
		in.v.mu.Unlock()
	}
}

// readVideo measures frames.
func (in *incoming) readVideo(t *webrtc.TrackRemote, pc *webrtc.PeerConnection) {
	v := in.v
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
	v.codec = codec
	v.mu.Unlock()
	damaged := 0
	in.read(t, func(p *rtp.Packet, at time.Time) {
		in.order.push(p, at, func(got arrived, gap bool) {
			a.packet(got, gap, func(u unit) {
				sent, mapped := in.sent(u.ts)
				v.frame(u, sent, mapped)
				if v.judge != nil && !v.judge.video(codec, u, sent, mapped) {
					a.stands = true // it lacks this frame: begin anew with a keyframe
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
	v := in.v
	in.read(t, func(p *rtp.Packet, at time.Time) {
		in.order.push(p, at, func(got arrived, _ bool) {
			v.gap(got.at)
			v.sounds++
			v.lastSound = got.at
			sent, mapped := in.sent(got.ts)
			if mapped {
				v.latency, v.heard = got.at.Sub(sent), true
			}
			if v.judge != nil {
				v.judge.audio(got, sent, mapped)
			}
		})
		v.lostSounds += in.order.lost - in.lost
		in.lost = in.order.lost
	})
}
