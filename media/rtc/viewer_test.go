package rtc

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"livedub/media"
	"livedub/media/clock"
	"livedub/media/pace"
)

// screen is a client that watches.
type screen struct {
	pc *webrtc.PeerConnection

	mu      sync.Mutex
	tracks  map[media.Kind]*webrtc.TrackRemote
	packets map[media.Kind][]*rtp.Packet
	reports map[media.Kind][]*rtcp.SenderReport
}

func newScreen(t *testing.T, o clientOptions, kinds ...webrtc.RTPCodecType) *screen {
	t.Helper()
	s := &screen{pc: newClient(t, o), tracks: map[media.Kind]*webrtc.TrackRemote{},
		packets: map[media.Kind][]*rtp.Packet{}, reports: map[media.Kind][]*rtcp.SenderReport{}}
	for _, k := range kinds {
		_, err := s.pc.AddTransceiverFromKind(k, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		must(t, err)
	}
	s.pc.OnTrack(func(track *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		kind := media.Video
		if track.Kind() == webrtc.RTPCodecTypeAudio {
			kind = media.Audio
		}
		s.mu.Lock()
		s.tracks[kind] = track
		s.mu.Unlock()
		go func() {
			for {
				packets, _, err := r.ReadRTCP()
				if err != nil {
					return
				}
				s.mu.Lock()
				for _, k := range packets {
					if sr, ok := k.(*rtcp.SenderReport); ok {
						s.reports[kind] = append(s.reports[kind], sr)
					}
				}
				s.mu.Unlock()
			}
		}()
		for {
			k, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.packets[kind] = append(s.packets[kind], k)
			s.mu.Unlock()
		}
	})
	return s
}

func (s *screen) view(t *testing.T, h *Host, o ViewOptions) *Viewer {
	t.Helper()
	v, answer, err := h.View(t.Context(), offerOf(t, s.pc), o)
	must(t, err)
	must(t, s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
	return v
}

// ntpOf maps a packet's timestamp to the sender's NTP clock by a report, as a player does.
func ntpOf(ts uint32, r *rtcp.SenderReport, rate int) time.Duration {
	return clock.FromNTP(r.NTPTime) + time.Duration(int32(ts-r.RTPTime))*time.Second/time.Duration(rate)
}

// TestViewerGetsWhatWasWritten writes video and audio that belong to the
// same output times, half a second after they are due to be captured, as a
// delayed dub is: what arrives is whole, and by its reports in sync.
func TestViewerGetsWhatWasWritten(t *testing.T) {
	for _, c := range []media.Codec{media.H264, media.VP8} {
		t.Run(string(c), func(t *testing.T) {
			h := newTestHost(t)
			clock := pace.NewWall()
			mime := webrtc.MimeTypeH264
			if c == media.VP8 {
				mime = webrtc.MimeTypeVP8
			}
			s := newScreen(t, clientOptions{repair: true, video: []string{mime}}, webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo)
			var keys atomic.Int32
			v := s.view(t, h, ViewOptions{Clock: clock, StreamID: "dub-es"})
			v.Control(wishes{keyframe: func() { keys.Add(1) }})
			if video, audio := v.Codecs(); video != c || audio != media.Opus {
				t.Fatalf("codecs %q %q", video, audio)
			}
			must(t, v.Start([]media.Track{{Kind: media.Video, Codec: c}, {Kind: media.Audio, Codec: media.Opus}}))
			wait(t, v.Connected(), "viewer did not connect")
			m := newClip(t, c, 45, 1000)
			for keys.Load() == 0 {
				time.Sleep(time.Millisecond)
			}
			base := clock.Now()
			a := m.audio
			for _, p := range m.video {
				for len(a) > 0 && a[0].PTS <= p.PTS {
					must(t, clock.Wait(t.Context(), base+a[0].PTS))
					k := a[0]
					k.PTS += base
					must(t, v.Write(k))
					a = a[1:]
				}
				must(t, clock.Wait(t.Context(), base+p.PTS+5*time.Millisecond)) // frames come later than sound, as encoding takes time
				p.PTS += base
				must(t, v.Write(p))
			}
			frames := s.frames(t, c, len(m.video))
			for i, f := range frames {
				if !sameUnits(c, f.data, m.video[i].Data) {
					t.Fatalf("frame %d differs", i)
				}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			for i, k := range s.packets[media.Audio] {
				if !bytes.Equal(k.Payload, m.audio[i].Data) {
					t.Fatalf("sound %d differs", i)
				}
			}
			vr, ar := s.reports[media.Video], s.reports[media.Audio]
			if len(vr) < 2 || len(ar) < 2 {
				t.Fatalf("%d and %d sender reports in 1.5 s", len(vr), len(ar))
			}
			// By any pair of reports, the first included, audio and video of one output time stand together.
			for _, r := range vr {
				for _, q := range ar {
					for i, f := range frames {
						k := s.packets[media.Audio][i*5/3]
						want := m.video[i].PTS - m.audio[i*5/3].PTS
						got := ntpOf(f.ts, r, 90000) - ntpOf(k.Timestamp, q, 48000)
						if off := got - want; off > 2*time.Millisecond || off < -2*time.Millisecond {
							t.Fatalf("frame %d stands %v after its sound, want %v", i, got, want)
						}
					}
				}
			}
			if s.tracks[media.Video].StreamID() != "dub-es" || s.tracks[media.Audio].StreamID() != "dub-es" {
				t.Errorf("streams %q %q", s.tracks[media.Video].StreamID(), s.tracks[media.Audio].StreamID())
			}
			if st := v.Stats(); st.Dropped != 0 || st.Frames != uint64(len(m.video)+len(m.audio)-len(a)) {
				t.Errorf("%+v", st)
			} else if out := h.Totals().Out; out.Packets != st.Packets || out.Bytes != st.Bytes {
				t.Errorf("totals %+v", out)
			}
		})
	}
}

type gotFrame struct {
	ts   uint32
	data []byte
}

// frames waits for n frames and assembles them.
func (s *screen) frames(t *testing.T, c media.Codec, n int) (out []gotFrame) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		out = nil
		var payloads [][]byte
		h := newH264Stream("")
		s.mu.Lock()
		for _, k := range s.packets[media.Video] {
			payloads = append(payloads, k.Payload)
			if !k.Marker {
				continue
			}
			var data []byte
			var err error
			if c == media.H264 {
				data, _, err = h.frame(payloads)
			} else {
				data, _, err = vp8Frame(payloads)
			}
			if err != nil {
				t.Errorf("frame %d: %v", len(out), err)
			}
			out, payloads = append(out, gotFrame{k.Timestamp, data}), nil
		}
		s.mu.Unlock()
		if len(out) >= n || t.Failed() {
			return out
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d frames arrived", len(out), n)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestViewerCodecFollowsTheOffer offers what viewers offer.
func TestViewerCodecFollowsTheOffer(t *testing.T) {
	h := newTestHost(t)
	for _, c := range []struct {
		name  string
		video []string
		kinds []webrtc.RTPCodecType
		want  [2]media.Codec
	}{
		{"both", nil, []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio}, [2]media.Codec{media.H264, media.Opus}},
		{"vp8", []string{webrtc.MimeTypeVP8}, []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio}, [2]media.Codec{media.VP8, media.Opus}},
		{"sound", nil, []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio}, [2]media.Codec{"", media.Opus}},
		{"frame", nil, []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo}, [2]media.Codec{media.H264, ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScreen(t, clientOptions{video: c.video}, c.kinds...)
			v := s.view(t, h, ViewOptions{Clock: pace.NewWall(), StreamID: "s"})
			if video, audio := v.Codecs(); video != c.want[0] || audio != c.want[1] {
				t.Errorf("codecs %q %q, want %q", video, audio, c.want)
			}
			wait(t, v.Connected(), "did not connect")
			must(t, v.Close())
			if err := v.Write(media.Packet{Kind: media.Audio, Data: []byte{1}}); !errors.Is(err, media.ErrGone) {
				t.Errorf("a viewer that is gone took a packet: %v", err)
			}
		})
	}
	s := newScreen(t, clientOptions{video: []string{webrtc.MimeTypeAV1}}, webrtc.RTPCodecTypeVideo)
	_, _, err := h.View(t.Context(), offerOf(t, s.pc), ViewOptions{Clock: pace.NewWall(), StreamID: "s"})
	if err == nil || !strings.Contains(err.Error(), "H264") {
		t.Errorf("AV1 alone: %v", err)
	}
}
