package e2e

import (
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

	"livedub/internal/badnet"
	"livedub/media"
	"livedub/media/pace"
)

// connect offers by HTTP, as WHIP and WHEP do, and takes the answer; a relay, if
// any, comes between the two ends. It returns the resource's URL.
func connect(t testing.TB, s *server, pc *webrtc.PeerConnection, path string, relay *badnet.Relay) string {
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
		sdp = badnet.Strip(sdp)
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.base+path, strings.NewReader(sdp))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/sdp")
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
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

// publish sends a source by WHIP as a camera would, until it ends or the test does.
func publish(t testing.TB, s *server, path string, src media.Source, relay *badnet.Relay) {
	t.Helper()
	pc := peerConnection(t)
	video, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264}, "v", "camera")
	if err != nil {
		t.Fatal(err)
	}
	audio, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "a", "camera")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, tr := range []webrtc.TrackLocal{video, audio} {
		sender, err := pc.AddTrack(tr)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { // interceptors answer NACK here
			for {
				if _, _, err := sender.ReadRTCP(); err != nil {
					return
				}
			}
		})
	}
	connected := make(chan struct{})
	var once sync.Once
	pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		if st == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(connected) })
		}
	})
	connect(t, s, pc, path, relay)
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
			track, d := audio, p.Duration
			if p.Kind == media.Video {
				track, d = video, time.Second/testFPS
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
}

// testFPS is the talker's frame rate.
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
	pc := peerConnection(t)
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
	connect(t, s, pc, path, nil)
	t.Cleanup(func() {
		_ = pc.GracefulClose()
		wg.Wait()
	})
	return w
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
