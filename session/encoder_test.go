package session

import (
	"testing"
	"testing/synctest"
	"time"

	"livedub/media"
	"livedub/media/codec"
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
		if d := st.Dubs[0]; d.Outcomes[Played] != 3 || d.Frames.Out != 0 || d.Frames.Dropped != 225 || st.Failures["encode_video"] != 225 {
			t.Errorf("fates %v, frames %+v, failures %v", d.Outcomes, d.Frames, st.Failures)
		}
		if n := len(sound(t, out)); n < media.TimeToSamples(seconds(14), 48000) {
			t.Errorf("sound ends at %v", media.SamplesToTime(n, 48000))
		}
	})
}

// TestEncoderIsOpenedAnew breaks frames: one costs itself, several in a row
// cost a rest, and what was promised is kept.
func TestEncoderIsOpenedAnew(t *testing.T) {
	whole := media.NewFrame(testW, testH)
	defer whole.Release()
	paint(whole, 0)
	broken := media.NewFrame(testW, testH)
	defer broken.Release()
	broken.Y = broken.Y[:testW]
	e := &encoder{codec: media.H264, frame: &VideoConfig{Hardware: "off"}}
	defer e.close()
	at := seconds(4)
	show := func(f *media.Frame, key bool) (media.Packet, error) {
		at += seconds(.04)
		f.PTS = at
		return e.encode(f, demand{codec: media.H264, key: key}, at, testFPS)
	}
	good := func(key, want bool) {
		t.Helper()
		if p, err := show(whole, key); err != nil || p.Key != want {
			t.Errorf("at %v: key %v, %v", at, p.Key, err)
		}
	}
	bad := func(f *media.Frame, key bool) {
		t.Helper()
		if _, err := show(f, key); err == nil {
			t.Errorf("at %v: a frame was made", at)
		}
	}
	good(false, true)
	good(false, false)
	bad(broken, true)
	good(false, true) // the keyframe is owed
	good(false, false)
	for range maxFailures {
		bad(broken, false)
	}
	for began := at; at < began+reopenAfter-seconds(.04); {
		bad(whole, false)
	}
	good(false, true)
	good(false, false)
}

// TestEncoderTellsColours: what the source's frames say of their colours, viewers are told.
func TestEncoderTellsColours(t *testing.T) {
	f := media.NewFrame(testW, testH)
	defer f.Release()
	paint(f, 0)
	e := &encoder{codec: media.H264, frame: &VideoConfig{Hardware: "off"}}
	defer e.close()
	for i, want := range []media.Color{{Primaries: 1, Transfer: 1, Matrix: 1}, {Primaries: 6, Transfer: 6, Matrix: 6}} {
		at := seconds(float64(i))
		f.PTS, f.Color = at, want
		p, err := e.encode(f, demand{codec: media.H264}, at, testFPS)
		if err != nil {
			t.Fatal(err)
		}
		d, err := codec.NewVideoDecoder(media.Track{Codec: media.H264})
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Decode(p)
		if err != nil || len(got) != 1 || got[0].Color != want {
			t.Errorf("%v comes out as %v, %v", want, got, err)
		}
		release(got)
		d.Close()
	}
}
