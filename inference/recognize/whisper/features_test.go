package whisper

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"testing"

	"livedub/internal/testkit/groundtest"
)

// chirp is the sound of testdata/mel.py.
func chirp(samples int) []float32 {
	pcm := make([]float32, samples)
	for i := range pcm {
		t := float64(i) / rate
		v := .01 * math.Sin(2*math.Pi*3000*t)
		if t < .9 {
			v += .4 * math.Sin(2*math.Pi*(100+900*t)*t)
		}
		pcm[i] = float32(v)
	}
	return pcm
}

// TestFeatures: the numbers are those that testdata/mel.py stored, and those
// that it computes here where Python has numpy.
func TestFeatures(t *testing.T) {
	stored, err := os.ReadFile("testdata/mel.json")
	if err != nil {
		t.Fatal(err)
	}
	sameFeatures(t, stored)
	t.Run("numpy", func(t *testing.T) {
		if err := exec.CommandContext(t.Context(), "python3", "-c", "import numpy").Run(); err != nil {
			groundtest.Skip(t, "no python3 with numpy (%v): the stored numbers stand in", err)
		}
		now, err := exec.CommandContext(t.Context(), "python3", "testdata/mel.py").Output()
		if err != nil {
			t.Fatal(err)
		}
		sameFeatures(t, now)
	})
}

func sameFeatures(t *testing.T, text []byte) {
	t.Helper()
	var want map[string][]float32
	if err := json.Unmarshal(text, &want); err != nil || len(want) < 3 {
		t.Fatalf("%d sets of features, %v", len(want), err)
	}
	for key, numbers := range want {
		var bands, samples, frames int
		if _, err := fmt.Sscan(key, &bands, &samples, &frames); err != nil {
			t.Fatal(err)
		}
		var got []float32
		for i, v := range Features(chirp(samples), bands, frames) {
			if i%7 == 0 {
				got = append(got, v)
			}
		}
		if err := close32(got, numbers, 2e-5); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestFeaturesOfAlmostNothing(t *testing.T) {
	for _, pcm := range [][]float32{nil, {1}, make([]float32, 100)} {
		for i, v := range Features(pcm, 80, 1) {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("%d samples: number %d is %v", len(pcm), i, v)
			}
		}
	}
	// Silence is the least that there is.
	for _, v := range Features(make([]float32, 3200), 80, 20) {
		if v != -1.5 {
			t.Fatalf("silence is %v", v)
		}
	}
}

func BenchmarkFeatures(b *testing.B) {
	pcm := chirp(6 * rate)
	for b.Loop() {
		Features(pcm, 80, 600)
	}
}
