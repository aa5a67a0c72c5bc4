package test

import (
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
)

// seen tells how many frames of a dub have come.
func (p *person) seen(track string) int {
	e := p.ear(track, "video")
	if e == nil {
		return 0
	}
	frames, _ := e.all()
	return len(frames)
}

// TestCodecs: the camera is sent in two layers, then in another codec; the dub stays the
// same track, and frames go on coming.
func TestCodecs(t *testing.T) {
	s := play(t, "--room", "demo")
	c := material(t)
	ana := s.come(t, "demo", "ana", map[string]string{"livedub.consent": "true"})
	ana.speak(t, false)
	var layers []*lksdk.LocalTrack
	for _, l := range []*livekit.VideoLayer{
		{Quality: livekit.VideoQuality_LOW, Width: 160, Height: 120}, {Quality: livekit.VideoQuality_HIGH, Width: 320, Height: 240},
	} {
		track, err := lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, lksdk.WithSimulcast("camera", l))
		if err != nil {
			t.Fatal(err)
		}
		layers = append(layers, track)
		ana.speaking.Go(func() { ana.play(track, c.frames, frameTime, time.Now()) })
	}
	two, err := ana.room.LocalParticipant.PublishSimulcastTrack(layers, &lksdk.TrackPublicationOptions{Name: "video", Stream: "camera"})
	if err != nil {
		t.Fatal(err)
	}
	ben := s.attend(t, "demo", "ben", map[string]string{"livedub.lang": "es", "livedub.video": "true"})
	eventually(t, "Ben sees Ana, who sends two layers", func() bool { return ben.seen("ana-es") > 100 })
	dub := ben.ear("ana-es", "video")
	if err := ana.room.LocalParticipant.UnpublishTrack(two.SID()); err != nil {
		t.Fatal(err)
	}
	h264 := ana.publish(t, webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}, &ana.camera, livekit.Encryption_NONE)
	ana.speaking.Go(func() { ana.play(h264, c.h264, frameTime, time.Now()) })
	before := ben.seen("ana-es")
	eventually(t, "Ben sees Ana on, who sends H.264", func() bool { return ben.seen("ana-es") > before+200 })
	frames, _ := dub.all()
	pictures := decode(t, frames, 32, 24)
	still := 0 // at the end: when the H.264 is not understood, the last frame before it stands
	for i := len(pictures) - 100; i < len(pictures); i++ {
		if difference(pictures[i], pictures[i-1]) < 1 {
			still++
		}
	}
	if still > 20 {
		t.Errorf("%d of the last 100 frames show what the frame before shows", still)
	}
	if ben.ear("ana-es", "video") != dub {
		t.Error("the dub has another track than before")
	}
}
