package test

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"livedub/connectors/livekit/doors"
)

const (
	wantArrive = 0.98
	wantOffset = 45 * time.Millisecond
)

// watcher takes a dub from livedub itself, beside the connector: what it sees is what
// should arrive in the room, and when it should be shown.
type watcher struct {
	peer         *doors.Peer
	sound, sight *ear
	reading      sync.WaitGroup
}

// watch watches a dub as a client of livedub's.
func (s *scene) watch(t *testing.T, session, lang string) *watcher {
	t.Helper()
	api, err := doors.NewAPI()
	if err != nil {
		t.Fatal(err)
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{sound: &ear{packets: map[[8]byte]at{}, clock: 48000}, sight: &ear{packets: map[[8]byte]at{}, clock: 90000}}
	only := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		tr, err := pc.AddTransceiverFromKind(kind, only)
		if err != nil {
			t.Fatal(err)
		}
		if kind == webrtc.RTPCodecTypeVideo {
			vp8 := webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, PayloadType: 96}
			if err := tr.SetCodecPreferences([]webrtc.RTPCodecParameters{vp8}); err != nil {
				t.Fatal(err)
			}
		}
	}
	pc.OnTrack(func(tr *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		e := w.sound
		if tr.Kind() == webrtc.RTPCodecTypeVideo {
			e = w.sight
		}
		e.mu.Lock()
		e.ssrc = uint32(tr.SSRC())
		e.mu.Unlock()
		w.reading.Go(func() {
			for {
				packets, _, err := r.ReadRTCP()
				if err != nil {
					return
				}
				for _, p := range packets {
					e.report(p)
				}
			}
		})
		w.reading.Go(func() {
			e.read(tr, func() { _ = pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(tr.SSRC())}}) })
		})
	})
	if w.peer, err = s.client.Connect(t.Context(), pc, fmt.Sprintf("%s/whep/%s/%s", s.base, session, lang)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.peer.Close(t.Context()); w.reading.Wait() })
	return w
}

// capture returns when a piece was captured, by the sender reports, as its sender's clock tells.
func (e *ear) capture(a at) (time.Duration, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var best *rtcp.SenderReport
	var least int32
	for _, r := range e.reports {
		if d := abs(int32(r.RTPTime - a.rtp)); best == nil || d < least {
			best, least = r, d
		}
	}
	if best == nil {
		return 0, false
	}
	ntp := time.Duration(best.NTPTime>>32%86400)*time.Second + time.Duration(best.NTPTime&0xffffffff)*time.Second>>32
	return ntp + time.Duration(float64(int32(a.rtp-best.RTPTime))/e.clock*float64(time.Second)), true
}

func abs(v int32) int32 { return max(v, -v) }

// arrived compares what came with what livedub sent, between the first and the last piece
// that both have: the share that came, of how many.
func arrived(sent, came *ear) (share float64, of int) {
	order, _ := sent.all()
	_, have := came.all()
	first, last, n := -1, -1, 0
	for i, a := range order {
		if _, ok := have[a.hash]; ok {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return 0, 0
	}
	for _, a := range order[first : last+1] {
		if _, ok := have[a.hash]; ok {
			n++
		}
	}
	return float64(n) / float64(last+1-first), last + 1 - first
}

// later returns by how much later each piece is shown than livedub says, median of all.
func later(sent, came *ear) (time.Duration, bool) {
	order, _ := sent.all()
	_, have := came.all()
	var all []time.Duration
	for _, a := range order {
		b, ok := have[a.hash]
		if !ok {
			continue
		}
		x, ok1 := sent.capture(a)
		y, ok2 := came.capture(b)
		if ok1 && ok2 {
			all = append(all, y-x)
		}
	}
	if len(all) == 0 {
		return 0, false
	}
	slices.Sort(all)
	return all[len(all)/2], true
}

// gather has speakers speak and show themselves, a listener for each language, and waits
// until each listener sees all of them.
func (s *scene) gather(t *testing.T, speakers, langs []string) map[string]*person {
	t.Helper()
	for _, name := range speakers {
		s.come(t, "demo", name, map[string]string{"livedub.consent": "true"}).speak(t, true)
	}
	listeners := map[string]*person{}
	for _, lang := range langs {
		listeners[lang] = s.come(t, "demo", "hears-"+lang, map[string]string{"livedub.lang": lang, "livedub.video": "true"})
	}
	for _, name := range speakers {
		for _, lang := range langs {
			eventually(t, name+" in "+lang, func() bool { return listeners[lang].seen(name+"-"+lang) > 50 })
		}
	}
	return listeners
}

// compare compares what listeners get, by language, with what livedub gives away beside
// the connector, for 20 s.
func (s *scene) compare(t *testing.T, listeners map[string]*person, speakers []string) {
	t.Helper()
	watchers := map[string]*watcher{}
	for lang, l := range listeners {
		state, _ := l.state()
		for _, name := range speakers {
			watchers[name+"-"+lang] = s.watch(t, state.Speakers[name].Session, lang)
		}
	}
	time.Sleep(20 * time.Second) // how long is measured
	for dub, w := range watchers {
		l := listeners[dub[len(dub)-2:]]
		frames, f := arrived(w.sight, l.ear(dub, "video"))
		sounds, n := arrived(w.sound, l.ear(dub, "audio"))
		v, ok1 := later(w.sight, l.ear(dub, "video"))
		a, ok2 := later(w.sound, l.ear(dub, "audio"))
		t.Logf("%s: %.2f%% of %d frames, %.2f%% of %d packets of sound; frame against sound %v", dub, 100*frames, f, 100*sounds, n, v-a)
		if frames < wantArrive || f < 100 {
			t.Errorf("%s: %.2f%% of %d frames arrived, want %.0f%%", dub, 100*frames, f, 100*wantArrive)
		}
		if sounds < wantArrive || n < 500 {
			t.Errorf("%s: %.2f%% of %d packets of sound arrived, want %.0f%%", dub, 100*sounds, n, 100*wantArrive)
		}
		if !ok1 || !ok2 || (v-a).Abs() > wantOffset {
			t.Errorf("%s: frame and sound are %v apart, want %v at most (reports: %v, %v)", dub, v-a, wantOffset, ok1, ok2)
		}
	}
}

// TestArrives has several speakers and languages, and compares what listeners get with
// what livedub gives away.
func TestArrives(t *testing.T) {
	speakers := []string{"ana", "eva"}
	if os.Getenv("LIVEKIT_SPEAKERS") == "3" {
		speakers = append(speakers, "ida")
	}
	s := play(t, "--room", "demo")
	s.compare(t, s.gather(t, speakers, []string{"es", "ca"}), speakers)
}
