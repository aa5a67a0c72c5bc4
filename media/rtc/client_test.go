package rtc

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"livedub/media"
	"livedub/media/clock"
	"livedub/media/codec"
)

func newTestHost(t *testing.T) *Host {
	t.Helper()
	h, err := NewHost(Config{Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close host: %v", err)
		}
	})
	return h
}

// lossy drops outgoing packets of one payload type as told, below everything that could repair them.
type lossy struct {
	interceptor.NoOp
	drop func(h *rtp.Header, payload []byte) bool
}

func (l *lossy) NewInterceptor(string) (interceptor.Interceptor, error) { return l, nil }

func (l *lossy) BindLocalStream(_ *interceptor.StreamInfo, w interceptor.RTPWriter) interceptor.RTPWriter {
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		if l.drop != nil && l.drop(h, payload) {
			return len(payload), nil
		}
		return w.Write(h, payload, a)
	})
}

// dropSome drops every 20th packet of each payload type, and every 7th of those sent again.
func dropSome() func(*rtp.Header, []byte) bool {
	var mu sync.Mutex
	count := map[uint8]int{}
	return func(h *rtp.Header, _ []byte) bool {
		mu.Lock()
		defer mu.Unlock()
		count[h.PayloadType]++
		if h.PayloadType == 97 {
			return count[97]%7 == 3
		}
		return count[h.PayloadType]%20 == 7 && count[h.PayloadType] < 120 // nobody asks for the last packets
	}
}

type clientOptions struct {
	drop   func(*rtp.Header, []byte) bool
	repair bool     // answers NACKs
	video  []string // MIME types offered; nil for H264 and VP8
}

// newClient makes a pion peer as a browser would be: default reports, TWCC, RTX.
func newClient(t *testing.T, o clientOptions) *webrtc.PeerConnection {
	t.Helper()
	m := &webrtc.MediaEngine{}
	if o.video == nil {
		o.video = []string{webrtc.MimeTypeVP8, webrtc.MimeTypeH264}
	}
	must(t, m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: 111, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}}, webrtc.RTPCodecTypeAudio))
	fb := []webrtc.RTCPFeedback{{Type: "goog-remb"}, {Type: "ccm", Parameter: "fir"}, {Type: "nack"}, {Type: "nack", Parameter: "pli"}}
	for i, mime := range o.video {
		fmtp := ""
		if mime == webrtc.MimeTypeH264 {
			fmtp = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
		}
		pt := webrtc.PayloadType(96 + 2*i)
		must(t, m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: pt, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: mime, ClockRate: 90000, SDPFmtpLine: fmtp, RTCPFeedback: fb}}, webrtc.RTPCodecTypeVideo))
		must(t, m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: pt + 1, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=" + string(rune('0'+pt/10)) + string(rune('0'+pt%10))}}, webrtc.RTPCodecTypeVideo))
	}
	list := &interceptor.Registry{}
	list.Add(&lossy{drop: o.drop})
	if o.repair {
		must(t, webrtc.ConfigureNack(m, list))
	}
	must(t, webrtc.ConfigureRTCPReports(list))
	must(t, webrtc.ConfigureTWCCSender(m, list))
	s := webrtc.SettingEngine{}
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(isLoopback)
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(list), webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{})
	must(t, err)
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// offerOf returns a client's offer with all its candidates.
func offerOf(t *testing.T, pc *webrtc.PeerConnection) string {
	t.Helper()
	offer, err := pc.CreateOffer(nil)
	must(t, err)
	done := webrtc.GatheringCompletePromise(pc)
	must(t, pc.SetLocalDescription(offer))
	<-done
	return pc.LocalDescription().SDP
}

// camera is a client that publishes.
type camera struct {
	pc           *webrtc.PeerConnection
	video, audio *outTrack
	keys         atomic.Int64 // asked for
}

func newCamera(t *testing.T, o clientOptions, mime string) *camera {
	t.Helper()
	c := &camera{pc: newClient(t, o)}
	c.audio = &outTrack{id: "a", stream: "cam", codec: offeredCodec{codec: media.Opus}}
	c.video = &outTrack{id: "v", stream: "cam", codec: offeredCodec{codec: media.VP8}}
	if mime == webrtc.MimeTypeH264 {
		c.video.codec.codec = media.H264
	}
	for _, track := range []webrtc.TrackLocal{c.audio, c.video} {
		tr, err := c.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		must(t, err)
		go func() {
			for {
				packets, _, err := tr.Sender().ReadRTCP()
				if err != nil {
					return
				}
				for _, k := range packets {
					if isKeyRequest(k) {
						c.keys.Add(1)
					}
				}
			}
		}()
	}
	return c
}

// publish connects a camera to a host.
func (c *camera) publish(t *testing.T, h *Host, o PublishOptions) *Publisher {
	t.Helper()
	p, answer, err := h.Publish(t.Context(), offerOf(t, c.pc), o)
	must(t, err)
	must(t, c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
	wait(t, p.Connected(), "publisher did not connect")
	return p
}

func wait(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(15 * time.Second):
		t.Fatal(what)
	}
}

// clip is encoded material: frames at 30 and sound at 50 a second.
type clip struct {
	video, audio []media.Packet
}

// newClip draws moving bars and a tone, with a keyframe every keyEvery frames.
func newClip(t testing.TB, c media.Codec, frames, keyEvery int) clip {
	t.Helper()
	enc, err := codec.NewVideoEncoder(codec.VideoEncoderConfig{Codec: c, Width: 320, Height: 240, FrameRate: 30, Bitrate: 800_000, Hardware: "off"})
	must(t, err)
	defer enc.Close()
	var out clip
	noise := rand.New(rand.NewPCG(3, 4))
	for i := range frames {
		f := media.NewFrame(320, 240)
		for n := range f.Y {
			f.Y[n] = byte(n%320*3+i*7)/2 + byte(noise.IntN(24))
		}
		for n := range f.U[:160*120] {
			f.U[n], f.V[n] = byte(100+i), 128
		}
		f.PTS = time.Duration(i) * time.Second / 30
		p, err := enc.Encode(f, i%keyEvery == 0)
		f.Release()
		must(t, err)
		out.video = append(out.video, p)
	}
	audio, err := codec.NewAudioEncoder(codec.AudioEncoderConfig{Codec: media.Opus, Channels: 1, Bitrate: 32_000})
	must(t, err)
	defer audio.Close()
	pcm := make([]int16, 48000*frames/30)
	for i := range pcm {
		pcm[i] = int16(i*i>>6) / 8
	}
	out.audio, err = audio.Encode(media.Samples{Rate: 48000, Channels: 1, Data: pcm})
	must(t, err)
	return out
}

// play sends a clip in real time, speed times as fast; timestamps stay those of the media.
func (c *camera) play(ctx context.Context, t *testing.T, m clip, speed float64) {
	t.Helper()
	at := &skewClock{start: time.Now(), speed: speed}
	video, err := NewSender(SenderConfig{Codec: c.video.codec.codec, Clock: clock.NewReportClock(at), WriteRTP: c.video.WriteRTP})
	must(t, err)
	audio, err := NewSender(SenderConfig{Codec: media.Opus, Clock: clock.NewReportClock(at), WriteRTP: c.audio.WriteRTP})
	must(t, err)
	v, a := m.video, m.audio
	for len(v) > 0 || len(a) > 0 {
		s, list := audio, &a
		if len(a) == 0 || len(v) > 0 && v[0].PTS < a[0].PTS {
			s, list = video, &v
		}
		p := (*list)[0]
		*list = (*list)[1:]
		if at.Wait(ctx, p.PTS) != nil {
			return
		}
		_, err := s.Write(p)
		for errors.Is(err, errNotBound) && ctx.Err() == nil { // before the first packet
			time.Sleep(time.Millisecond)
			_, err = s.Write(p)
		}
		if err != nil && ctx.Err() == nil {
			t.Error(err)
			return
		}
	}
}

// collect reads a publisher until its end, or until done says so.
func collect(t *testing.T, p *Publisher, timeout time.Duration, done func([]media.Packet) bool) []media.Packet {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	var out []media.Packet
	for !done(out) {
		k, err := p.Read(ctx)
		if err != nil {
			t.Logf("read ended: %v after %d packets, %+v", err, len(out), p.Stats())
			break
		}
		out = append(out, k)
	}
	return out
}

func kindOf(packets []media.Packet, k media.Kind) (out []media.Packet) {
	for _, p := range packets {
		if p.Kind == k {
			out = append(out, p)
		}
	}
	return out
}

// sameUnits compares access units: for H.264 NAL by NAL, as delimiters and start codes may differ.
func sameUnits(c media.Codec, a, b []byte) bool {
	if c != media.H264 {
		return bytes.Equal(a, b)
	}
	x, y := annexB(a), annexB(b)
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if !bytes.Equal(x[i], y[i]) {
			return false
		}
	}
	return true
}

// wishes hears what a viewer asks for.
type wishes struct {
	keyframe func()
	bitrate  func(bps int)
}

func (w wishes) Keyframe() {
	if w.keyframe != nil {
		w.keyframe()
	}
}

func (w wishes) SetMaxBitrate(bps int) {
	if w.bitrate != nil {
		w.bitrate(bps)
	}
}
