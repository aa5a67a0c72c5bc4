package listen

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const rate = 16000

// sound is d of what f draws, 1 being full scale, in channels.
func sound(at, d time.Duration, f ...func(sec float64) float64) media.Samples {
	s := media.Samples{PTS: at, Rate: rate, Channels: len(f)}
	for i := range media.TimeToSamples(d, rate) {
		for _, f := range f {
			s.Data = append(s.Data, int16(math.Round(32767*f(float64(i)/rate))))
		}
	}
	return s
}

func sine(level float64) func(float64) float64 {
	return func(sec float64) float64 { return level * math.Sin(2*math.Pi*300*sec) }
}

// said is words: 200 ms without, a tone of 300 ms, and so on, at db below full scale.
func said(db float64) func(float64) float64 {
	tone := sine(math.Pow(10, -db/20) * math.Sqrt2)
	return func(sec float64) float64 {
		if math.Mod(sec+.3, .5) > .3 {
			return 0
		}
		return tone(sec)
	}
}

func hiss(db float64) func(float64) float64 {
	r := rand.New(rand.NewPCG(1, 2))
	return func(float64) float64 { return r.NormFloat64() * math.Pow(10, -db/20) }
}

func plus(f, g func(float64) float64) func(float64) float64 {
	return func(sec float64) float64 { return f(sec) + g(sec) }
}

func decibels(b []int16) float64 {
	var m meter
	m.add(b)
	return m.decibels()
}

// loudness returns the level of the loudest block of the last second of s.
func loudness(s media.Samples) float64 {
	loud := math.Inf(-1)
	for i := max(0, len(s.Data)-rate); i+320 <= len(s.Data); i += 320 {
		loud = max(loud, decibels(s.Data[i:i+320]))
	}
	return loud
}

func TestMonoSurvivesWiring(t *testing.T) {
	tone := sine(.5)
	for name, c := range map[string]struct {
		right func(float64) float64
		want  float64 // level, dBFS
	}{
		"alike":            {tone, -9},
		"upside down":      {func(s float64) float64 { return -tone(s) }, -9},
		"nearly so":        {func(s float64) float64 { return -.8 * tone(s) }, -9.9},
		"one channel only": {func(float64) float64 { return 0 }, -15},
	} {
		var m Mono
		s := sound(time.Second, time.Second, tone, c.right)
		got := m.Mix(s)
		if got.PTS != s.PTS || got.Rate != rate || got.Channels != 1 || got.Frames() != s.Frames() {
			t.Fatalf("%s: %v %d %d %d", name, got.PTS, got.Rate, got.Channels, got.Frames())
		}
		first := decibels(got.Data[:rate/5])
		if l := loudness(got); math.Abs(l-c.want) > .5 || first < c.want-1.5 {
			t.Errorf("%s: %.1f dBFS, at first %.1f, want %.1f", name, l, first, c.want)
		}
	}
	var m Mono
	one := sound(0, time.Second, tone)
	if got := m.Mix(one); &got.Data[0] != &one.Data[0] {
		t.Error("one channel was copied")
	}
}

// TestMonoSwitches: what is wired wrongly may change, and a moment's chance does not matter.
func TestMonoSwitches(t *testing.T) {
	var m Mono
	tone, other := sine(.5), func(s float64) float64 { return .5 * math.Sin(2*math.Pi*470*s) }
	minus := func(s float64) float64 { return -tone(s) }
	at := time.Duration(0)
	part := func(l, r func(float64) float64) float64 {
		s := sound(at, 2*time.Second, l, r)
		at = s.End()
		return loudness(m.Mix(s))
	}
	if a, b, c := part(tone, tone), part(tone, minus), part(tone, tone); math.Abs(a-b) > .5 || math.Abs(a-c) > .5 {
		t.Errorf("%.1f, upside down %.1f, again %.1f dBFS", a, b, c)
	}
	// Two voices, one a side: both are heard, by the sum.
	part(tone, other)
	if m.differ {
		t.Error("two different channels count as one upside down")
	}
	// Between the two bounds all stays as it is.
	part(tone, minus)
	if part(tone, func(s float64) float64 { return -.4 * tone(s) }); !m.differ {
		t.Error("no hysteresis")
	}
}

func TestGainRaisesQuietSpeech(t *testing.T) {
	for _, c := range []struct{ db, noise, want float64 }{
		{20, 200, -20}, // loud enough
		{36, 200, -24},
		{56, 200, -24},
		{62, 200, -24},
		{72, 200, -30}, // as far as it goes
		{56, 80, -24},
		{56, 70, -31}, // the noise comes to -45
	} {
		var g Gain
		got := g.Apply(sound(0, 8*time.Second, plus(said(c.db), hiss(c.noise))))
		if l := loudness(got); math.Abs(l-c.want) > 1.5 {
			t.Errorf("speech at -%g, noise at -%g dBFS: comes out at %.1f, want %.1f", c.db, c.noise, l, c.want)
		}
		// The first word is heard already.
		if l := decibels(got.Data[rate/4 : rate/4+1600]); math.Abs(l-c.want) > 6 && c.noise == 200 {
			t.Errorf("speech at -%g: its first word comes out at %.1f dBFS, want %.1f", c.db, l, c.want)
		}
	}
}

func TestGainLeavesNoiseAndLoudSpeech(t *testing.T) {
	for name, f := range map[string]func(float64) float64{
		"silence": func(float64) float64 { return 0 }, "hiss": hiss(50), "faint hiss": hiss(75),
		"hum": sine(.003), "speech": said(15),
	} {
		var g Gain
		for n := range 20 {
			s := sound(time.Duration(n)*time.Second, time.Second, f)
			if got := g.Apply(s); &got.Data[0] != &s.Data[0] {
				t.Fatalf("%s: changed after %d s, by %.1f dB", name, n, g.gain)
			}
		}
	}
}

// TestGainFallsAtOnceAndClimbsSlowly: a loud speaker after a quiet one is not distorted.
func TestGainFallsAtOnceAndClimbsSlowly(t *testing.T) {
	var g Gain
	g.Apply(sound(0, 4*time.Second, said(56)))
	high := g.gain
	loud := sound(4*time.Second, 4*time.Second, said(12))
	got := g.Apply(loud)
	clipped := 0
	for _, v := range got.Data[320:] {
		if v == 32767 || v == -32768 {
			clipped++
		}
	}
	if high < 30 || g.gain != 0 || clipped > 0 {
		t.Errorf("%.1f dB, then %.1f, %d samples clipped", high, g.gain, clipped)
	}
	g.Apply(sound(8*time.Second, 4*time.Second, said(56)))
	was := g.gain
	g.Apply(sound(12*time.Second, time.Second, said(56)))
	if rise := g.gain - was; rise > climb+.1 {
		t.Errorf("rose by %.1f dB in a second", rise)
	}
	g.Apply(sound(13*time.Second, 8*time.Second, said(56)))
	if g.gain < 30 {
		t.Errorf("%.1f dB when the quiet one has spoken for long", g.gain)
	}
}

// TestAnyChunks: how sound is cut hardly matters, and its form is kept.
func TestAnyChunks(t *testing.T) {
	all := sound(0, 4*time.Second, said(50))
	var whole Gain
	want := whole.Apply(all)
	for _, n := range []int{1, 7, 160, 320, 341, 1024} {
		var g Gain
		var got []int16
		for i := 0; i < len(all.Data); i += n {
			s := media.Samples{PTS: media.SamplesToTime(i, rate), Rate: rate, Channels: 1, Data: all.Data[i:min(i+n, len(all.Data))]}
			got = append(got, g.Apply(s).Data...)
		}
		if len(got) != len(want.Data) {
			t.Fatalf("chunks of %d: %d samples of %d", n, len(got), len(want.Data))
		}
		if l, w := loudness(media.Samples{Data: got}), loudness(want); math.Abs(l-w) > 4 {
			t.Errorf("chunks of %d: %.1f dBFS, in one %.1f", n, l, w)
		}
	}
	for _, s := range []media.Samples{{}, {Rate: rate, Channels: 2, Data: []int16{1, 2}}, {Channels: 1, Data: []int16{1}}} {
		var g Gain
		var m Mono
		if got := g.Apply(s); len(got.Data) != len(s.Data) {
			t.Errorf("%v became %v", s, got)
		}
		m.Mix(s)
	}
}
