package rtc

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"livedub/media"
	"livedub/media/pace"
)

// TestLossIsRepaired drops 5 % of everything, resent packets included: with a
// hold that leaves time for NACK no frame is missing.
func TestLossIsRepaired(t *testing.T) {
	h := newTestHost(t)
	cam := newCamera(t, clientOptions{repair: true, drop: dropSome(), video: []string{webrtc.MimeTypeVP8}}, webrtc.MimeTypeVP8)
	p := cam.publish(t, h, PublishOptions{Clock: pace.NewWall(), JitterDelay: 2 * time.Second})
	m := newClip(t, media.VP8, 60, 1000)
	m.audio = m.audio[:90]
	go cam.play(t.Context(), t, m, 1)
	must(t, p.Ready(t.Context()))
	got := collect(t, p, 10*time.Second, func(k []media.Packet) bool { return len(kindOf(k, media.Video)) == len(m.video) })
	have := kindOf(got, media.Video)
	if len(have) != len(m.video) {
		t.Fatalf("%d of %d frames: %+v", len(have), len(m.video), p.Stats())
	}
	for i, k := range have {
		if k.Gap || !sameUnits(media.VP8, k.Data, m.video[i].Data) {
			t.Errorf("frame %d: gap %v, %d bytes, want %d", i, k.Gap, len(k.Data), len(m.video[i].Data))
		}
	}
	s := p.Stats()
	if s.Recovered == 0 || s.NACKs < s.Recovered {
		t.Errorf("nothing was repaired: %+v", s)
	}
	t.Logf("%+v", s)
	live := h.Totals().In
	must(t, p.Close())
	if gone := h.Totals().In; live.NACKs < s.NACKs || gone.NACKs < live.NACKs || gone.Packets < live.Packets || gone.Packets == 0 {
		t.Errorf("totals are %+v while the peer is there, %+v afterwards", live, gone)
	}
}

// TestLossFreezesUntilKeyframe drops one packet that nobody repairs: a keyframe
// is asked for, and the frames go on with it, marked.
func TestLossFreezesUntilKeyframe(t *testing.T) {
	h := newTestHost(t)
	const keyEvery = 20
	m := newClip(t, media.H264, 60, keyEvery)
	m.audio = nil
	var first atomic.Uint32
	var frame atomic.Int32
	cam := newCamera(t, clientOptions{video: []string{webrtc.MimeTypeH264}, drop: func(h *rtp.Header, _ []byte) bool {
		if h.PayloadType != 96 {
			return false
		}
		if h.Timestamp != first.Load() {
			first.Store(h.Timestamp)
			frame.Add(1)
		}
		return frame.Load() == 26 // the whole of frame 25
	}}, webrtc.MimeTypeH264)
	p := cam.publish(t, h, PublishOptions{Clock: pace.NewWall()})
	go cam.play(t.Context(), t, m, 1)
	must(t, p.Ready(t.Context()))
	got := collect(t, p, 10*time.Second, func(k []media.Packet) bool { return len(k) == 45 })
	if len(got) != 45 { // 0..24, 40..59
		t.Fatalf("%d frames: %+v", len(got), p.Stats())
	}
	for i, k := range got {
		want := i
		if i >= 25 {
			want = i + 15
		}
		if !sameUnits(media.H264, k.Data, m.video[want].Data) || k.Gap != (i == 25) {
			t.Errorf("frame %d is not %d: gap %v key %v", i, want, k.Gap, k.Key)
		}
	}
	if s := p.Stats(); s.Lost == 0 || s.PLIs == 0 || s.PLIs > 3 || s.Dropped != 14 {
		t.Errorf("%+v", s)
	}
	deadline := time.Now().Add(5 * time.Second)
	for cam.keys.Load() == 0 && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	if cam.keys.Load() == 0 {
		t.Error("the sender was not asked for a keyframe")
	}
}
