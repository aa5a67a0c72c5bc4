package loudness_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"livedub/internal/testkit/groundtest"
	"livedub/media"
	"livedub/media/codec"
	"livedub/media/loudness"
)

const rate = 48000

// seconds returns what f makes of each sample instant, -1..1, clipped to 16 bits.
func seconds(s float64, f func(i int) float64) []int16 {
	out := make([]int16, int(s*rate))
	for i := range out {
		out[i] = int16(math.Round(min(max(f(i)*32768, -32768), 32767)))
	}
	return out
}

func dB(v float64) float64 { return math.Pow(10, v/20) }

func sine(hz, level float64) func(int) float64 {
	return func(i int) float64 { return dB(level) * math.Sin(2*math.Pi*hz*float64(i)/rate) }
}

// pink is noise that falls 3 dB an octave, near enough.
func pink(level float64) func(int) float64 {
	r := rand.New(rand.NewPCG(1, 2))
	var b [3]float64
	return func(int) float64 {
		w := r.Float64()*2 - 1
		b[0] = .99765*b[0] + w*.0990460
		b[1] = .96300*b[1] + w*.2965164
		b[2] = .57000*b[2] + w*1.0526913
		return dB(level) * (b[0] + b[1] + b[2] + w*.1848)
	}
}

// speech is a voice: a buzz with two formants, in syllables and words with pauses between, and peaks
// far above its mean.
func speech(level float64) func(int) float64 {
	var y1, y2, z1, z2 float64
	return func(i int) float64 {
		t := float64(i) / rate
		pulse := 0.
		if i%(rate/120) == 0 {
			pulse = 1
		}
		if math.Mod(t, 4) > 3 || math.Mod(t, .9) > .75 { // between sentences, and words
			pulse = 0
		}
		pulse *= .4 + .6*math.Abs(math.Sin(math.Pi*4*t))
		y := pulse + 2*.985*math.Cos(2*math.Pi*500/rate)*y1 - .985*.985*y2
		y1, y2 = y, y1
		z := y + 2*.97*math.Cos(2*math.Pi*1500/rate)*z1 - .97*.97*z2
		z1, z2 = z, z1
		return dB(level) * z * .02
	}
}

// meter has ffmpeg measure pcm by its own ebur128: LUFS, and dBTP.
func meter(t testing.TB, pcm []int16, channels int) (integrated, peak float64) {
	t.Helper()
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		groundtest.Need(t, "no ffmpeg to measure with: %v", err)
	}
	file := filepath.Join(t.TempDir(), "s.raw")
	var raw bytes.Buffer
	if err := binary.Write(&raw, binary.LittleEndian, pcm); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, raw.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, "-hide_banner", "-nostats", "-f", "s16le", "-ar", strconv.Itoa(rate), "-ac", strconv.Itoa(channels), "-i", file,
		"-af", "ebur128=peak=true:framelog=verbose", "-f", "null", "-").CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	return figure(t, out, `I: +(-?[0-9.]+|-inf|nan) LUFS`), figure(t, out, `Peak: +(-?[0-9.]+|-inf|nan) dBFS`)
}

func figure(t testing.TB, out []byte, of string) float64 {
	t.Helper()
	all := regexp.MustCompile(of).FindAllSubmatch(out, -1)
	if len(all) == 0 {
		t.Fatalf("ffmpeg says no %s:\n%s", of, out)
	}
	v, err := strconv.ParseFloat(string(all[len(all)-1][1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// level puts pcm through l in blocks of 20 ms, and checks that what comes out stands at its own time.
func level(t testing.TB, l *loudness.Leveler, pcm []int16, channels int) []int16 {
	t.Helper()
	var out []int16
	at := time.Second
	next := at
	take := func(all []media.Samples, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			if d := s.PTS - next; d.Abs() > time.Microsecond {
				t.Fatalf("a block at %v, where the one before ends at %v", s.PTS, next)
			}
			next = s.End()
			out = append(out, s.Data...)
		}
	}
	for len(pcm) > 0 {
		n := min(rate/50*channels, len(pcm))
		take(l.Put(media.Samples{PTS: at, Rate: rate, Channels: channels, Data: pcm[:n]}))
		at += media.SamplesToTime(n/channels, rate)
		pcm = pcm[n:]
	}
	take(l.Flush())
	if (next - at).Abs() > time.Microsecond {
		t.Fatalf("what came out ends at %v, what went in at %v", next, at)
	}
	return out
}

// settled is how long sound must last until it is at its target, the worst case of those tried here.
const settled = 5 * time.Second

func TestLevels(t *testing.T) {
	for _, target := range []float64{-16, -23} {
		for name, make := range map[string]func(float64) func(int) float64{
			"sine": func(v float64) func(int) float64 { return sine(997, v) }, "pink": pink, "speech": speech,
		} {
			for _, channels := range map[bool][]int{true: {1, 2}, false: {1}}[name == "speech"] {
				for _, in := range []float64{-40, -30, -10} {
					t.Run(fmt.Sprintf("%s at %v to %v, %d channels", name, in, target, channels), func(t *testing.T) {
						t.Parallel()
						is, _ := meter(t, spread(seconds(12, make(-20)), channels), channels)
						pcm := spread(seconds(18, make(-20+in-is)), channels)
						l := open(t, loudness.Config{Target: target, Rate: rate, Channels: channels})
						out := level(t, l, pcm, channels)
						if len(out) != len(pcm) {
							t.Fatalf("%d values went in, %d came out", len(pcm), len(out))
						}
						got, _ := meter(t, out[int(settled.Seconds())*rate*channels:], channels)
						near := 1.
						if name == "speech" && target == -16 { // its peaks are 16 dB above it: the limiter takes what is missing
							near = 1.3
						}
						if math.Abs(got-target) > near {
							t.Errorf("integrated loudness %v LUFS after %v, want %v", got, settled, target)
						}
						all, peak := meter(t, out, channels)
						if peak > loudness.MaxTruePeak+.05 {
							t.Errorf("true peak %v dBTP", peak)
						}
						st := l.State()
						if math.Abs(st.Integrated-all) > .2 || peak > -60 && math.Abs(st.TruePeak-peak) > .3 {
							t.Errorf("it tells %.1f LUFS and %.1f dBTP, ffmpeg %v and %v", st.Integrated, st.TruePeak, all, peak)
						}
					})
				}
			}
		}
	}
}

// spread has mono sound in so many channels.
func spread(pcm []int16, channels int) []int16 {
	if channels == 1 {
		return pcm
	}
	out := make([]int16, 0, len(pcm)*channels)
	for _, v := range pcm {
		for range channels {
			out = append(out, v)
		}
	}
	return out
}

func open(t testing.TB, c loudness.Config) *loudness.Leveler {
	t.Helper()
	l, err := loudness.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// TestPeaks has sound that is clipped, and such as has its peaks between the samples.
func TestPeaks(t *testing.T) {
	for name, f := range map[string]func(int) float64{
		"clipped":         sine(440, 20),
		"between samples": func(i int) float64 { return math.Sin(math.Pi/2*float64(i) + math.Pi/4) },
		"clicks": func(i int) float64 {
			if i%4800 < 3 {
				return 1
			}
			return sine(300, -30)(i)
		},
		"bursts": func(i int) float64 { // quiet until the gain is up, then all at once
			if i > 20*rate && i/(rate/5)%2 == 0 {
				return pink(6)(i)
			}
			return sine(600, -40)(i)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, before := meter(t, seconds(25, f), 1)
			l := open(t, loudness.Config{Target: -16, Rate: rate, Channels: 1})
			_, peak := meter(t, level(t, l, seconds(25, f), 1), 1)
			if before < -.5 || peak > loudness.MaxTruePeak+.05 {
				t.Errorf("true peak %v dBTP, before %v", peak, before)
			}
		})
	}
}

// TestSilence has the gain stay where it is while nothing is said, and silence be silence.
func TestSilence(t *testing.T) {
	l := open(t, loudness.Config{Target: -16, Rate: rate, Channels: 1})
	for _, v := range level(t, l, make([]int16, 10*rate), 1) {
		if v != 0 {
			t.Fatal("silence sounds")
		}
	}
	if st := l.State(); st.Gain != 0 || st.Integrated != codec.Silent || st.TruePeak != codec.Silent || st.ShortTerm != codec.Silent {
		t.Errorf("after silence: %+v", st)
	}
	level(t, l, seconds(15, speech(0)), 1)
	level(t, l, make([]int16, rate), 1) // the last word's 400 ms
	after := l.State().Gain
	if after == 0 {
		t.Fatal("speech changes nothing")
	}
	level(t, l, make([]int16, 60*rate), 1)
	level(t, l, seconds(30, pink(-70)), 1)
	if got := l.State().Gain; got != after {
		t.Errorf("gain went from %v to %v dB in a pause", after, got)
	}
}

// TestExact has sound that needs nothing pass as it is.
func TestExact(t *testing.T) {
	pcm := seconds(.3, pink(-20)) // before anything is decided
	got := level(t, open(t, loudness.Config{Target: -16, Rate: rate, Channels: 1}), pcm, 1)
	for i := range pcm {
		if got[i] != pcm[i] {
			t.Fatalf("value %d: %d, was %d", i, got[i], pcm[i])
		}
	}
}

// TestSlow has the gain of sound that is known never change faster than it may, and
// not pump: words and pauses between them have one gain.
func TestSlow(t *testing.T) {
	l := open(t, loudness.Config{Target: -16, Rate: rate, Channels: 1})
	voice := speech(0)
	level(t, l, seconds(30, voice), 1)
	low, high := math.Inf(1), math.Inf(-1)
	for range 200 {
		level(t, l, seconds(.1, voice), 1)
		g := l.State().Gain
		low, high = min(low, g), max(high, g)
	}
	if high-low > .5 {
		t.Errorf("the gain of even speech moves between %.2f and %.2f dB", low, high)
	}
	was := l.State().Gain
	loud := speech(20)
	for i := range 100 {
		level(t, l, seconds(.1, loud), 1)
		g := l.State().Gain
		if math.Abs(g-was) > 1.21 {
			t.Fatalf("the gain goes from %.2f to %.2f dB in 100 ms, %d after the sound became loud", was, g, i)
		}
		was = g
	}
}

// TestJumps has a hole in the sound be a hole, and a leading silence keep blocks whole.
func TestJumps(t *testing.T) {
	l := open(t, loudness.Config{Target: -16, Rate: rate, Channels: 2, Lead: true})
	block := func(at time.Duration) media.Samples {
		return media.Samples{PTS: at, Rate: rate, Channels: 2, Data: spread(seconds(.02, sine(500, -20)), 2)}
	}
	out, err := l.Put(block(time.Second))
	if err != nil || len(out) != 1 || out[0].PTS != time.Second-l.Delay() || out[0].Frames() != rate/50 {
		t.Fatalf("the first block: %d blocks, %v", len(out), err)
	}
	out, err = l.Put(block(2 * time.Second))
	if err != nil || len(out) != 2 || out[0].End() != time.Second+20*time.Millisecond || out[1].PTS != 2*time.Second-l.Delay() {
		t.Fatalf("behind a hole: %d blocks, %v", len(out), err)
	}
	if l.Delay() != 5*time.Millisecond {
		t.Errorf("a delay of %v", l.Delay())
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []loudness.Config{
		{Target: math.NaN(), Rate: rate, Channels: 1}, {Target: 0, Rate: rate, Channels: 1}, {Target: -60, Rate: rate, Channels: 1},
		{Target: -16, Rate: rate, Channels: 3}, {Target: -16, Channels: 1},
	} {
		if l, err := loudness.New(c); err == nil {
			l.Close()
			t.Errorf("%+v is taken", c)
		}
	}
	l := open(t, loudness.Config{Target: -16, Rate: rate, Channels: 2})
	if _, err := l.Put(media.Samples{Rate: rate, Channels: 1, Data: make([]int16, 960)}); err == nil {
		t.Error("mono is taken for stereo")
	}
	if _, err := l.Put(media.Samples{Rate: rate, Channels: 2, Data: make([]int16, 961)}); err == nil {
		t.Error("half a sample instant is taken")
	}
}

// FuzzLeveler has any sound come out as long as it went in, below the ceiling, and measured by numbers.
func FuzzLeveler(f *testing.F) {
	f.Add([]byte{0, 0x80, 0xff, 0x7f, 1, 2, 3, 4}, uint16(7), uint8(2))
	f.Add(bytes.Repeat([]byte{0xff, 0x7f, 0, 0x80}, 3000), uint16(960), uint8(1))
	f.Fuzz(func(t *testing.T, raw []byte, size uint16, n uint8) {
		channels := 1 + int(n)%2
		pcm := make([]int16, len(raw)/2/channels*channels)
		for i := range pcm {
			pcm[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
		}
		l := open(t, loudness.Config{Target: -16, Rate: rate, Channels: channels})
		var out int
		at := time.Duration(0)
		take := func(all []media.Samples, err error) {
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range all {
				out += len(s.Data)
				for _, v := range s.Data {
					if math.Abs(float64(v)) > dB(loudness.MaxTruePeak)*32768 {
						t.Fatalf("a sample of %d", v)
					}
				}
			}
		}
		for rest := pcm; len(rest) > 0; {
			k := min(len(rest), (1+int(size))*channels)
			take(l.Put(media.Samples{PTS: at, Rate: rate, Channels: channels, Data: rest[:k]}))
			at += media.SamplesToTime(k/channels, rate)
			rest = rest[k:]
		}
		take(l.Flush())
		if out != len(pcm) {
			t.Fatalf("%d values went in, %d came out", len(pcm), out)
		}
		for _, v := range []float64{l.State().Gain, l.State().Integrated, l.State().ShortTerm, l.State().TruePeak} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("%+v", l.State())
			}
		}
	})
}
