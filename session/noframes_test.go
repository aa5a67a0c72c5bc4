package session_test

import (
	"testing"
	"testing/synctest"
	"time"

	"livedub/media"
	"livedub/session/spec"
)

// TestCallLivesWithoutFrames has no encoder open: sound goes on, frames are counted.
func TestCallLivesWithoutFrames(t *testing.T) {
	src := speaker(t, seconds(9), said, true, true)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.cfg.Video.Preset = "none such"
		l := r.live(t)
		out := l.attach("es")
		l.publish(src)
		time.Sleep(seconds(15))
		st := l.State()
		if d := st.Dubs[0]; d.Outcomes[spec.Played] != 3 || d.Frames.Out != 0 || d.Frames.Dropped != 225 || st.Failures["encode_video"] != 225 {
			t.Errorf("fates %v, frames %+v, failures %v", d.Outcomes, d.Frames, st.Failures)
		}
		if n := len(sound(t, out)); n < media.TimeToSamples(seconds(14), 48000) {
			t.Errorf("sound ends at %v", media.SamplesToTime(n, 48000))
		}
	})
}
