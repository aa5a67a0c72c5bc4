package neural

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// chirp is the sound that testdata/mel.json was computed of: a chirp over a
// hum, swelling, and a click.
func chirp() []float32 {
	out := make([]float32, 12000)
	for n := range out {
		t := float64(n) / 16000
		x := (.3*math.Sin(2*math.Pi*(300*t+600*t*t)) + .2*math.Sin(2*math.Pi*120*t)) * min(1, float64(n)/4000)
		if n == 6000 {
			x += .5
		}
		out[n] = float32(math.RoundToEven(x*32767)) / 32768
	}
	return out
}

// TestMelAgreesWithLibrosa: the file was computed by librosa 0.11 (lfilter,
// stft, filters.mel), with the constants that Wav2Lip was trained by.
func TestMelAgreesWithLibrosa(t *testing.T) {
	b, err := os.ReadFile("testdata/mel.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		From   int
		Frames [][]float64
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	n := len(want.Frames)
	first := want.From*melHop - reach - 1
	got := newMel().columns(chirp()[first:first+columnsLen(n)], n)
	worst := 0.
	for i, column := range want.Frames {
		for band, v := range column {
			worst = max(worst, math.Abs(float64(got[band*n+i])-v))
		}
	}
	if worst > .002 {
		t.Errorf("features differ by up to %.4f", worst)
	}
}

func TestMelOfSilence(t *testing.T) {
	for _, v := range newMel().columns(make([]float32, columnsLen(2)), 2) {
		if v != -4 {
			t.Fatalf("silence is %v, want -4", v)
		}
	}
}

// TestThirds: a tone that 16 kHz can carry passes, in its place; one that it cannot is gone.
func TestThirds(t *testing.T) {
	for _, c := range []struct{ hz, gain, tolerance float64 }{{440, 1, .01}, {5000, 1, .02}, {11000, 0, .01}, {15000, 0, .01}} {
		const n = 800
		in := make([]int16, thirdsLen(n))
		for i := range in {
			in[i] = int16(16384 * math.Sin(2*math.Pi*c.hz*float64(i-tapReach)/48000))
		}
		worst := 0.
		for i, v := range newThirds().make(in, n) {
			worst = max(worst, math.Abs(float64(v)-c.gain*.5*math.Sin(2*math.Pi*c.hz*float64(i)/16000)))
		}
		if worst > c.tolerance {
			t.Errorf("%v Hz: off by %.3f", c.hz, worst)
		}
	}
}

func BenchmarkFeatures(b *testing.B) {
	e := NewEar()
	voice := make([]int16, thirdsLen(columnsLen(16)))
	for b.Loop() {
		e.mel.columns(e.thirds.make(voice, columnsLen(16)), 16)
	}
}
