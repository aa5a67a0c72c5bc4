package fanout

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"livedub/media"
	"livedub/media/codec"
	"livedub/session/spec"
)

// decoded returns what a sink heard from output time from on, mono at 48 kHz.
func decoded(t *testing.T, out *tape, from time.Duration) []int16 {
	t.Helper()
	track := media.FindTrack(out.tracks, media.Audio)
	if track == nil {
		t.Fatal("no sound")
	}
	dec, err := codec.NewAudioDecoder(*track)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	var pcm []int16
	for _, p := range out.of(media.Audio) {
		sound, err := dec.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sound {
			at := media.TimeToSamples(s.PTS-from, 48000)
			if at < 0 {
				continue
			}
			if at > len(pcm) {
				pcm = append(pcm, make([]int16, at-len(pcm))...)
			}
			pcm = append(pcm[:at], s.Data...)
		}
	}
	return pcm
}

// loudnessOf returns the integrated loudness of part of pcm, LUFS.
func loudnessOf(t *testing.T, pcm []int16, from, to time.Duration) float64 {
	t.Helper()
	m, err := codec.NewMeter(48000, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	all, err := m.Put(pcm[media.TimeToSamples(from, 48000):media.TimeToSamples(to, 48000)])
	if err != nil || len(all) == 0 {
		t.Fatal(err)
	}
	return all[len(all)-1].Integrated
}

// TestLeveled: a dub that is quiet is as loud as was asked for, each of its encodes by its
// own target, and what is heard stands at its output time to the millisecond.
func TestLeveled(t *testing.T) {
	const began, clicks = 5300 * time.Millisecond, 12 * time.Second // the second from the first on
	sinks := map[string]*tape{}
	var told, after spec.DubLoudness
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.Fanout = New(Env{Shared: s.env.Shared, Video: s.env.Video, Loudness: spec.LoudnessTargets{Live: -16, Program: -23}})
		s.at = began
		sinks["program"] = s.tape()
		sinks["viewer"] = &tape{audio: media.Opus}
		if _, err := s.Subscribe(sinks["viewer"], nil); err != nil {
			t.Fatal(err)
		}
		for ; s.at < began+14*time.Second; s.at += 20 * time.Millisecond {
			time.Sleep(20 * time.Millisecond)
			b := s.block()
			for i := range b.Data {
				if b.Data[i] /= 8; s.at-began >= 10*time.Second {
					b.Data[i] = 0
				}
			}
			if s.at == began+clicks {
				for i := range 24 {
					b.Data[i] = 25000
				}
			}
			if err := s.Sound(b); err != nil {
				t.Fatal(err)
			}
		}
		told = s.Loudness()
		if err := s.FlushSound(); err != nil {
			t.Error(err)
		}
		s.finish()
		after = s.Loudness()
		if f := s.env.Failures(); len(f) > 0 {
			t.Errorf("failures: %v", f)
		}
	})
	for name, want := range map[string]float64{"program": -23, "viewer": -16} {
		pcm := decoded(t, sinks[name], began)
		if got := loudnessOf(t, pcm, 5*time.Second, 9900*time.Millisecond); math.Abs(got-want) > 1 {
			t.Errorf("%s: %.1f LUFS, want %v", name, got, want)
		}
		at, most := 0, 0
		for i := media.TimeToSamples(11*time.Second, 48000); i < len(pcm); i++ {
			if v := int(max(pcm[i], -pcm[i])); v > most {
				at, most = i, v
			}
		}
		if off := media.SamplesToTime(at, 48000) - clicks; off < -time.Millisecond || off > 1500*time.Microsecond { // the click lasts .5 ms
			t.Errorf("%s: a click of %v is heard %v off", name, most, off)
		}
	}
	for name, l := range map[string][2]*spec.Loudness{"program": {told.Program, after.Program}, "viewer": {told.Live, after.Live}} {
		if l[0] == nil || l[1] == nil {
			t.Fatalf("%s: nothing is told of its loudness", name)
		}
		if l[0].Integrated == nil || l[0].TruePeak == nil || math.Abs(*l[0].Integrated-l[0].Target) > 2 || *l[0].TruePeak > -1 || l[0].Gain < 5 || l[1].Gain != l[0].Gain {
			t.Errorf("%s: %+v", name, l[0])
		}
	}
}

// TestNotLeveled: without targets sound goes out as it comes, at its time, and nothing is told.
func TestNotLeveled(t *testing.T) {
	var l *leveled
	s := media.Samples{PTS: time.Second, Rate: 48000, Channels: 1, Data: []int16{1, 2, 3}}
	for _, l := range []*leveled{l, {}} {
		if out := l.put(s); len(out) != 1 || &out[0].Data[0] != &s.Data[0] || len(l.flush()) != 0 || l.state() != nil {
			t.Errorf("%+v", out)
		}
		l.reset()
		l.close()
	}
}

// TestLeveledAgain: who comes later hears the loudness that was found at once, and a
// change of channels costs nothing but the sound that was under way.
func TestLeveledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		l := &leveled{env: &s.env, target: -16, lead: true}
		defer s.finish()
		defer l.close()
		quiet := func(channels int) media.Samples {
			b := s.block()
			pcm := b.Data
			b.Data, b.Channels = nil, channels
			for _, v := range pcm {
				for range channels {
					b.Data = append(b.Data, v/8)
				}
			}
			s.at += 20 * time.Millisecond
			return b
		}
		for range 500 {
			l.put(quiet(1))
		}
		found := l.state().Gain
		l.reset()
		for range 3 {
			if out := l.put(quiet(1)); len(out) != 1 || out[0].Frames() != 960 {
				t.Fatalf("%d blocks", len(out))
			}
		}
		out := l.put(quiet(2))
		if len(out) != 1 || out[0].Channels != 2 || math.Abs(l.state().Gain-found) > .5 || found < 10 {
			t.Errorf("the gain is %v, was %v", l.state().Gain, found)
		}
		next := l.next(&s.env)
		next.target = -16
		defer next.close()
		next.put(quiet(2))
		if got := next.state().Gain; math.Abs(got-found) > .5 {
			t.Errorf("the next program begins at %v dB", got)
		}
	})
}
