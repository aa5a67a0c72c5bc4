package recognize

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/inferencetest"
	"livedub/media"
)

func TestConformance(t *testing.T) {
	const said = "the weather is nice today"
	speech := join(silence(500*time.Millisecond), speak(t, "slt", said), silence(700*time.Millisecond))
	inferencetest.TestRecognizer(t, func(t *testing.T) inference.Recognizer {
		p, err := NewPocketSphinx(Config{})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}, samples(0, speech), strings.Fields(said))
}

// Everyday sentences; heard on an idle machine with 5 % word errors.
var everyday = []struct{ voice, text string }{
	{"rms", "good morning everyone and welcome to the meeting"},
	{"rms", "can you tell me where the train station is"},
	{"rms", "my brother lives in a small house near the river"},
	{"rms", "this is the first time that i have seen the ocean"},
	{"slt", "the price of oil has gone up again this week"},
	{"slt", "thank you very much for your help"},
	{"slt", "we need to buy some bread and milk before the shop closes"},
	{"slt", "it takes about two hours to drive from here to the airport"},
}

func TestWordErrors(t *testing.T) {
	wrong, total := 0, 0
	at := 40 * time.Second // sessions do not start with speech
	s := open(t)
	for _, e := range everyday {
		pcm := join(silence(400*time.Millisecond), speak(t, e.voice, e.text), silence(600*time.Millisecond))
		said, heard := strings.Fields(e.text), words(hear(t, s, at, pcm, 320))
		at += media.SamplesToTime(len(pcm), sampleRate)
		n := distance(said, heard)
		wrong, total = wrong+n, total+len(said)
		t.Logf("%d wrong, %s: %s", n, e.voice, strings.Join(heard, " "))
	}
	t.Logf("word errors: %.1f %%", 100*float64(wrong)/float64(total))
	if wrong*100 > 15*total {
		t.Errorf("%d of %d words wrong", wrong, total)
	}
}

// Words must stand where flite spoke them; its -psdur tells when each phone ends.
func TestWordTimes(t *testing.T) {
	const limit = 60 * time.Millisecond
	for _, c := range []struct {
		voice, text string
		ends        []time.Duration // of the words, from the listing
	}{
		{"slt", "the weather is nice today", nil},
		{"rms", "good morning everyone and welcome to the meeting", nil},
	} {
		lead := 700 * time.Millisecond
		start := 5*time.Second + 123456*time.Nanosecond
		pcm := join(silence(lead), speak(t, c.voice, c.text), silence(600*time.Millisecond))
		got := hear(t, open(t), start, pcm, 333)
		if len(got) == 0 {
			t.Fatal("nothing heard")
		}
		first, last := spokenSpan(pcm)
		if d := got[0].Start - (start + first); d.Abs() > limit {
			t.Errorf("%q starts %v off", c.text, d)
		}
		if d := got[len(got)-1].End - (start + last); d.Abs() > 2*limit {
			t.Errorf("%q ends %v off", c.text, d)
		}
	}
}

// spokenSpan returns when sound stands out of digital silence, from first to last.
func spokenSpan(pcm []int16) (first, last time.Duration) {
	const step = sampleRate / 200
	first = -1
	for i := 0; i+step <= len(pcm); i += step {
		if power(pcm[i:i+step]) > 1e-5 {
			if first < 0 {
				first = media.SamplesToTime(i, sampleRate)
			}
			last = media.SamplesToTime(i+step, sampleRate)
		}
	}
	return first, last
}

func TestLongSentenceIsCut(t *testing.T) {
	const text = "the children are playing in the garden with their dog and the old man is reading a book under the big tree while his wife is cooking dinner in the kitchen"
	pcm := join(silence(500*time.Millisecond), speak(t, "rms", text), silence(600*time.Millisecond))
	whole, err := NewPocketSphinx(Config{MaxUnit: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	w, err := whole.Open(t.Context(), "en")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Write(t.Context(), samples(0, pcm)); err != nil {
		t.Fatal(err)
	}
	uncut, err := w.Flush(t.Context())
	if err != nil || len(uncut) > 1 {
		t.Fatal(len(uncut), err)
	}
	cut := hear(t, open(t), 0, pcm, 320)
	if len(cut) < 3 {
		t.Fatalf("%d units of 8 s of speech", len(cut))
	}
	for _, p := range cut {
		t.Logf("%v..%v %s", p.Start, p.End, p.Text)
	}
	said, heard := strings.Fields(text), words(cut)
	if n := distance(said, heard); n*100 > 20*len(said) {
		t.Errorf("cut: %d of %d words wrong", n, len(said))
	}
	if n := len(heard) - len(said); n < -2 || n > 2 {
		t.Errorf("%d words heard of %d", len(heard), len(said))
	}
}

func TestChunksDoNotMatter(t *testing.T) {
	pcm := join(silence(300*time.Millisecond), speak(t, "rms", "we need to buy some bread and milk before the shop closes"), silence(500*time.Millisecond))
	want := hear(t, open(t), 0, pcm, 320)
	if len(want) == 0 {
		t.Fatal("nothing heard")
	}
	for _, n := range []int{1, 161, 8000} {
		got := hear(t, open(t), 0, pcm, n)
		if !slices.EqualFunc(got, want, func(a, b inference.Phrase) bool {
			return a.Text == b.Text && a.ID == b.ID && (a.Start-b.Start).Abs() < time.Millisecond && (a.End-b.End).Abs() < time.Millisecond && a.Pitch == b.Pitch
		}) {
			t.Errorf("chunks of %d: %v, not %v", n, got, want)
		}
	}
}

func TestHoles(t *testing.T) {
	one := join(silence(400*time.Millisecond), speak(t, "slt", "thank you very much"))
	for _, hole := range []time.Duration{200 * time.Millisecond, 600 * time.Millisecond, time.Hour} {
		s := open(t)
		var got []inference.Phrase
		at := time.Second
		for range 2 {
			ps, err := s.Write(t.Context(), samples(at, one))
			if err != nil {
				t.Fatal(err)
			}
			at += media.SamplesToTime(len(one), sampleRate) + hole
			got = append(got, ps...)
		}
		ps, err := s.Flush(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = slices.DeleteFunc(append(got, ps...), func(p inference.Phrase) bool { return !p.Final })
		checkPhrases(t, got)
		if len(got) != 2 {
			t.Fatalf("hole %v: %d phrases: %v", hole, len(got), got)
		}
		apart := media.SamplesToTime(len(one), sampleRate) + hole
		if d := got[1].Words[0].Start - got[0].Words[0].Start - apart; d.Abs() > 60*time.Millisecond {
			t.Errorf("hole %v: the second phrase stands %v off", hole, d)
		}
	}
}

func TestOldSoundIsNotHeardAgain(t *testing.T) {
	s := open(t)
	pcm := join(silence(400*time.Millisecond), speak(t, "slt", "thank you very much"), silence(500*time.Millisecond))
	first := hear(t, s, 0, pcm, 320)
	if again := hear(t, s, 0, pcm, 320); len(first) == 0 || len(again) != 0 {
		t.Errorf("heard %v, then %v", first, again)
	}
}

func TestBadSoundDoesNotCrash(t *testing.T) {
	speech := join(silence(300*time.Millisecond), speak(t, "rms", "please open the window"), silence(400*time.Millisecond))
	change := map[string]func(int, int16) int16{
		"clipped": func(_ int, v int16) int16 { return int16(max(-32768, min(32767, 40*int(v)))) },
		"offset":  func(_ int, v int16) int16 { return int16(min(32767, int(v)/2+12000)) },
		"square":  func(i int, _ int16) int16 { return int16(32767 - 65535*(i/70%2)) },
		"hashed":  func(i int, _ int16) int16 { return int16(uint32(i) * 2654435761 >> 13) },
	}
	for name, f := range change {
		t.Run(name, func(t *testing.T) {
			bad := slices.Clone(speech)
			for i, v := range bad {
				bad[i] = f(i, v)
			}
			t.Log(words(hear(t, open(t), 0, bad, 320)))
		})
	}
}

func TestClips(t *testing.T) {
	clips, err := filepath.Glob("../../../shared/clips/grid__*.mpg")
	if _, no := exec.LookPath("ffmpeg"); err != nil || len(clips) == 0 || no != nil {
		t.Skip("no clips of real speech beside the repository, or no ffmpeg")
	}
	for _, c := range clips[:2] {
		raw, err := exec.Command("ffmpeg", "-v", "error", "-i", c, "-ac", "1", "-ar", "16000", "-f", "s16le", "-").Output()
		if err != nil {
			t.Fatal(err)
		}
		pcm := pcm16(raw)
		ps := hear(t, open(t), 0, pcm, 320)
		if len(ps) == 0 {
			t.Errorf("%s: nothing heard", filepath.Base(c))
		}
		for _, p := range ps {
			if p.End > media.SamplesToTime(len(pcm), sampleRate) {
				t.Errorf("%s: a phrase ends at %v, after the sound", filepath.Base(c), p.End)
			}
			t.Log(filepath.Base(c), p.Text, p.Pitch)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := open(t)
	for _, bad := range []media.Samples{{Rate: 48000, Channels: 1, Data: make([]int16, 10)}, {Rate: 16000, Channels: 2, Data: make([]int16, 10)}} {
		if _, err := s.Write(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "16000 Hz mono") {
			t.Errorf("%d Hz, %d channels: %v", bad.Rate, bad.Channels, err)
		}
	}
	if _, err := NewPocketSphinx(Config{ModelDir: t.TempDir()}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), aptLine) {
		t.Errorf("missing model: %v", err)
	}
	if _, err := NewPocketSphinx(Config{MaxUnit: time.Millisecond}); err == nil {
		t.Error("a unit of 1 ms is accepted")
	}
}
