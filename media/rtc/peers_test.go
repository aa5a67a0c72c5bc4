package rtc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"livedub/media"
	"livedub/media/pace"
)

func TestPortTaken(t *testing.T) {
	h := newTestHost(t)
	if _, err := NewHost(Config{MediaPort: h.Port()}); !errors.As(err, new(*PortError)) || !strings.Contains(err.Error(), "is taken") || strings.Contains(err.Error(), "\n") {
		t.Errorf("second host on a port: %v", err)
	}
	if _, err := NewHost(Config{PublicIPs: []string{"example.org"}}); !errors.As(err, new(*AddressError)) || !strings.Contains(err.Error(), "example.org") {
		t.Errorf("a name as public address: %v", err)
	}
}

func TestPublicAddressIsAnnounced(t *testing.T) {
	h, err := NewHost(Config{PublicIPs: []string{"203.0.113.7"}})
	must(t, err)
	defer h.Close()
	p, answer, err := h.Publish(t.Context(), sdpOf("audio sendonly "+opusPT), PublishOptions{Clock: pace.NewWall()})
	must(t, err)
	defer p.Close()
	for _, l := range strings.Split(answer, "\r\n") {
		if strings.HasPrefix(l, "a=candidate") && !strings.Contains(l, " 203.0.113.7 "+fmt.Sprint(h.Port())+" ") {
			t.Errorf("announced %q", l)
		}
	}
	if !strings.Contains(answer, "203.0.113.7") {
		t.Errorf("not announced in\n%s", answer)
	}
}

// TestTwoPeersOnOnePort publishes twice and watches once at the same time.
func TestTwoPeersOnOnePort(t *testing.T) {
	h := newTestHost(t)
	m := newClip(t, media.VP8, 15, 15)
	var publishers []*Publisher
	for range 2 {
		cam := newCamera(t, clientOptions{video: []string{webrtc.MimeTypeVP8}}, webrtc.MimeTypeVP8)
		publishers = append(publishers, cam.publish(t, h, PublishOptions{Clock: pace.NewWall()}))
		go cam.play(t.Context(), t, m, 1)
	}
	s := newScreen(t, clientOptions{}, webrtc.RTPCodecTypeAudio)
	wait(t, s.view(t, h, ViewOptions{Clock: pace.NewWall(), StreamID: "x"}).Connected(), "viewer did not connect")
	for _, p := range publishers {
		must(t, p.Ready(t.Context()))
		got := kindOf(collect(t, p, 5*time.Second, func(k []media.Packet) bool { return len(kindOf(k, media.Video)) == 15 }), media.Video)
		if len(got) != 15 {
			t.Errorf("%d frames of 15", len(got))
		}
	}
}

// TestTrickle answers before any candidate of the client's is known.
func TestTrickle(t *testing.T) {
	h := newTestHost(t)
	cam := newCamera(t, clientOptions{video: []string{webrtc.MimeTypeVP8}}, webrtc.MimeTypeVP8)
	offer, err := cam.pc.CreateOffer(nil)
	must(t, err)
	found := make(chan string, 64)
	cam.pc.OnICECandidate(func(c *webrtc.ICECandidate) {
		if c != nil {
			found <- c.ToJSON().Candidate
		}
	})
	must(t, cam.pc.SetLocalDescription(offer))
	p, answer, err := h.Publish(t.Context(), offer.SDP, PublishOptions{Clock: pace.NewWall()})
	must(t, err)
	for _, bad := range []string{"candidate:x", "\x00\xff", "candidate:1 1 udp 1 999.1.1.1 1 typ host", strings.Repeat("candidate:", 1000)} {
		if err := p.AddCandidate(bad); err == nil {
			t.Errorf("%.40q was taken", bad)
		}
	}
	must(t, p.AddCandidate("candidate:1 1 udp 2130706431 3f1c9b7e.local 50000 typ host"))
	must(t, p.AddCandidate("a="+<-found))
	must(t, p.AddCandidate(""))
	must(t, p.AddCandidate("candidate:"))
	must(t, cam.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
	wait(t, p.Connected(), "did not connect")
	for range 40 {
		err = p.AddCandidate("candidate:1 1 udp 2130706431 127.0.0.1 9 typ host")
	}
	if err == nil {
		t.Error("any number of candidates is taken")
	}
}

// TestTCP connects a client that has no UDP.
func TestTCP(t *testing.T) {
	h := newTestHost(t)
	s := webrtc.SettingEngine{}
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(isLoopback)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	m := &webrtc.MediaEngine{}
	must(t, m.RegisterDefaultCodecs())
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(m)).NewPeerConnection(webrtc.Configuration{})
	must(t, err)
	t.Cleanup(func() { _ = pc.GracefulClose() })
	_, err = pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	must(t, err)
	v, answer, err := h.View(t.Context(), offerOf(t, pc), ViewOptions{Clock: pace.NewWall(), StreamID: "x"})
	must(t, err)
	must(t, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
	wait(t, v.Connected(), "did not connect by TCP")
}

// plug is a client's socket that can be pulled.
type plug struct {
	net.PacketConn
	out atomic.Bool
}

func (p *plug) WriteTo(b []byte, a net.Addr) (int, error) {
	if p.out.Load() {
		return len(b), nil
	}
	return p.PacketConn.WriteTo(b, a)
}

// TestVanishedPeerIsForgotten pulls a client's plug: the peer ends by itself.
func TestVanishedPeerIsForgotten(t *testing.T) {
	h := newTestHost(t)
	h.settings.SetICETimeouts(300*time.Millisecond, 500*time.Millisecond, 100*time.Millisecond)
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	must(t, err)
	cable := &plug{PacketConn: conn}
	mux := webrtc.NewICEUDPMux(nil, cable)
	t.Cleanup(func() { _ = mux.Close() })
	s := webrtc.SettingEngine{}
	s.SetIncludeLoopbackCandidate(true)
	s.SetICEUDPMux(mux)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	m := &webrtc.MediaEngine{}
	must(t, m.RegisterDefaultCodecs())
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(m)).NewPeerConnection(webrtc.Configuration{})
	must(t, err)
	t.Cleanup(func() { _ = pc.GracefulClose() })
	audio, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "a", "s")
	must(t, err)
	_, err = pc.AddTransceiverFromTrack(audio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	must(t, err)
	p, answer, err := h.Publish(t.Context(), offerOf(t, pc), PublishOptions{Clock: pace.NewWall()})
	must(t, err)
	must(t, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
	wait(t, p.Connected(), "did not connect")
	cable.out.Store(true)
	wait(t, p.Done(), "a vanished peer stays")
	if _, err := p.Read(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("read: %v", err)
	}
	if err := p.Ready(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("ready: %v", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.peers) != 0 {
		t.Errorf("%d peers are still known", len(h.peers))
	}
}

// TestLeavingPeerIsGoneAtOnce closes a client properly.
func TestLeavingPeerIsGoneAtOnce(t *testing.T) {
	h := newTestHost(t)
	cam := newCamera(t, clientOptions{video: []string{webrtc.MimeTypeVP8}}, webrtc.MimeTypeVP8)
	p := cam.publish(t, h, PublishOptions{Clock: pace.NewWall()})
	go cam.play(t.Context(), t, newClip(t, media.VP8, 3, 3), 1)
	must(t, p.Ready(t.Context()))
	screen := newScreen(t, clientOptions{}, webrtc.RTPCodecTypeVideo)
	v := screen.view(t, h, ViewOptions{Clock: pace.NewWall(), StreamID: "x"})
	wait(t, v.Connected(), "viewer did not connect")
	for what, c := range map[string]struct {
		pc   *webrtc.PeerConnection
		done <-chan struct{}
	}{"publisher": {cam.pc, p.Done()}, "viewer": {screen.pc, v.Done()}} {
		for c.pc.ConnectionState() != webrtc.PeerConnectionStateConnected { // before its own handshake is over it says no goodbye
			time.Sleep(time.Millisecond)
		}
		must(t, c.pc.Close())
		start := time.Now()
		wait(t, c.done, "a "+what+" that left stays")
		if d := time.Since(start); d > time.Second {
			t.Errorf("%s: noticed after %v: not by the end of DTLS", what, d)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.peers) != 0 {
		t.Errorf("%d peers are still known", len(h.peers))
	}
}

// TestReadyWithTheFirstTrack offers both and sends sound only.
func TestReadyWithTheFirstTrack(t *testing.T) {
	h := newTestHost(t)
	cam := newCamera(t, clientOptions{video: []string{webrtc.MimeTypeVP8}}, webrtc.MimeTypeVP8)
	p := cam.publish(t, h, PublishOptions{Clock: pace.NewWall()})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := p.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ready without media: %v", err)
	}
	m := newClip(t, media.VP8, 15, 15)
	m.video, m.audio = nil, m.audio[:1] // nothing comes after it that could end a wait
	go cam.play(t.Context(), t, m, 1)
	must(t, p.Ready(t.Context()))
	if tracks := p.Tracks(); len(tracks) != 1 || tracks[0].Kind != media.Audio {
		t.Errorf("tracks %+v", tracks)
	}
}

// TestViewerAsksForKeyframesSeldom sends PLIs as fast as some clients do.
func TestViewerAsksForKeyframesSeldom(t *testing.T) {
	h := newTestHost(t)
	var keys atomic.Int32
	s := newScreen(t, clientOptions{video: []string{webrtc.MimeTypeVP8}}, webrtc.RTPCodecTypeVideo)
	start := time.Now()
	v := s.view(t, h, ViewOptions{Clock: pace.NewWall(), StreamID: "x"})
	v.Control(wishes{keyframe: func() { keys.Add(1) }})
	wait(t, v.Connected(), "did not connect")
	k := vp8(0, 0, true, true, true, 1).Payload[4:]
	for i := 0; keys.Load() < 3 || v.Stats().Keyframes < 10; i++ {
		if time.Since(start) > 15*time.Second {
			t.Fatalf("%d keyframes demanded for %d requests", keys.Load(), v.Stats().Keyframes)
		}
		must(t, v.Write(media.Packet{Kind: media.Video, Key: true, PTS: time.Duration(i) * 10 * time.Millisecond, Data: k}))
		s.mu.Lock()
		if track := s.tracks[media.Video]; track != nil {
			must(t, s.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(track.SSRC())}}))
		}
		s.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
	if n, took := keys.Load(), time.Since(start); n > 1+int32(took/(500*time.Millisecond)) {
		t.Errorf("%d keyframes demanded in %v for %d requests", n, took, v.Stats().Keyframes)
	}
}

// TestHostCloseEndsEverybody closes under running peers.
func TestHostCloseEndsEverybody(t *testing.T) {
	h, err := NewHost(Config{Loopback: true})
	must(t, err)
	cam := newCamera(t, clientOptions{video: []string{webrtc.MimeTypeVP8}}, webrtc.MimeTypeVP8)
	p := cam.publish(t, h, PublishOptions{Clock: pace.NewWall()})
	read := make(chan error, 1)
	go func() {
		_, err := p.Read(context.Background())
		read <- err
	}()
	waiting, _, err := h.Publish(t.Context(), sdpOf("audio sendonly "+opusPT), PublishOptions{Clock: pace.NewWall()})
	must(t, err)
	must(t, h.Close())
	<-p.Done()
	<-waiting.Done()
	if err := <-read; !errors.Is(err, io.EOF) {
		t.Errorf("read: %v", err)
	}
	if _, _, err := h.Publish(t.Context(), sdpOf("audio sendonly "+opusPT), PublishOptions{Clock: pace.NewWall()}); !errors.Is(err, ErrClosed) {
		t.Errorf("publish after close: %v", err)
	}
}
