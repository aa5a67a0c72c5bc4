package codec

import (
	"math"
	"testing"
	"time"

	"livedub/media"
)

func resampleAll(t *testing.T, r *Resampler, blocks []media.Samples) []media.Samples {
	t.Helper()
	var out []media.Samples
	for _, b := range blocks {
		if s := must[media.Samples](t)(r.Resample(b)); len(s.Data) > 0 {
			out = append(out, s)
		}
	}
	if s := must[media.Samples](t)(r.Flush()); len(s.Data) > 0 {
		out = append(out, s)
	}
	return out
}

func TestResamplerKeepsTime(t *testing.T) {
	const start, d = 987654321 * time.Nanosecond, 2 * time.Second
	for _, rates := range [][2]int{{44100, 16000}, {8000, 48000}, {48000, 16000}, {22050, 48000}, {16000, 44100}, {48000, 48000}} {
		for block := range 3 {
			r := NewResampler(rates[1], 2)
			defer r.Close()
			in := clicks(rates[0], start, d)
			out := resampleAll(t, r, blocksOf(in, []int{rates[0] / 50, 13, 1 << 20}[block]))
			sample := media.SamplesToTime(1, rates[1])
			for i := 1; i < len(out); i++ {
				if !near(out[i].PTS, out[i-1].End(), time.Microsecond) {
					t.Fatalf("%v: block %d stands at %v, the one before ends at %v", rates, i, out[i].PTS, out[i-1].End())
				}
			}
			if last := out[len(out)-1]; out[0].PTS != start || !near(last.End(), in.End(), sample) {
				t.Errorf("%v: %v to %v, want %v to %v", rates, out[0].PTS, last.End(), start, in.End())
			}
			if out[0].Channels != 2 {
				t.Errorf("%d channels, want 2", out[0].Channels)
			}
			checkClicks(t, out, start, d, sample)
		}
	}
}

// TestResamplerStaysInPhase feeds forty minutes of 44.1 kHz and looks whether the phase of a tone still fits its time.
func TestResamplerStaysInPhase(t *testing.T) {
	const rate, to, block = 44100, 16000, 44100 * 10
	r := NewResampler(to, 1)
	defer r.Close()
	in := media.Samples{Rate: rate, Channels: 1, Data: make([]int16, block)}
	for i := range in.Data { // 441 Hz: 100 samples a turn, so every block begins at phase 0
		in.Data[i] = int16(15000 * math.Sin(2*math.Pi*float64(i%100)/100))
	}
	const blocks = 240
	for n := range blocks {
		in.PTS = media.SamplesToTime(n*block, rate)
		out := must[media.Samples](t)(r.Resample(in))
		if n != 1 && n != blocks-1 {
			continue
		}
		var re, im float64
		at := media.TimeToSamples(out.PTS, to)
		for i, v := range out.Data[:to] { // one second: a whole number of turns
			a := 2 * math.Pi * 441 * float64((at+i)%to) / to
			re += float64(v) * math.Sin(a)
			im += float64(v) * math.Cos(a)
		}
		off := math.Atan2(im, re) / (2 * math.Pi * 441) * to
		t.Logf("block %d: %.4f samples off", n, off)
		if math.Abs(off) > 0.5 {
			t.Errorf("after %v the tone is off by %.2f samples", in.PTS, off)
		}
	}
}

func TestResamplerClockRestarts(t *testing.T) {
	for _, jump := range []time.Duration{2 * time.Millisecond, -2 * time.Millisecond, 3 * time.Second, -time.Second} {
		r := NewResampler(16000, 1)
		defer r.Close()
		a := clicks(44100, time.Second, time.Second)
		b := clicks(44100, a.End()+jump, time.Second)
		for _, s := range blocksOf(a, 441) {
			must[media.Samples](t)(r.Resample(s))
		}
		out := resampleAll(t, r, blocksOf(b, 441))
		checkClicks(t, out, b.PTS, time.Second, media.SamplesToTime(1, 16000))
	}
}

func TestResamplerIgnoresRounding(t *testing.T) {
	r := NewResampler(48000, 1)
	defer r.Close()
	blocks := blocksOf(clicks(44100, time.Second, time.Second), 1024)
	for i := range blocks {
		blocks[i].PTS = blocks[i].PTS.Truncate(time.Millisecond) // as RTMP does
	}
	out := resampleAll(t, r, blocks)
	for i := 1; i < len(out); i++ {
		if !near(out[i].PTS, out[i-1].End(), time.Microsecond) {
			t.Fatalf("block %d stands at %v, the one before ends at %v", i, out[i].PTS, out[i-1].End())
		}
	}
}

func TestResamplerFollowsTheInput(t *testing.T) {
	r := NewResampler(16000, 1)
	defer r.Close()
	a := clicks(48000, 0, time.Second)
	b := stereo(clicks(8000, time.Second, time.Second))
	c := clicks(16000, 2*time.Second, time.Second)
	out := resampleAll(t, r, []media.Samples{a, b, c})
	checkClicks(t, out, 0, time.Second, media.SamplesToTime(1, 16000))
	checkClicks(t, out, time.Second, time.Second, media.SamplesToTime(1, 16000))
	checkClicks(t, out, 2*time.Second, time.Second, media.SamplesToTime(1, 16000))
	total := 0
	for _, s := range out {
		total += s.Frames()
	}
	if total < 3*16000-2 || total > 3*16000+2 {
		t.Errorf("%d samples, want 48000", total)
	}
}

func TestLevelsThroughMonoAndStereo(t *testing.T) {
	tone := media.Samples{Rate: 48000, Channels: 1, Data: make([]int16, 4800)}
	for i := range tone.Data {
		tone.Data[i] = 12000
	}
	up, down := NewResampler(48000, 2), NewResampler(48000, 1)
	defer up.Close()
	defer down.Close()
	wide := must[media.Samples](t)(up.Resample(tone))
	back := must[media.Samples](t)(down.Resample(wide))
	if wide.Data[1000] != 12000 || wide.Data[1001] != 12000 || back.Data[1000] != 12000 {
		t.Errorf("12000 became %d and %d, then %d", wide.Data[1000], wide.Data[1001], back.Data[1000])
	}
}

func TestResamplerRefuses(t *testing.T) {
	r := NewResampler(16000, 1)
	defer r.Close()
	for _, s := range []media.Samples{
		{Rate: 0, Channels: 1, Data: make([]int16, 10)}, {Rate: 48000, Channels: 0, Data: make([]int16, 10)},
		{Rate: 48000, Channels: 2, Data: make([]int16, 11)}, {Rate: 48000, Channels: 99, Data: make([]int16, 99)},
	} {
		if _, err := r.Resample(s); err == nil {
			t.Errorf("%d channels at %d Hz were taken", s.Channels, s.Rate)
		}
	}
}
