package e2e

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	pionmedia "github.com/pion/webrtc/v4/pkg/media"

	"livedub/internal/testkit/netem"
	"livedub/media"
	"livedub/media/pace"
)

// connect offers by HTTP, as WHIP and WHEP do, and takes the answer; a relay, if
// any, comes between the two ends. It returns the resource's URL.
func connect(t testing.TB, s *server, pc *webrtc.PeerConnection, path string, relay *netem.Relay) string {
	t.Helper()
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	sdp := pc.LocalDescription().SDP
	if relay != nil {
		sdp = netem.Strip(sdp)
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.base+path, strings.NewReader(sdp))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/sdp")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 201 {
		t.Fatalf("POST %s: %d %v: %s", path, resp.StatusCode, err, body)
	}
	answer := string(body)
	if relay != nil {
		answer = relay.Rewrite(answer)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	return resp.Header.Get("Location")
}

// peerConnection returns a pion connection as an application would make it, closed with the test.
func peerConnection(t testing.TB) *webrtc.PeerConnection {
	t.Helper()
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

// answersNACK has interceptors answer what comes for a sender, until it ends.
func answersNACK(sender *webrtc.RTPSender) {
	for {
		if _, _, err := sender.ReadRTCP(); err != nil {
			return
		}
	}
}

// connects returns what is closed when a connection stands.
func connects(pc *webrtc.PeerConnection) <-chan struct{} {
	connected := make(chan struct{})
	var once sync.Once
	pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		if st == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(connected) })
		}
	})
	return connected
}

// publish sends a source by WHIP as a camera would, until it ends or the test does.
func publish(t testing.TB, s *server, path string, src media.Source, relay *netem.Relay) {
	t.Helper()
	sending{relay: relay}.publish(t, s, path, src)
}

// sending is how a publisher differs from a plain one.
type sending struct {
	relay *netem.Relay
	codec string                             // MIME type of the frame; "" for H.264
	only  media.Kind                         // the one kind that is offered; 0 for both
	skip  func(p media.Packet) time.Duration // by which the sender's clock jumps after a packet; nil for never
}

func (how sending) publish(t testing.TB, s *server, path string, src media.Source) (pc *webrtc.PeerConnection, resource string) {
	t.Helper()
	pc = peerConnection(t)
	tracks := map[media.Kind]*webrtc.TrackLocalStaticSample{}
	var wg sync.WaitGroup
	for kind, mime := range map[media.Kind]string{media.Video: cmp.Or(how.codec, webrtc.MimeTypeH264), media.Audio: webrtc.MimeTypeOpus} {
		if how.only != 0 && kind != how.only {
			continue
		}
		tr, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: mime}, kind.String(), "camera")
		if err != nil {
			t.Fatal(err)
		}
		tracks[kind] = tr
		sender, err := pc.AddTrack(tr)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { answersNACK(sender) })
	}
	connected := connects(pc)
	resource = connect(t, s, pc, path, how.relay)
	select {
	case <-connected:
	case <-time.After(15 * time.Second):
		t.Fatal("the publisher did not connect")
	}
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() {
		paced := pace.Realtime(src, pace.NewWall())
		for {
			p, err := paced.Read(ctx)
			if err != nil {
				return
			}
			track, d := tracks[p.Kind], p.Duration
			if track == nil {
				continue
			}
			if p.Kind == media.Video {
				d = time.Second / testFPS
			}
			if how.skip != nil {
				d += how.skip(p)
			}
			if track.WriteSample(pionmedia.Sample{Data: p.Data, Duration: d}) != nil {
				return
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = pc.GracefulClose()
		wg.Wait()
		src.Close()
	})
	return pc, resource
}

// testFPS is the test speaker's frame rate.
const testFPS = 30

// received is one access unit with the time that sender reports give it.
type received struct {
	rtp  uint32
	data []byte
	at   time.Time // of arrival, whole
}

// watcher is a WHEP viewer that keeps what it gets.
type watcher struct {
	mu      sync.Mutex
	video   []received
	audio   []received
	reports map[media.Kind][]*rtcp.SenderReport
	codec   string
}

// watch views a language until the test ends.
func watch(t testing.TB, s *server, path string) *watcher {
	t.Helper()
	return watchThrough(t, s, path, nil)
}

// watchThrough views a language through a relay.
func watchThrough(t testing.TB, s *server, path string, relay *netem.Relay) *watcher {
	t.Helper()
	return watchBy(t, s, peerConnection(t), path, relay)
}

// watchBy views a language by a connection of the test's own.
func watchBy(t testing.TB, s *server, pc *webrtc.PeerConnection, path string, relay *netem.Relay) *watcher {
	t.Helper()
	for _, k := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := pc.AddTransceiverFromKind(k, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	w := &watcher{reports: map[media.Kind][]*rtcp.SenderReport{}}
	var wg sync.WaitGroup
	pc.OnTrack(func(tr *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		kind := media.Audio
		if tr.Kind() == webrtc.RTPCodecTypeVideo {
			kind = media.Video
			w.mu.Lock()
			w.codec = tr.Codec().MimeType
			w.mu.Unlock()
		}
		wg.Go(func() { w.readReports(r, kind) })
		wg.Go(func() { w.read(tr, kind) })
	})
	connect(t, s, pc, path, relay)
	t.Cleanup(func() {
		_ = pc.GracefulClose()
		wg.Wait()
	})
	return w
}

// came returns how many packets of video and of audio have come.
func (w *watcher) came() (frames, sounds int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.video), len(w.audio)
}

func (w *watcher) readReports(r *webrtc.RTPReceiver, k media.Kind) {
	for {
		ps, _, err := r.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range ps {
			if sr, ok := p.(*rtcp.SenderReport); ok {
				w.mu.Lock()
				w.reports[k] = append(w.reports[k], sr)
				w.mu.Unlock()
			}
		}
	}
}

// read puts packets together to access units. The path is the loopback: none is missing.
func (w *watcher) read(tr *webrtc.TrackRemote, k media.Kind) {
	var depacketizer rtp.Depacketizer = &codecs.OpusPacket{}
	if k == media.Video {
		depacketizer = &codecs.H264Packet{}
	}
	var unit []byte
	for {
		p, _, err := tr.ReadRTP()
		if errors.Is(err, io.EOF) || err != nil {
			return
		}
		b, err := depacketizer.Unmarshal(p.Payload)
		if err != nil {
			continue
		}
		unit = append(unit, b...)
		if k == media.Audio || p.Marker {
			w.mu.Lock()
			if k == media.Audio {
				w.audio = append(w.audio, received{p.Timestamp, unit, time.Now()})
			} else {
				w.video = append(w.video, received{p.Timestamp, unit, time.Now()})
			}
			w.mu.Unlock()
			unit = nil
		}
	}
}

// ntp maps an RTP timestamp by the last sender report, in seconds.
func (w *watcher) ntp(k media.Kind, ts uint32, rate float64) (float64, bool) {
	rs := w.reports[k]
	if len(rs) == 0 {
		return 0, false
	}
	sr := rs[len(rs)-1]
	return float64(sr.NTPTime)/(1<<32) + float64(int32(ts-sr.RTPTime))/rate, true
}
