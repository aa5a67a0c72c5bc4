package srt

import (
	"slices"
	"testing"
	"time"

	"livedub/internal/testkit/netem"
	"livedub/internal/testkit/pushtest"
)

// TestLoss: a fifth of all packets that are lost do no harm; what comes too late in an
// outage is missed, and no frame is shown that lacks it.
func TestLoss(t *testing.T) {
	for name, c := range map[string]struct {
		faults  netem.Faults
		latency string // µs
		dark    time.Duration
		torn    bool
	}{
		"a fifth is lost": {netem.Faults{Loss: .2, Delay: 2 * time.Millisecond}, "400000", 0, false},
		"an outage":       {netem.Faults{Delay: 2 * time.Millisecond}, "120000", 1200 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			addr, came, _ := open(t, "")
			relay, err := netem.New(netem.Config{Seed: 7, Target: addr, Up: c.faults, Down: c.faults})
			if err != nil {
				t.Fatal(err)
			}
			defer relay.Close()
			// Blocks of MPEG-TS as small as SRT's messages, so that each frame is several.
			pushtest.FFmpeg(t, slices.Concat(pushtest.Film, []string{
				"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-b:v", "1M", "-c:a", "aac", "-pix_fmt", "yuv420p",
				"-f", "mpegts", "srt://" + relay.Addr().String() + "?latency=" + c.latency + "&" + streamID,
			})...)
			p := next(t, came)
			if c.dark > 0 {
				relay.Blackout(time.Second, c.dark)
			}
			got := pushtest.Drain(t, p)
			if err := p.Err(); err != nil {
				t.Error(err)
			}
			t.Logf("%d frames, %d frozen, %d failures, %+v", got.Frames, p.Frozen(), got.Failures, relay.Counters(netem.Up))
			if got.Frames < 10 || got.Failures > 1 { // of the sound, where it is torn
				t.Errorf("%+v", got)
			}
			if c.torn && got.Frames+int(p.Frozen()) >= 75 {
				t.Errorf("%d frames and %d frozen: nothing was lost", got.Frames, p.Frozen())
			}
		})
	}
}
