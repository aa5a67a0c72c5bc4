package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"livedub/internal/testkit/echotest"
	"livedub/internal/testkit/testspeaker"
	"livedub/media"
)

// echo is the least that a WebRTC server can do: what the publisher sends goes
// to the viewer, packet by packet. It stands at /whip and /whep.
type echo struct {
	b      testing.TB
	video  *webrtc.TrackLocalStaticRTP
	sound  *webrtc.TrackLocalStaticRTP
	wg     sync.WaitGroup
	mu     sync.Mutex
	closes []func()
}

func newEcho(b testing.TB) *server {
	e := &echo{b: b}
	var err error
	if e.video, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264}, "v", "echo"); err != nil {
		b.Fatal(err)
	}
	if e.sound, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "a", "echo"); err != nil {
		b.Fatal(err)
	}
	web := httptest.NewServer(e)
	b.Cleanup(func() {
		web.Close()
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, c := range e.closes {
			c()
		}
		e.wg.Wait()
	})
	return &server{base: web.URL}
}

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	offer, _ := io.ReadAll(r.Body)
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	e.mu.Lock()
	e.closes = append(e.closes, func() { _ = pc.GracefulClose() })
	e.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "/whep") {
		for _, t := range []webrtc.TrackLocal{e.video, e.sound} {
			if _, err := pc.AddTrack(t); err != nil {
				http.Error(w, err.Error(), 500)
				return
			}
		}
	}
	answer, err := echotest.Answer(pc, string(offer), func(kind webrtc.RTPCodecType) *webrtc.TrackLocalStaticRTP {
		if kind == webrtc.RTPCodecTypeVideo {
			return e.video
		}
		return e.sound
	}, &e.wg)
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	w.WriteHeader(201)
	_, _ = io.WriteString(w, answer)
}

// latencies returns how long each numbered frame took from being sent to having come whole, in ms, sorted.
func latencies(b testing.TB, w *watcher, sent func(n int) (time.Time, bool)) []float64 {
	b.Helper()
	var out []float64
	w.eachFrame(b, func(_ int, u received, f *media.Frame) {
		n, ok := testspeaker.ReadBar(f)
		if at, known := sent(int(n)); ok && known {
			out = append(out, u.at.Sub(at).Seconds()*1000)
		}
	})
	slices.Sort(out)
	return out
}

// BenchmarkPassthroughLatency compares a session without any delay, whose
// frames are decoded and encoded, with an echo of packets, in one run.
func BenchmarkPassthroughLatency(b *testing.B) {
	source := record(b, testspeaker.Config{Width: 1280, Height: 720}, 14*time.Second)
	ours := serve(b, "--recognize-engine", "off")
	median := func(s *server, whip, whep string) float64 {
		t := &tape{tracks: source.tracks, packets: slices.Clone(source.packets), sent: map[int]time.Time{}}
		publish(b, s, whip, t, nil)
		w := watch(b, s, whep)
		time.Sleep(12 * time.Second)
		l := latencies(b, w, t.sentAt)
		if len(l) < 200 {
			b.Fatalf("%s: %d frames", whep, len(l))
		}
		return l[len(l)/2]
	}
	var made struct {
		ID string `json:"id"`
	}
	ours.call(b, "POST", "/v1/sessions", `{"from":"en","to":["es"],"delay_ms":0}`, &made)
	server := median(ours, "/whip/"+made.ID, "/whep/"+made.ID+"/en")
	bare := median(newEcho(b), "/whip", "/whep")
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(server, "ms-passthrough")
	b.ReportMetric(bare, "ms-bare-echo")
	b.ReportMetric(server-bare, "ms-more")
}
