package echo

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// speak returns text in one of flite's voices, 16 kHz mono.
func speak(t testing.TB, voice, text string) []float64 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "speech.wav")
	if out, err := exec.Command("flite", "-voice", voice, "-t", text, "-o", path).CombinedOutput(); err != nil {
		t.Fatalf("flite: %v: %s; apt install flite", err, out)
	}
	wav, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if rate := binary.LittleEndian.Uint32(wav[24:]); rate != Rate {
		t.Fatalf("flite's %s speaks at %d Hz", voice, rate)
	}
	var out []float64
	for b := wav[44:]; len(b) > 1; b = b[2:] {
		out = append(out, float64(int16(binary.LittleEndian.Uint16(b))))
	}
	return out
}

// room is how a loudspeaker is heard in a room: the direct sound, quieter, behind
// a delay in samples, and a tail of reverberation that is as loud (RT60 .4 s).
func room(sound []float64, delay int, loud float64, r *rand.Rand) []float64 {
	const rt60 = .4 * Rate
	tail := make([]float64, int(rt60))
	power := 0.0
	for i := range tail {
		tail[i] = r.NormFloat64() * math.Pow(10, -3*float64(i)/rt60)
		power += tail[i] * tail[i]
	}
	out := make([]float64, len(sound)+delay+len(tail))
	for i, v := range sound {
		out[i+delay] += loud * v
	}
	for k := 80; k < len(tail); k++ { // 5 ms after the direct sound
		g := loud * tail[k] / math.Sqrt(power)
		for i, v := range sound {
			out[i+delay+k] += g * v
		}
	}
	return out
}

func power(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return sum / float64(max(1, len(x)))
}

// mix adds y to x, so many dB quieter than x.
func mix(x, y []float64, db float64) []float64 {
	g := math.Sqrt(power(x)/power(y)) * math.Pow(10, -db/20)
	out := append([]float64(nil), x...)
	for i := range min(len(x), len(y)) {
		out[i] += g * y[i]
	}
	return out
}

func whole(x []float64) []int16 {
	out := make([]int16, len(x))
	for i, v := range x {
		out[i] = int16(max(-32768, min(32767, v)))
	}
	return out
}

// TestShare: what comes back from a loudspeaker, through a room with noise, is told
// from a speaker, also from one who says the same at the same time, or whose
// microphone hears the loudspeaker besides.
func TestShare(t *testing.T) {
	const reach, lag = 2 * Rate, Rate * 3 / 10
	r := rand.New(rand.NewPCG(1, 2))
	const text, other = "The government announced new measures yesterday.", "I need to buy bread and two pounds of apples."
	dub := speak(t, "slt", text)
	dub = dub[:min(len(dub), 5*Rate/2)]
	noise := make([]float64, len(dub)+reach)
	for i := range noise {
		noise[i] = r.NormFloat64()
	}
	heard := room(dub, lag, .3, r)[lag : lag+len(dub)]
	before := make([]float64, reach-lag)
	played := append(append(append([]float64{}, before...), dub...), make([]float64, lag)...) // reach before what is heard
	near := speak(t, "rms", other)[:len(dub)]
	same := speak(t, "kal16", text)
	same = append(same, make([]float64, len(dub))...)[:len(dub)]
	for name, c := range map[string]struct {
		heard []float64
		own   bool
	}{
		"the loudspeaker":                         {heard, true},
		"with a noise of -15 dB":                  {mix(heard, noise, 15), true},
		"with a noise of -6 dB":                   {mix(heard, noise, 6), true},
		"the speaker":                             {near, false},
		"another voice with the same words":       {same, false},
		"the speaker, the loudspeaker 10 dB less": {mix(near, heard, 10), false},
		"the loudspeaker, the speaker 10 dB less": {mix(heard, near, 10), true},
		"noise":   {mix(noise[:len(dub)], noise[:len(dub)], 0), false},
		"nothing": {make([]float64, len(dub)), false},
	} {
		x := append([]float64(nil), c.heard...)
		if p := power(x); p > 0 {
			for i := range x {
				x[i] *= 2000 / math.Sqrt(p)
			}
		}
		got := Share(whole(x), whole(played), reach)
		t.Logf("%-42s %.2f", name, got)
		if (got > Own) != c.own {
			t.Errorf("%s: %.2f", name, got)
		}
	}
}

// TestShareOfLittle: too short, or with less played than asked for: nothing is claimed.
func TestShareOfLittle(t *testing.T) {
	pcm := make([]int16, 3*Rate)
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(float64(i*i)/1e6))
	}
	for name, got := range map[string]float64{
		"short": Share(pcm[:Rate/8], pcm, Rate), "little played": Share(pcm, pcm, Rate), "nothing": Share(nil, nil, 0),
		"silence played": Share(pcm[:Rate], make([]int16, 3*Rate), Rate),
	} {
		if got != 0 {
			t.Errorf("%s: %.2f", name, got)
		}
	}
	if got := Share(pcm[Rate:2*Rate], pcm[:2*Rate], Rate); got < .95 {
		t.Errorf("the same: %.2f", got)
	}
}

// TestShareOfAFewBursts: an echo canceller lets bursts of the speaker through where
// the dub pauses. So few in the same rhythm as the dub's are no proof.
func TestShareOfAFewBursts(t *testing.T) {
	near := speak(t, "rms", "My brother has a red car.")
	const reach, burst, ends = 2 * Rate, Rate * 16 / 100, Rate * 47 / 100
	for at := 0; at < len(near)-ends; at += Rate / 50 {
		for shift := 0; shift < Rate/10; shift += Rate / 100 {
			heard, played := make([]float64, ends), make([]float64, reach+ends)
			for i := range heard {
				if i < burst || i >= ends-burst/2 {
					heard[i] = near[at+i]
					played[reach-shift+i] = 8000 * math.Sin(2*math.Pi*1000*float64(i)/Rate)
				}
			}
			if got := Share(whole(heard), whole(played), reach); got > Own {
				t.Errorf("%d, %d: %.2f", at, shift, got)
			}
		}
	}
}

func FuzzShare(f *testing.F) {
	f.Add([]byte("abcd"), []byte("efgh"), 3)
	f.Fuzz(func(t *testing.T, a, b []byte, reach int) {
		if reach < 0 || reach > 1<<16 {
			return
		}
		pcm := func(b []byte) []int16 {
			out := make([]int16, 4*window+len(b))
			for i := range out {
				if len(b) > 0 {
					out[i] = int16(b[i%len(b)])<<8 | int16(i&255)
				}
			}
			return out
		}
		if s := Share(pcm(a), pcm(b), reach); !(s >= 0 && s <= 1.0001) {
			t.Errorf("%v", s)
		}
	})
}

func BenchmarkShare(b *testing.B) {
	dub := whole(speak(b, "slt", "The government announced new measures yesterday, and people liked them."))
	heard := dub[:3*Rate]
	played := append(make([]int16, 2*Rate), heard...)
	for b.Loop() {
		Share(heard, played, 2*Rate)
	}
}
