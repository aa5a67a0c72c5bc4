package testspeaker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
	"livedub/inference/viseme"
	"livedub/media"
	"livedub/media/file"
	"livedub/media/pace"
)

func TestFramesAndSoundInAnyOrder(t *testing.T) {
	c := Config{Width: 320, Height: 180, Seed: 7, BarCode: true, Markers: true, Speech: Speech{Sound: speechOf(t)}}
	a, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, n := range []int{50, 3, 70000} {
		x := a.Frame(n)
		b.Frame(n + 1).Release()
		y := b.Frame(n)
		if !bytes.Equal(x.Y, y.Y) || x.PTS != a.At(n) {
			t.Errorf("frame %d differs, or stands at %v", n, x.PTS)
		}
		if got, ok := ReadBar(x); !ok || got != uint16(n) {
			t.Errorf("frame %d reads %d, %v", n, got, ok)
		}
		x.Release()
		y.Release()
	}
	whole := a.Sound(0, 3*Rate)
	if parts := slices.Concat(b.Sound(0, 1000), b.Sound(1000, 100), b.Sound(1100, 3*Rate-1100)); !slices.Equal(whole, parts) {
		t.Error("sound in parts is not the whole")
	}
	if after := a.Sound(len(a.sound)+1, Rate); slices.Max(after) == 0 {
		t.Error("no marker after the speech")
	}
	if before := a.Sound(-Rate/2, Rate/4); slices.Max(before) != 0 {
		t.Error("sound before the beginning")
	}
}

func TestLoop(t *testing.T) {
	s := speechOf(t)
	s.Data = s.Data[:2*Rate]
	speaker, err := New(Config{Width: 64, Height: 64, Loop: true, Speech: Speech{Sound: s}})
	if err != nil {
		t.Fatal(err)
	}
	defer speaker.Close()
	if !slices.Equal(speaker.Sound(0, 2*Rate), speaker.Sound(8*Rate, 2*Rate)) {
		t.Error("the fifth time sounds unlike the first")
	}
	if at := 1700 * time.Millisecond; speaker.Mouth(at) != speaker.Mouth(at+6*time.Second) {
		t.Error("the mouth does not go round")
	}
}

// The sample's own recording tells when it is loud; the lips must know it.
func TestLipsFollowLoudness(t *testing.T) {
	s := speechOf(t)
	l := newLips(Speech{Sound: s})
	var loud, still, n, m float64
	for at := time.Duration(0); at < s.Duration()-50*time.Millisecond; at += 10 * time.Millisecond {
		i := media.TimeToSamples(at, Rate)
		sum := 0.0
		for _, v := range s.Data[i : i+Rate/50] {
			sum += float64(v) * float64(v)
		}
		switch rms := sum / (Rate / 50); {
		case rms > 3000*3000:
			loud += l.at(at + 10*time.Millisecond).Open
			n++
		case rms < 20*20:
			still += l.at(at + 10*time.Millisecond).Open
			m++
		}
	}
	if n < 50 || m < 50 || loud/n < .35 || still/m > .1 {
		t.Errorf("open by %.2f in %.0f loud steps, by %.2f in %.0f silent ones", loud/n, n, still/m, m)
	}
	if l.at(-time.Second).Open != 0 || l.at(time.Hour).Open != 0 {
		t.Error("the mouth moves outside the speech")
	}
}

func TestLipsFollowMarks(t *testing.T) {
	marks := []inference.Mark{{IPA: "a", Viseme: inference.VisemeA, Dur: 200 * time.Millisecond},
		{IPA: "m", Viseme: inference.VisemePP, At: 200 * time.Millisecond, Dur: 100 * time.Millisecond}}
	speaker, err := New(Config{Width: 64, Height: 64, Speech: Speech{Sound: media.Samples{Rate: 16000, Channels: 1, Data: make([]int16, 16000)}, Marks: marks}})
	if err != nil {
		t.Fatal(err)
	}
	defer speaker.Close()
	for _, at := range []time.Duration{100 * time.Millisecond, 250 * time.Millisecond} {
		if got, want := speaker.Mouth(at), viseme.At(marks, at); got != want {
			t.Errorf("at %v: %+v, want %+v", at, got, want)
		}
	}
}

func TestSource(t *testing.T) {
	live := media.LiveFrames()
	for _, c := range []SourceConfig{{Length: 2200 * time.Millisecond}, {Length: 2200 * time.Millisecond, Video: media.VP8, Audio: media.AAC}} {
		speaker, err := New(Config{Width: 320, Height: 180, FPS: 25, BarCode: true, Markers: true})
		if err != nil {
			t.Fatal(err)
		}
		src, err := NewSource(speaker, c)
		if err != nil {
			t.Fatal(err)
		}
		frames, sound, err := decode(src)
		if err != nil {
			t.Fatal(err)
		}
		if len(frames) != 55 {
			t.Errorf("%d frames in 2.2 s at 25/s", len(frames))
		}
		for i, p := range frames {
			if !p.ok || int(p.n) != i || p.at != time.Duration(i)*40*time.Millisecond {
				t.Errorf("frame %d at %v reads %d, %v", i, p.at, p.n, p.ok)
			}
		}
		marks, err := FindMarkers(sound)
		if err != nil || len(marks) != 3 {
			t.Fatalf("markers at %v, %v", marks, err)
		}
		for i, at := range marks {
			if d := (at - time.Duration(i)*time.Second).Abs(); d > time.Millisecond {
				t.Errorf("marker %d stands %v off", i, d)
			}
		}
		if d := (sound.End() - c.Length).Abs(); d > 25*time.Millisecond {
			t.Errorf("sound ends at %v", sound.End())
		}
		if _, err := src.Read(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("after the end: %v", err)
		}
		if err := errors.Join(src.Close(), src.Close()); err != nil {
			t.Error(err)
		}
		if _, err := src.Read(t.Context()); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("after Close: %v", err)
		}
	}
	if n := media.LiveFrames() - live; n != 0 {
		t.Errorf("%d frames are still held", n)
	}
}

func TestSourceInRealTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		speaker, err := New(Config{Width: 64, Height: 64})
		if err != nil {
			t.Fatal(err)
		}
		src, err := NewSource(speaker, SourceConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		clock := pace.NewWall()
		lively := pace.Realtime(src, clock)
		for n := 0; clock.Now() < 3*time.Second; n++ {
			p, err := lively.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if early := p.PTS - clock.Now(); early > time.Millisecond || early < -60*time.Millisecond {
				t.Fatalf("packet %d of %v given out at %v", n, p.PTS, clock.Now())
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := lively.Read(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestBadConfigs(t *testing.T) {
	live := media.LiveFrames()
	for _, c := range []Config{{FPS: -1}, {FPS: 1e9}, {Width: 7, Height: 7}, {Width: 640},
		{Speech: Speech{Sound: media.Samples{Data: make([]int16, 9)}}}, {Speech: Speech{Sound: media.Samples{Rate: 8000, Channels: 5, Data: make([]int16, 10)}}}} {
		if speaker, err := New(c); err == nil {
			speaker.Close()
			t.Errorf("%+v was taken", c)
		}
	}
	speaker, err := New(Config{Width: 64, Height: 64})
	if err != nil {
		t.Fatal(err)
	}
	if src, err := NewSource(speaker, SourceConfig{Video: "mpeg0"}); err == nil {
		src.Close()
		t.Error("sent as mpeg0")
	}
	if n := media.LiveFrames() - live; n != 0 {
		t.Errorf("%d frames are still held", n)
	}
}

// The page offers this file: every browser must play it, and it must load fast.
func TestSample(t *testing.T) {
	info, err := os.Stat(sampleFile)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 1200<<10 {
		t.Errorf("%d bytes", info.Size())
	}
	src, err := file.Open(sampleFile)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for _, track := range src.Tracks() {
		if track.Codec != media.H264 && track.Codec != media.AAC {
			t.Errorf("it has %s", track.Codec)
		}
	}
	if d := src.Duration(); d < 15*time.Second || d > 25*time.Second {
		t.Errorf("it lasts %v", d)
	}
	s := speechOf(t)
	if off := (s.End() - src.Duration()).Abs(); off > 100*time.Millisecond {
		t.Errorf("its sound ends %v off", off)
	}
}
