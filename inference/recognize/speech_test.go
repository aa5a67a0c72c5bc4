package recognize

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/internal/bench/words/score"
	"livedub/internal/worker/workertest"
	"livedub/media"
)

// TestMain has the worker built and found in $PATH.
func TestMain(m *testing.M) {
	dir, err := workertest.Build("pocketsphinxworker")
	if err != nil {
		panic(err)
	}
	if err := os.Setenv("PATH", dir+":"+os.Getenv("PATH")); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(closing{m}, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// engine is loaded once for all tests: a decoder takes half a second and 90 MB.
var engine = sync.OnceValues(func() (*PocketSphinx, error) { return NewPocketSphinx(Config{}) })

// closing closes the engine after the tests.
type closing struct{ *testing.M }

func (c closing) Run() int {
	code := c.M.Run()
	if p, err := engine(); err == nil {
		_ = p.Close()
	}
	return code
}

func open(t testing.TB) inference.RecognizerStream {
	t.Helper()
	p, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Open(t.Context(), "en")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// speak returns text in one of flite's voices, 16 kHz mono.
func speak(t testing.TB, voice, text string) []int16 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "speech.wav")
	if out, err := exec.Command("flite", "-voice", voice, "-t", text, "-o", path).CombinedOutput(); err != nil {
		t.Fatalf("flite: %v: %s; apt install flite", err, out)
	}
	wav, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if rate := binary.LittleEndian.Uint32(wav[24:]); rate != sampleRate {
		t.Fatalf("flite's %s speaks at %d Hz", voice, rate)
	}
	return pcm16(wav[44:])
}

func pcm16(b []byte) []int16 {
	out := make([]int16, len(b)/2)
	for i := range out {
		out[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return out
}

func silence(d time.Duration) []int16 { return make([]int16, media.TimeToSamples(d, sampleRate)) }

func join(parts ...[]int16) []int16 {
	var out []int16
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func samples(at time.Duration, pcm []int16) media.Samples {
	return media.Samples{PTS: at, Rate: sampleRate, Channels: 1, Data: pcm}
}

// hear writes pcm in chunks, the first of them at a time, flushes, and returns the final phrases.
func hear(t testing.TB, s inference.RecognizerStream, at time.Duration, pcm []int16, chunk int) []inference.Phrase {
	t.Helper()
	var out []inference.Phrase
	keep := func(ps []inference.Phrase, err error) {
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range ps {
			if p.Final {
				out = append(out, p)
			}
		}
	}
	for i := 0; i < len(pcm); i += chunk {
		keep(s.Write(t.Context(), samples(at+media.SamplesToTime(i, sampleRate), pcm[i:min(i+chunk, len(pcm))])))
	}
	keep(s.Flush(t.Context()))
	checkPhrases(t, out)
	return out
}

// checkPhrases fails on phrases that overlap or are longer than a unit may be, or whose words lie outside them.
func checkPhrases(t testing.TB, ps []inference.Phrase) {
	t.Helper()
	var last time.Duration
	for i, p := range ps {
		if p.Start < last || p.End < p.Start || p.End-p.Start > defaultMaxUnit {
			t.Errorf("phrase %d lasts %v..%v after one that ended at %v", p.ID, p.Start, p.End, last)
		}
		if i > 0 && p.ID != ps[i-1].ID+1 {
			t.Errorf("id %d follows %d", p.ID, ps[i-1].ID)
		}
		at := p.Start
		for _, w := range p.Words {
			if w.Start < at || w.End < w.Start || w.End > p.End {
				t.Errorf("phrase %d %v..%v: word %q %v..%v", p.ID, p.Start, p.End, w.Text, w.Start, w.End)
			}
			at = w.End
		}
		last = p.End
	}
}

func words(ps []inference.Phrase) []string {
	var out []string
	for _, p := range ps {
		out = append(out, strings.Fields(p.Text)...)
	}
	return out
}

// distance returns the word errors between what was said and what was heard.
func distance(said, heard []string) int { return score.WordErrors(said, heard).Total() }
