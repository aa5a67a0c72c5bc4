package test

import (
	"slices"
	"testing"
	"time"
)

// TestInStep measures by what is seen and heard: every two seconds the speaker's picture
// is white and a tone sounds, both at once. A dub carries the original where nothing is said.
func TestInStep(t *testing.T) {
	c, err := encode(t.TempDir(),
		"-f lavfi -i aevalsrc=exprs='if(lt(mod(t,2),0.2),0.4*sin(2*PI*1000*t),0)':s=48000:d=8",
		"-f lavfi -i color=c=black:size=320x240:rate=25:duration=8 -vf drawbox=c=white:t=fill:enable='lt(mod(t,2),0.19)'")
	if err != nil {
		t.Fatal(err)
	}
	c.opus = c.opus[:8*time.Second/opusTime]
	s := play(t, "--room", "demo")
	s.come(t, "demo", "ana", map[string]string{"livedub.consent": "true"}).send(t, c, true)
	ben := s.attend(t, "demo", "ben", map[string]string{"livedub.lang": "es", "livedub.video": "true"})
	eventually(t, "Ben sees and hears some flashes", func() bool { return ben.seen("ana-es") > 750 })
	sound, sight := ben.ear("ana-es", "audio"), ben.ear("ana-es", "video")
	frames, _ := sight.all()
	frames = inOrder(frames)
	frames = frames[slices.IndexFunc(frames, keyframe):]
	var flashes []time.Duration
	pictures := decode(t, frames, 1, 1)
	for i := 1; i < len(pictures); i++ {
		if at, ok := sight.capture(frames[i]); ok && pictures[i][0] > 128 && pictures[i-1][0] <= 128 {
			flashes = append(flashes, at)
		}
	}
	tones := onsets(t, sound)
	if len(flashes) < 10 || len(tones) < 10 {
		t.Fatalf("%d flashes and %d tones in %d frames", len(flashes), len(tones), len(frames))
	}
	var offsets []time.Duration
	for _, f := range flashes {
		for _, tone := range tones {
			if d := tone - f; d.Abs() < time.Second {
				offsets = append(offsets, d)
			}
		}
	}
	slices.Sort(offsets)
	t.Logf("sound behind its frame, of %d flashes: least %v, median %v, most %v", len(offsets), offsets[0], offsets[len(offsets)/2], offsets[len(offsets)-1])
	if offsets[0] < -wantOffset || offsets[len(offsets)-1] > wantOffset {
		t.Errorf("want %v at most: %v", wantOffset, offsets)
	}
}

// onsets returns when tones begin, by the sender's clock.
func onsets(t *testing.T, e *ear) []time.Duration {
	t.Helper()
	sounds, _ := e.all()
	sounds = inOrder(sounds)
	for i := 1; i < len(sounds); i++ {
		if sounds[i].rtp-sounds[i-1].rtp != 960 {
			t.Logf("packet %d of %d is %d samples behind the one before", i, len(sounds), int32(sounds[i].rtp-sounds[i-1].rtp))
		}
	}
	var out []time.Duration
	quiet := 48000
	for i, v := range samples(t, sounds) {
		if max(v, -v) < 1000 {
			quiet++
			continue
		}
		if n := (i + preSkip) / 960; quiet > 24000 && n < len(sounds) {
			if at, ok := e.capture(sounds[n]); ok {
				out = append(out, at+time.Duration((i+preSkip)%960)*time.Second/48000)
			}
		}
		quiet = 0
	}
	return out
}
