package fanout

import (
	"testing"
	"time"

	"livedub/media"
	"livedub/media/codec"
	"livedub/session/spec"
)

// TestEncoderIsOpenedAnew breaks frames: one costs itself, several in a row
// cost a rest, and what was promised is kept.
func TestEncoderIsOpenedAnew(t *testing.T) {
	whole := media.NewFrame(320, 240)
	defer whole.Release()
	broken := media.NewFrame(320, 240)
	defer broken.Release()
	broken.Y = broken.Y[:320]
	e := &encoder{codec: media.H264, frame: &spec.VideoConfig{Hardware: "off"}}
	defer e.close()
	at := 4 * time.Second
	show := func(f *media.Frame, key bool) (media.Packet, error) {
		at += 40 * time.Millisecond
		f.PTS = at
		return e.encode(f, demand{codec: media.H264, key: key}, at, 25)
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
	for began := at; at < began+encoderRest-40*time.Millisecond; {
		bad(whole, false)
	}
	good(false, true)
	good(false, false)
}

// TestEncoderTellsColours: what the source's frames say of their colours, viewers are told.
func TestEncoderTellsColours(t *testing.T) {
	f := media.NewFrame(320, 240)
	defer f.Release()
	e := &encoder{codec: media.H264, frame: &spec.VideoConfig{Hardware: "off"}}
	defer e.close()
	for i, want := range []media.Color{{Primaries: 1, Transfer: 1, Matrix: 1}, {Primaries: 6, Transfer: 6, Matrix: 6}} {
		at := time.Duration(i) * time.Second
		f.PTS, f.Color = at, want
		p, err := e.encode(f, demand{codec: media.H264}, at, 25)
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
		for _, g := range got {
			g.Release()
		}
		d.Close()
	}
}
