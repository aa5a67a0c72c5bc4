package speak

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/speak/wire"
	"livedub/internal/worker/workertest"
)

var workerPath string

// parentEnv makes this test binary a server that starts workers and waits to be killed.
const parentEnv = "LIVEDUB_SPEAK_TEST_PARENT"

func TestMain(m *testing.M) {
	if path := os.Getenv(parentEnv); path != "" {
		helperParent(path)
		return
	}
	workertest.Main(m, "espeakworker", &workerPath)
}

func open(t testing.TB, workers int) *Espeak {
	t.Helper()
	e, err := NewEspeak(Config{Worker: workerPath, Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	workertest.Closes(t, e)
	return e
}

func must(t testing.TB, e *Espeak, r inference.SpeechRequest) inference.Speech {
	t.Helper()
	s, err := e.Speak(t.Context(), r)
	if err != nil {
		t.Fatalf("%s %q: %v", r.Lang, r.Text, err)
	}
	check(t, s)
	return s
}

// check holds a Speech to what its type promises.
func check(t testing.TB, s inference.Speech) {
	t.Helper()
	if s.Sound.Channels != 1 || s.Sound.Rate != 22050 || s.Sound.PTS != 0 || s.Rate < .9 || s.Rate > 1.35 || s.Voice == "" {
		t.Errorf("sound %d Hz, %d channels, at %v, rate %.3f, voice %q", s.Sound.Rate, s.Sound.Channels, s.Sound.PTS, s.Rate, s.Voice)
	}
	at := time.Duration(0)
	for i, m := range s.Marks {
		if m.At != at || m.Dur <= 0 {
			t.Errorf("mark %d %q at %v for %v, want it at %v", i, m.IPA, m.At, m.Dur, at)
		}
		at = m.At + m.Dur
	}
	if len(s.Marks) == 0 || at != s.Sound.Duration() {
		t.Errorf("%d marks end at %v, the sound at %v", len(s.Marks), at, s.Sound.Duration())
	}
	at = 0
	for _, w := range s.Words {
		if w.Start < at || w.End < w.Start || w.End > s.Sound.Duration() {
			t.Errorf("word %q from %v to %v, after %v", w.Text, w.Start, w.End, at)
		}
		at = w.Start
	}
	rms, peak := levels(s.Sound.Data)
	if rms > .11 || rms < .05 || peak > .9 {
		t.Errorf("RMS %.3f, peak %.3f: want about .1 (-20 dBFS), peaks below .9", rms, peak)
	}
}

func levels(pcm []int16) (rms, peak float64) {
	for _, v := range pcm {
		x := math.Abs(float64(v)) / 32768
		rms += x * x
		peak = max(peak, x)
	}
	return math.Sqrt(rms / float64(len(pcm))), peak
}

var samples = map[inference.Lang]string{
	"es": "La casa de mi hermano está cerca del mar, y por la tarde paseamos todos juntos.",
	"ca": "La casa del meu germà és a prop del mar i a la tarda passegem tots junts.",
	"gl": "A casa do meu irmán está preto do mar e pola tarde paseamos todos xuntos.",
	"eo": "La domo de mia frato estas apud la maro kaj posttagmeze ni ĉiuj promenas.",
	"en": "My brother's house is near the sea, and in the afternoon we all take a walk.",
	"fr": "La maison de mon frère est près de la mer et l'après-midi nous marchons ensemble.",
	"pt": "A casa do meu irmão fica perto do mar e à tarde passeamos todos juntos.",
	"it": "La casa di mio fratello è vicino al mare e il pomeriggio passeggiamo insieme.",
	"de": "Das Haus meines Bruders liegt am Meer und am Nachmittag gehen wir spazieren.",
	"ko": "우리 형의 집은 바다 근처에 있고 오후에는 모두 함께 산책을 합니다.",
}

func TestLanguages(t *testing.T) {
	e := open(t, 1)
	for lang, text := range samples {
		if !slices.Contains(e.Voices(), lang) {
			t.Errorf("%s is missing among %v", lang, e.Voices())
			continue
		}
		s := must(t, e, inference.SpeechRequest{Lang: lang, Text: text})
		if d := s.Sound.Duration(); d < 3*time.Second || d > 8*time.Second || len(s.Words) < 6 || len(s.Marks) < 35 || s.Rate != 1 {
			t.Errorf("%s: %v, %d words, %d marks, rate %.2f", lang, d, len(s.Words), len(s.Marks), s.Rate)
		}
	}
	for _, not := range []inference.Lang{"ja", "zh", "xx", ""} {
		_, err := e.Speak(t.Context(), inference.SpeechRequest{Lang: not, Text: "a"})
		if !errors.Is(err, inference.ErrUnsupported) || !strings.Contains(err.Error(), "es") {
			t.Errorf("%q: %v, want ErrUnsupported and what there is", not, err)
		}
	}
}

func ipa(s inference.Speech) (phonemes string, visemes []inference.Viseme) {
	for _, m := range s.Marks {
		phonemes += m.IPA + " "
		visemes = append(visemes, m.Viseme)
	}
	return phonemes, visemes
}

func TestKnownWords(t *testing.T) {
	const (
		pp, a, n, i = inference.VisemePP, inference.VisemeA, inference.VisemeNN, inference.VisemeI
		e_, o, kk   = inference.VisemeE, inference.VisemeO, inference.VisemeKK
		ss, ch      = inference.VisemeSS, inference.VisemeCH
	)
	e := open(t, 1)
	for _, c := range []struct {
		lang inference.Lang
		text string
		want []inference.Viseme
	}{
		{"es", "papá", []inference.Viseme{pp, a, pp, a}},
		{"it", "mamma", []inference.Viseme{pp, a, pp, a}},
		{"en", "church", []inference.Viseme{ch, e_, ch}},
		{"gl", "xa", []inference.Viseme{ch, a}},
		{"ko", "안녕하세요", []inference.Viseme{a, n, i, a, kk, kk, a, ss, e_, i, o}},
	} {
		s := must(t, e, inference.SpeechRequest{Lang: c.lang, Text: c.text})
		if p, v := ipa(s); !slices.Equal(v, c.want) {
			t.Errorf("%s %q: %s = %v, want %v", c.lang, c.text, p, v, c.want)
		}
	}
}

func TestWords(t *testing.T) {
	e := open(t, 1)
	for lang, text := range map[inference.Lang]string{
		"es": "El niño está aquí. Y mañana vendrá José.",
		"gl": "A xente xa está na praia, a caixa xira.",
		"ko": "안녕하세요 오늘 날씨가 좋습니다",
		"fr": "Il y a 25 maisons de l'autre côté.",
	} {
		s := must(t, e, inference.SpeechRequest{Lang: lang, Text: text})
		var got []string
		for _, w := range s.Words {
			got = append(got, w.Text)
		}
		want := strings.Fields(strings.NewReplacer(".", "", ",", "").Replace(text))
		if !slices.Equal(got, want) {
			t.Errorf("%s: words %q, want %q", lang, got, want)
		}
	}
}

func TestFit(t *testing.T) {
	e := open(t, 1)
	for _, lang := range []inference.Lang{"es", "ca", "fr", "de", "ko"} {
		whole := must(t, e, inference.SpeechRequest{Lang: lang, Text: samples[lang]}).Sound.Duration()
		for _, rate := range []float64{.5, .91, .97, 1, 1.1, 1.2, 1.33, 2} {
			want := time.Duration(float64(whole) / rate)
			s := must(t, e, inference.SpeechRequest{Lang: lang, Text: samples[lang], Fit: want})
			target := time.Duration(float64(whole) / min(1.35, max(.9, rate)))
			if off := s.Sound.Duration().Seconds()/target.Seconds() - 1; math.Abs(off) > .025 {
				t.Errorf("%s at rate %.2f: %v, want %v (%+.1f %%)", lang, rate, s.Sound.Duration(), target, 100*off)
			}
			if got := whole.Seconds() / s.Sound.Duration().Seconds(); math.Abs(got/s.Rate-1) > .03 {
				t.Errorf("%s at rate %.2f: says %.3f, is %.3f", lang, rate, s.Rate, got)
			}
		}
	}
}

func TestPitch(t *testing.T) {
	e := open(t, 1)
	for _, lang := range []inference.Lang{"es", "ko"} {
		for _, hz := range []float64{85, 110, 210, 250} {
			s := must(t, e, inference.SpeechRequest{Lang: lang, Text: samples[lang], Pitch: inference.Pitch{Median: hz}})
			got := medianF0(s.Sound.Data, s.Sound.Rate)
			t.Logf("%s: asked %.0f Hz, got %.0f Hz (%s)", lang, hz, got, s.Voice)
			if got < hz*.8 || got > hz*1.2 {
				t.Errorf("%s: a speaker at %.0f Hz gets a voice at %.0f Hz", lang, hz, got)
			}
		}
	}
	m := must(t, e, inference.SpeechRequest{Lang: "es", Text: "hola", Pitch: inference.Pitch{Median: 200}, Gender: inference.Male})
	f := must(t, e, inference.SpeechRequest{Lang: "es", Text: "hola", Pitch: inference.Pitch{Median: 120}, Gender: inference.Female})
	if !strings.HasSuffix(m.Voice, male.name) || !strings.HasSuffix(f.Voice, female.name) {
		t.Errorf("gender does not rule: %s, %s", m.Voice, f.Voice)
	}
}

// medianF0 measures the fundamental frequency by normalised autocorrelation of 40 ms windows.
func medianF0(pcm []int16, rate int) float64 {
	var all []float64
	n := rate * 40 / 1000
	for at := 0; at+2*n < len(pcm); at += rate / 10 {
		best, bestLag := 0., 0
		corr := func(lag int) float64 {
			var xy, xx, yy float64
			for i := 0; i < n; i += 3 {
				x, y := float64(pcm[at+i]), float64(pcm[at+i+lag])
				xy, xx, yy = xy+x*y, xx+x*x, yy+y*y
			}
			if xx < float64(n)*1e5 {
				return 0
			}
			return xy / math.Sqrt(xx*yy+1)
		}
		for lag := rate / 400; lag < rate/60; lag++ {
			// Twice the period correlates as well: the shorter must be clearly beaten.
			if c := corr(lag); c > best*1.04 {
				best, bestLag = c, lag
			} else if c > best && lag < bestLag+4 {
				best, bestLag = c, lag
			}
		}
		if best > .8 {
			all = append(all, float64(rate)/float64(bestLag))
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func TestHostileText(t *testing.T) {
	e := open(t, 1)
	plain := must(t, e, inference.SpeechRequest{Lang: "es", Text: "hola"}).Sound.Duration()
	for _, text := range []string{
		"hola [[p'a:]] <break time=\"10s\"/> adiós", "<speak>hola</speak>", "hola\x00adiós", "\x01\x02hola\x1b[0m", "\xff\xfehola",
		"😀 hola 日本", strings.Repeat("a", wire.MaxText), strings.Repeat("[", 1999) + "a", "hola\u2028\u200badiós", strings.Repeat("hola ", 400),
	} {
		s := must(t, e, inference.SpeechRequest{Lang: "es", Text: text})
		if s.Sound.Duration() < plain/2 {
			t.Errorf("%.30q lasts %v", text, s.Sound.Duration())
		}
		if strings.Contains(text, "break") && s.Sound.Duration() > 9*time.Second {
			t.Errorf("markup was obeyed: %v", s.Sound.Duration())
		}
	}
	for _, text := range []string{"", "  ", "...", "\x00", "😀", strings.Repeat("a", 1<<20)} {
		if _, err := e.Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: text}); err == nil {
			t.Errorf("%.10q was spoken", text)
		}
	}
	if len(e.PIDs()) != 1 {
		t.Errorf("workers %v, want the one", e.PIDs())
	}
}

func TestKilledWorker(t *testing.T) {
	e := open(t, 2)
	old := e.PIDs()
	_ = syscall.Kill(old[0], syscall.SIGKILL)
	if _, err := e.Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: "hola"}); err != nil {
		t.Log(err)
	}
	for range 2 {
		must(t, e, inference.SpeechRequest{Lang: "es", Text: "hola"})
	}
	if slices.Contains(e.PIDs(), old[0]) {
		t.Error("the dead worker is still counted")
	}
}

func TestCancel(t *testing.T) {
	e := open(t, 1)
	_ = syscall.Kill(e.PIDs()[0], syscall.SIGSTOP)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	for range 3 { // one at the worker, two that wait for it
		wg.Go(func() {
			if _, err := e.Speak(ctx, inference.SpeechRequest{Lang: "es", Text: "hola"}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v, want the deadline's error", err)
			}
		})
	}
	wg.Wait()
	must(t, e, inference.SpeechRequest{Lang: "es", Text: "hola"})
}

func TestCloseWhileSpeaking(t *testing.T) {
	e := open(t, 1)
	_ = syscall.Kill(e.PIDs()[0], syscall.SIGSTOP)
	errs := make(chan error, 3)
	for range cap(errs) {
		go func() {
			_, err := e.Speak(context.Background(), inference.SpeechRequest{Lang: "es", Text: "hola"})
			errs <- err
		}()
	}
	time.Sleep(20 * time.Millisecond)
	_ = e.Close()
	for range cap(errs) {
		if err := <-errs; !errors.Is(err, errClosed) {
			t.Errorf("%v, want %v", err, errClosed)
		}
	}
}

func TestConcurrent(t *testing.T) {
	e := open(t, 2)
	want := must(t, e, inference.SpeechRequest{Lang: "es", Text: samples["es"]})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 3 {
				s, err := e.Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: samples["es"]})
				if err != nil {
					t.Error(err)
					continue
				}
				// espeak-ng's breath noise is random, so lengths after trimming differ a little.
				got, _ := ipa(s)
				if expect, _ := ipa(want); got != expect || math.Abs(s.Sound.Duration().Seconds()/want.Sound.Duration().Seconds()-1) > .02 {
					t.Errorf("%q in %v, want %q in %v", got, s.Sound.Duration(), expect, want.Sound.Duration())
				}
				if _, err := e.Speak(t.Context(), inference.SpeechRequest{Lang: "fr", Text: samples["fr"]}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(e.PIDs()); n != 2 || e.CPU() <= 0 {
		t.Errorf("%d workers used %v", n, e.CPU())
	}
}

func TestNoWorker(t *testing.T) {
	for _, path := range []string{"/no/such/worker", "/bin/true"} {
		if _, err := NewEspeak(Config{Worker: path}); err == nil {
			t.Errorf("%s is taken for a worker", path)
		}
	}
}

func BenchmarkSpeak(b *testing.B) {
	e := open(b, 1)
	for b.Loop() {
		must(b, e, inference.SpeechRequest{Lang: "es", Text: samples["es"]})
	}
}

func BenchmarkSpeakFitted(b *testing.B) {
	e := open(b, 1)
	for b.Loop() {
		must(b, e, inference.SpeechRequest{Lang: "es", Text: samples["es"], Fit: 4 * time.Second})
	}
}
