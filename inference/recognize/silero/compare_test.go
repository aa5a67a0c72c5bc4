package silero

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"livedub/inference/onnx"
	"livedub/inference/recognize"
	"livedub/internal/testkit/groundtest"
)

// real is the net itself, beside the repository.
func real(t testing.TB) string { return groundtest.Shared(t, "models/silero_vad.onnx") }

// flite returns text in one of flite's voices, 16 kHz mono.
func flite(t *testing.T, voice, text string) []int16 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "speech.wav")
	if out, err := exec.CommandContext(t.Context(), "flite", "-voice", voice, "-t", text, "-o", path).CombinedOutput(); err != nil {
		t.Fatalf("flite: %v: %s; apt install flite", err, out)
	}
	wav, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, (len(wav)-44)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(wav[44+2*i:]))
	}
	return pcm
}

// sound makes 3 s of f, of -1..1.
func sound(f func(sec float64) float64) []int16 {
	out := make([]int16, 3*rate)
	for i := range out {
		out[i] = int16(32767 * max(-1, min(1, f(float64(i)/rate))))
	}
	return out
}

func sine(hz, sec float64) float64 { return math.Sin(2 * math.Pi * hz * sec) }

// The net beside the default, on what is speech and what is not. The table is
// to be read; only what holds by a wide margin is asserted.
func TestBesideTheDefault(t *testing.T) {
	path := real(t)
	r, err := onnx.NewRuntime(onnx.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	m, err := r.Open(t.Context(), onnx.ModelConfig{Path: path, Example: Inputs, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	net, err := New(m)
	if err != nil {
		t.Fatal(err)
	}
	defer net.Close()

	const text = "Good morning everybody. The weather is nice today, so we will walk to the river."
	random := rand.New(rand.NewPCG(1, 2))
	noise := func(pcm []int16, level float64) []int16 {
		out := make([]int16, len(pcm))
		for i, s := range pcm {
			out[i] = int16(max(-32768, min(32767, float64(s)+32768*level*random.NormFloat64())))
		}
		return out
	}
	slt, rms := flite(t, "slt", text), flite(t, "rms", text)
	type row struct {
		name        string
		pcm         []int16
		least, most float64 // share of frames that the net may call speech
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-24s %9s %9s\n", "share of frames", "default", "silero")
	for _, c := range []row{
		{"silence", sound(func(float64) float64 { return 0 }), 0, .05},
		{"white noise", noise(make([]int16, 3*rate), .05), 0, .1},
		{"loud white noise", noise(make([]int16, 3*rate), .3), 0, .1},
		{"hum", sound(func(s float64) float64 { return .2*sine(50, s) + .1*sine(150, s) }), 0, .2},
		{"tone", sound(func(s float64) float64 { return .3 * sine(1000, s) }), 0, .2},
		{"chord", sound(func(s float64) float64 { return .15 * (sine(220, s) + sine(277, s) + sine(330, s)) }), 0, 1},
		{"melody", sound(func(s float64) float64 {
			note := []float64{262, 330, 392, 523, 440, 349}[int(s*4)%6]
			return .4 * math.Exp(-6*math.Mod(s, .25)) * (sine(note, s) + .5*sine(2*note, s) + .25*sine(3*note, s)) / 1.75
		}), 0, 1},
		{"speech, slt", slt, .6, 1},
		{"speech, rms", rms, .6, 1},
		{"speech, slt, in noise", noise(slt, .02), .3, 1},
	} {
		usual, err := recognize.NewWebRTC()
		if err != nil {
			t.Fatal(err)
		}
		got := share(t, net.Detector(), c.pcm)
		fmt.Fprintf(&b, "%-24s %9.2f %9.2f\n", c.name, share(t, usual, c.pcm), got)
		if got < c.least || got > c.most {
			t.Errorf("%s: the net calls %.2f of the frames speech, want %v..%v", c.name, got, c.least, c.most)
		}
	}

	// Both find where an utterance begins and ends, a pre-roll and a hangover apart.
	pcm := append(append(make([]int16, rate), slt...), make([]int16, rate)...)
	v := recognize.NewVAD(net.Detector(), 300*time.Millisecond)
	began, ended := time.Duration(-1), time.Duration(-1)
	for i := 0; i+320 <= len(pcm); i += 320 {
		active, err := v.Push(pcm[i : i+320])
		if err != nil {
			t.Fatal(err)
		}
		at := time.Duration(i+320) * time.Second / rate
		if active && began < 0 {
			began = at
		}
		if active {
			ended = at
		}
	}
	length := time.Duration(len(slt)) * time.Second / rate
	fmt.Fprintf(&b, "an utterance of %v: found %v after its sound began, over %v after it ended", length, began-time.Second, ended-time.Second-length)
	if began < time.Second || began > 1500*time.Millisecond || ended < time.Second+length-500*time.Millisecond || ended > time.Second+length+500*time.Millisecond {
		t.Errorf("speech from %v to %v, the sound lasts from 1s to %v", began, ended, time.Second+length)
	}
	t.Log("\n" + b.String())
}

func share(t *testing.T, d recognize.Detector, pcm []int16) float64 {
	t.Helper()
	n, speech := 0, 0
	for i := 0; i+320 <= len(pcm); i += 320 {
		is, err := d.Speech(pcm[i : i+320])
		if err != nil {
			t.Fatal(err)
		}
		if n++; is {
			speech++
		}
	}
	return float64(speech) / float64(n)
}

func BenchmarkWindow(b *testing.B) {
	path := real(b)
	r, err := onnx.NewRuntime(onnx.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	m, err := r.Open(b.Context(), onnx.ModelConfig{Path: path, Example: Inputs, Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	net, err := New(m)
	if err != nil {
		b.Fatal(err)
	}
	defer net.Close()
	d := net.Detector()
	pcm := make([]int16, window)
	for b.Loop() {
		if _, err := d.Speech(pcm); err != nil {
			b.Fatal(err)
		}
	}
}
