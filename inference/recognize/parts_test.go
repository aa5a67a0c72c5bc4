package recognize

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"livedub/inference"
)

const ms = time.Millisecond

// spoken words as pairs of start and end in ms.
func timed(pairs ...int) []inference.Word {
	var out []inference.Word
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, inference.Word{Text: "w", Start: time.Duration(pairs[i]) * ms, End: time.Duration(pairs[i+1]) * ms})
	}
	return out
}

func TestCut(t *testing.T) {
	for name, c := range map[string]struct {
		words []inference.Word
		n     int
		at    time.Duration
	}{
		"no word":                       {timed(), 0, 3000 * ms},
		"one word":                      {timed(200, 2900), 1, 3000 * ms},
		"widest":                        {timed(0, 500, 600, 1700, 2000, 2200, 2300, 2950), 2, 1850 * ms},
		"latest of equals":              {timed(0, 900, 900, 1800, 1800, 2500, 2500, 3000), 3, 2500 * ms},
		"a stop consonant is no gap":    {timed(0, 1000, 1050, 1800, 1850, 2500, 2510, 3000), 3, 2505 * ms},
		"not in the first half":         {timed(0, 400, 1000, 1800, 1800, 2500, 2500, 3000), 3, 2500 * ms},
		"in the first half if need be":  {timed(0, 400, 1000, 3000), 1, 700 * ms},
		"not just before the end":       {timed(0, 1700, 1700, 2860, 2960, 3000), 1, 1700 * ms},
		"just before the end if needed": {timed(0, 2900, 2950, 3000), 1, 2925 * ms},
	} {
		n, at := cutter{}.cut(c.words, 0, 3000*ms)
		if n != c.n || at != c.at {
			t.Errorf("%s: %d words, at %v; want %d, %v", name, n, at, c.n, c.at)
		}
	}
}

// Whatever words a decoder claims, no side of a cut is empty and the cut lies within the unit.
func FuzzCut(f *testing.F) {
	f.Add([]byte{0, 10, 20, 200, 3, 4}, uint16(3000))
	f.Add([]byte{255, 255, 0, 0, 0, 255}, uint16(10))
	f.Fuzz(func(t *testing.T, b []byte, length uint16) {
		var ws []inference.Word
		for ; len(b) >= 4; b = b[4:] {
			ws = append(ws, inference.Word{
				Start: time.Duration(int16(binary.LittleEndian.Uint16(b))) * ms,
				End:   time.Duration(int16(binary.LittleEndian.Uint16(b[2:]))) * ms,
			})
		}
		start := -100 * ms
		end := start + time.Duration(length)*ms
		n, at := cutter{}.cut(ws, start, end)
		if at < start || at > end {
			t.Fatalf("cut at %v, outside %v..%v", at, start, end)
		}
		if len(ws) >= 2 && (n < 1 || n >= len(ws)) || len(ws) < 2 && n != len(ws) {
			t.Fatalf("%d of %d words before the cut", n, len(ws))
		}
	})
}

// Arbitrary sound never breaks the detector, and silence always ends speech.
func FuzzVAD(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4}, uint8(0))
	f.Add([]byte{255, 127, 0, 128}, uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		d, err := NewWebRTC()
		if err != nil {
			t.Fatal(err)
		}
		v := NewVAD(d, 300*ms)
		frame := make([]int16, (int(size)%3+1)*sampleRate/100)
		pcm := pcm16(b)
		for i := range 30 {
			for j := range frame {
				if len(pcm) > 0 {
					frame[j] = pcm[(i*len(frame)+j)%len(pcm)]
				}
			}
			if _, err := v.Push(frame); err != nil {
				t.Fatal(err)
			}
		}
		for range 15 {
			v.Skip(20 * ms)
		}
		if v.Active() {
			t.Fatal("speech goes on through 300 ms of silence")
		}
		if _, err := v.Push(make([]int16, 100)); err == nil {
			t.Fatal("a frame of 6.25 ms is accepted")
		}
	})
}

func TestVADFindsSpeech(t *testing.T) {
	t.Parallel()
	d, err := NewWebRTC()
	if err != nil {
		t.Fatal(err)
	}
	v := NewVAD(d, 300*ms)
	speech := speak(t, "slt", "the weather is nice today")
	pcm := join(silence(time.Second), speech, silence(time.Second))
	began, ended := time.Duration(-1), time.Duration(-1)
	for i := 0; i+frameLen <= len(pcm); i += frameLen {
		active, err := v.Push(pcm[i : i+frameLen])
		if err != nil {
			t.Fatal(err)
		}
		at := time.Duration(i+frameLen) * time.Second / sampleRate
		if active && began < 0 {
			began = at
		}
		if !active && began >= 0 && ended < 0 {
			ended = at
		}
	}
	// flite's own listing: the first phone starts at 184 ms, the last ends at 1638 ms.
	if onset := began - Preroll - time.Second; onset < -100*ms || onset > 150*ms {
		t.Errorf("pre-roll starts at %v of the sound, speech at 184ms", onset)
	}
	if end := ended - time.Second; end < 1638*ms+150*ms || end > 1638*ms+400*ms {
		t.Errorf("speech ends at %v, hangover included; it was over at 1.638s", end)
	}
}

func TestEnergyGateLearnsSteadySound(t *testing.T) {
	g := newEnergyGate()
	loud := tone(20*ms, func(s float64) float64 { return .2 * sine(200, s) })
	for range 150 {
		g.open(loud)
	}
	if g.open(loud) {
		t.Error("a steady sound still stands out after 3 s")
	}
	if !g.open(tone(20*ms, func(s float64) float64 { return .6 * sine(200, s) })) {
		t.Error("a sound 9 dB above the floor does not stand out")
	}
	for range 50 {
		g.open(make([]int16, frameLen))
	}
	if !g.open(loud) {
		t.Error("the floor does not come down in 1 s of silence")
	}
}

func TestPitchOfTones(t *testing.T) {
	for _, hz := range []float64{80, 120, 210, 400} {
		var m pitchMeter
		pcm := tone(600*ms, func(s float64) float64 { return .2*sine(hz, s) + .1*sine(2*hz, s) + .1*sine(3*hz, s) })
		for i := frameLen; i <= len(pcm); i += frameLen {
			m.push(pcm[i-frameLen:i], i, i > 4*frameLen)
		}
		p := pitchRange(m.between(0, len(pcm)))
		for _, got := range []float64{p.Low, p.Median, p.High} {
			if math.Abs(got-hz) > .02*hz {
				t.Errorf("%v Hz is measured as %v", hz, p)
			}
		}
		m.forget(len(pcm))
		if p := pitchRange(m.between(0, len(pcm))); p != (inference.Pitch{}) {
			t.Errorf("forgotten pitch is still %v", p)
		}
	}
}

func TestClockFollowsItsChunks(t *testing.T) {
	var c clock
	c.set(0, time.Second)
	c.set(320, time.Second+20*ms)        // as expected
	c.set(640, time.Second+40*ms+200000) // 0.2 ms late
	for pos, want := range map[int]time.Duration{
		0: time.Second, 160: time.Second + 10*ms, 639: time.Second + 639*time.Second/sampleRate,
		640: time.Second + 40*ms + 200000, 1280: time.Second + 80*ms + 200000,
	} {
		if got := c.at(pos); got != want {
			t.Errorf("sample %d is at %v, want %v", pos, got, want)
		}
	}
	if len(c.anchors) != 2 {
		t.Errorf("%d anchors for one change of pace", len(c.anchors))
	}
	c.forget(700)
	if got, want := c.at(1280), time.Second+80*ms+200000; got != want || len(c.anchors) != 1 {
		t.Errorf("after forget: %v, %d anchors", got, len(c.anchors))
	}
}
