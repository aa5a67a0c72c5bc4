package rtc

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"

	"livedub/media"
	"livedub/media/clock"
	"livedub/media/pace"
)

// TestViewerSeesAgain fills a viewer's path for half a minute, so that round
// trips grow and packets are lost, while its frames follow the room it is
// said to have: once the path is free it has its frame back.
func TestViewerSeesAgain(t *testing.T) {
	const (
		video, audio = 1, 2   // SSRCs
		floor        = 300e3  // bit/s below which a session withholds frames
		silence      = 8      // seconds after which libwebrtc no longer reports a track
		full, free   = 20, 50 // seconds
	)
	for _, sound := range []bool{true, false} {
		for _, loss := range []float64{0, .5} {
			t.Run(fmt.Sprintf("sound %v loss %v", sound, loss), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					room := float64(startBitrate)
					wall := pace.NewWall()
					v := &Viewer{control: wishes{bitrate: func(bps int) { room = float64(bps) }}, clock: clock.NewReportClock(wall), estimate: newEstimate(), video: media.VP8}
					if sound {
						v.audio = media.Opus
					}
					seen, blind := 0, 0
					var lastFrame time.Duration
					for second := range free + 30 {
						sees := room >= floor
						for i := range 50 {
							if sound {
								v.count(media.Packet{Kind: media.Audio, Data: make([]byte, 80)}, 1)
							}
							if sees && i%2 == 0 {
								lastFrame = wall.Now()
								v.count(media.Packet{Kind: media.Video, Data: make([]byte, int(room)/8/25)}, 1)
							}
							time.Sleep(20 * time.Millisecond)
						}
						r := rtcp.ReceptionReport{LastSenderReport: uint32(v.clock.NTP(wall.Now()-30*time.Millisecond) >> 16)}
						if second >= full && second < free {
							r.LastSenderReport = uint32(v.clock.NTP(wall.Now()-700*time.Millisecond) >> 16)
							if sees {
								r.FractionLost = uint8(loss * 256)
							}
						}
						if r.SSRC = audio; sound {
							v.reported([]rtcp.ReceptionReport{r}, audio, media.Audio)
						}
						if r.SSRC = video; wall.Now()-lastFrame < silence*time.Second {
							v.reported([]rtcp.ReceptionReport{r}, video, media.Video)
						}
						switch {
						case !sees && second >= full && second < free:
							blind++
						case sees && second >= free+20:
							seen++
						}
					}
					if blind < 5 || seen < 10 {
						t.Errorf("without frames for %d s of 30 on a full path, saw %d s of 10 on a free one: room %.0f", blind, seen, room)
					}
				})
			})
		}
	}
}

// TestViewerWithoutReports: who never reports, or no longer does, has frames.
func TestViewerWithoutReports(t *testing.T) {
	for name, reports := range map[string]int{"none": 0, "bad ones that end": 20} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const floor, seconds = 300e3, 90
				room := float64(startBitrate)
				v := &Viewer{control: wishes{bitrate: func(bps int) { room = float64(bps) }}, clock: clock.NewReportClock(pace.NewWall()),
					estimate: newEstimate(), video: media.VP8, audio: media.Opus}
				seen, blind := 0, 0
				for second := range seconds {
					for i := range 50 {
						v.count(media.Packet{Kind: media.Audio, Data: make([]byte, 80)}, 1)
						if room >= floor && i%2 == 0 {
							v.count(media.Packet{Kind: media.Video, Data: make([]byte, int(room)/8/25)}, 1)
						}
						time.Sleep(20 * time.Millisecond)
					}
					if second < reports {
						for ssrc, kind := range []media.Kind{media.Audio, media.Video} {
							v.reported([]rtcp.ReceptionReport{{SSRC: uint32(ssrc), FractionLost: 128}}, uint32(ssrc), kind)
						}
					}
					if room < floor {
						blind++
					} else if second >= seconds-10 {
						seen++
					}
				}
				if seen != 10 || reports > 0 && blind == 0 {
					t.Errorf("saw %d s of the last 10, nothing for %d s of %d", seen, blind, seconds)
				}
			})
		})
	}
}
