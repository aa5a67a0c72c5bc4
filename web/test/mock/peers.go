package main

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// api knows VP8 and Opus only, so that what comes in can go out as it is.
func api() *webrtc.API {
	m := &webrtc.MediaEngine{}
	for kind, c := range map[webrtc.RTPCodecType]webrtc.RTPCodecParameters{
		webrtc.RTPCodecTypeAudio: {RTPCodecCapability: opus, PayloadType: 111},
		webrtc.RTPCodecTypeVideo: {RTPCodecCapability: vp8, PayloadType: 96},
	} {
		if err := m.RegisterCodec(c, kind); err != nil {
			panic(err)
		}
	}
	e := webrtc.SettingEngine{}
	e.SetIncludeLoopbackCandidate(true)
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(e))
}

var (
	opus = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}
	vp8  = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000,
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "goog-remb"}, {Type: "nack", Parameter: "pli"}}}
)

// relay makes one stream of what publishers send one after the other.
type relay struct {
	rate  float64
	from  *webrtc.TrackRemote
	seq   uint16 // to be added
	time  uint32
	last  rtp.Header // as it went out
	wrote time.Time
}

const (
	another = iota // speaks: this one waits
	begins
	goesOn
)

// join takes a packet of a publisher's, unless another speaks, and numbers it anew.
func (r *relay) join(t *webrtc.TrackRemote, p *rtp.Packet) int {
	state := goesOn
	switch {
	case r.from == nil:
		r.from, state = t, begins
		if !r.wrote.IsZero() {
			r.seq = r.last.SequenceNumber + 1 - p.SequenceNumber
			r.time = r.last.Timestamp + uint32(time.Since(r.wrote).Seconds()*r.rate) - p.Timestamp
		}
	case r.from != t:
		return another
	}
	p.SequenceNumber += r.seq
	p.Timestamp += r.time
	r.last, r.wrote = p.Header, time.Now()
	return state
}

func (r *relay) leave(t *webrtc.TrackRemote) {
	if r.from == t {
		r.from = nil
	}
}

func (v *session) publish(w http.ResponseWriter, r *http.Request) {
	pc, err := api().NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		kind := t.Kind().String()
		v.mu.Lock()
		if v.began.IsZero() {
			v.began = time.Now()
		}
		if kind == "video" {
			v.refresh = func() {
				_ = pc.WriteRTCP([]rtcp.Packet{
					&rtcp.PictureLossIndication{MediaSSRC: uint32(t.SSRC())},
					&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 3e6, SSRCs: []uint32{uint32(t.SSRC())}},
				})
			}
		}
		v.mu.Unlock()
		for {
			p, _, err := t.ReadRTP()
			if err != nil {
				v.mu.Lock()
				v.relays[kind].leave(t)
				v.mu.Unlock()
				return
			}
			v.mu.Lock()
			ours, refresh := v.relays[kind].join(t, p), v.refresh
			v.mu.Unlock()
			switch ours {
			case another:
				continue
			case begins:
				refresh()
			}
			time.AfterFunc(delay, func() {
				v.mu.Lock()
				defer v.mu.Unlock()
				for _, out := range v.tracks[kind] {
					q := *p
					_ = out.WriteRTP(&q)
				}
			})
		}
	})
	v.answer(pc, w, r)
}

func (v *session) watch(w http.ResponseWriter, r *http.Request) {
	pc, err := api().NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	for kind, c := range map[string]webrtc.RTPCodecCapability{"audio": opus, "video": vp8} {
		t, err := webrtc.NewTrackLocalStaticRTP(c, kind, "dub")
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		if _, err := pc.AddTrack(t); err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		v.mu.Lock()
		v.tracks[kind] = append(v.tracks[kind], t)
		v.mu.Unlock()
	}
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s != webrtc.PeerConnectionStateConnected {
			return
		}
		// A key frame for the newcomer; every second, so that none is missed.
		go func() {
			for range 4 {
				v.mu.Lock()
				refresh := v.refresh
				v.mu.Unlock()
				refresh()
				time.Sleep(time.Second)
			}
		}()
	})
	v.answer(pc, w, r)
}

func (v *session) answer(pc *webrtc.PeerConnection, w http.ResponseWriter, r *http.Request) {
	offer, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err == nil {
		err = pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(offer)})
	}
	var a webrtc.SessionDescription
	if err == nil {
		a, err = pc.CreateAnswer(nil)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err == nil {
		err = pc.SetLocalDescription(a)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	<-gathered
	v.mu.Lock()
	v.peers = append(v.peers, pc)
	n := len(v.peers)
	v.mu.Unlock()
	w.Header().Set("Content-Type", "application/sdp")
	w.Header().Set("Location", fmt.Sprintf("/peer/%s-%d", v.id, n))
	w.Header().Set("ETag", `"1"`)
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, pc.LocalDescription().SDP)
}
