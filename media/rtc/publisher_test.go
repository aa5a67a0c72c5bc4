package rtc

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"livedub/media"
	"livedub/media/pace"
)

// TestTrackThatBeginsLate sends frames or sound some time after the other:
// nothing of it is left out.
func TestTrackThatBeginsLate(t *testing.T) {
	for _, late := range []time.Duration{300 * time.Millisecond, 900 * time.Millisecond, 3 * time.Second} {
		for _, kind := range []media.Kind{media.Video, media.Audio} {
			t.Run(fmt.Sprintf("%s by %v", kind, late), func(t *testing.T) {
				t.Parallel()
				cam := newCamera(t, clientOptions{repair: true, video: []string{webrtc.MimeTypeVP8}}, webrtc.MimeTypeVP8)
				p := cam.publish(t, newTestHost(t), PublishOptions{Clock: pace.NewWall()})
				m, after := newClip(t, media.VP8, int(late.Seconds()*30)+15, 15), newClip(t, media.VP8, 15, 15)
				list := after.video
				if kind == media.Video {
					m.video = list
				} else {
					list = after.audio
					m.audio = list
				}
				for i := range list {
					list[i].PTS += late
				}
				go cam.play(t.Context(), t, m, 1)
				must(t, p.Ready(t.Context()))
				got := collect(t, p, 20*time.Second, func(k []media.Packet) bool {
					if n := len(k); n > 0 && !slices.ContainsFunc(p.Tracks(), func(tr media.Track) bool { return tr.Kind == k[n-1].Kind }) {
						t.Errorf("a packet of a %s track that is not told", k[n-1].Kind)
					}
					return len(k) == len(m.video)+len(m.audio)
				})
				if v, a := len(kindOf(got, media.Video)), len(kindOf(got, media.Audio)); v != len(m.video) || a != len(m.audio) {
					t.Errorf("%d frames of %d, %d sounds of %d", v, len(m.video), a, len(m.audio))
				}
			})
		}
	}
}

// TestPublisherGivesWhatWasSent sends encoded media over loopback: every access
// unit arrives once, in order, as it was, with times of the sender's spacing.
func TestPublisherGivesWhatWasSent(t *testing.T) {
	for _, c := range []media.Codec{media.H264, media.VP8} {
		t.Run(string(c), func(t *testing.T) {
			mime := webrtc.MimeTypeH264
			if c == media.VP8 {
				mime = webrtc.MimeTypeVP8
			}
			h := newTestHost(t)
			cam := newCamera(t, clientOptions{repair: true, video: []string{mime}}, mime)
			p := cam.publish(t, h, PublishOptions{Clock: pace.NewWall()})
			m := newClip(t, c, 30, 15)
			go cam.play(t.Context(), t, m, 1)
			must(t, p.Ready(t.Context()))
			got := collect(t, p, 10*time.Second, func(k []media.Packet) bool { return len(k) == len(m.video)+len(m.audio) })
			tracks := p.Tracks()
			if len(tracks) != 2 || tracks[0].Codec != c || tracks[1].Codec != media.Opus || tracks[1].SampleRate != 48000 || tracks[1].Channels != 1 {
				t.Fatalf("tracks %+v", tracks)
			}
			for kind, want := range map[media.Kind][]media.Packet{media.Video: m.video, media.Audio: m.audio} {
				have := kindOf(got, kind)
				if len(have) != len(want) {
					t.Fatalf("%d %s packets, want %d: %+v", len(have), kind, len(want), p.Stats())
				}
				codec := c
				if kind == media.Audio {
					codec = media.Opus
				}
				for i, k := range have {
					if !sameUnits(codec, k.Data, want[i].Data) {
						t.Fatalf("%s packet %d differs: %d bytes, want %d", kind, i, len(k.Data), len(want[i].Data))
					}
					if k.Gap || kind == media.Video && k.Key != want[i].Key || kind == media.Audio && k.Duration != 20*time.Millisecond {
						t.Errorf("%s packet %d: gap %v key %v duration %v", kind, i, k.Gap, k.Key, k.Duration)
					}
					if i > 0 {
						step, wanted := k.PTS-have[i-1].PTS, want[i].PTS-want[i-1].PTS
						if off := step - wanted; off > time.Millisecond || off < -wanted*6/10 || k.DTS != k.PTS {
							t.Errorf("%s packet %d: %v after the one before, want %v; DTS %v PTS %v", kind, i, step, wanted, k.DTS, k.PTS)
						}
					}
				}
			}
			if s := p.Silent(); s < 0 || s > 10*time.Second {
				t.Errorf("silent for %v", s)
			}
			must(t, p.Close())
			if _, err := p.Read(t.Context()); err == nil {
				t.Error("read after the end gave a packet")
			}
		})
	}
}
