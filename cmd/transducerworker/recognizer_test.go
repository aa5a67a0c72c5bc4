//go:build linux && (amd64 || arm64)

package main

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"livedub/internal/testkit/onnxfile"
)

// model writes a synthetic net that says pieces, one for each 160 ms of loud sound, and opens it.
func model(t *testing.T, pieces ...string) *recognizer {
	t.Helper()
	dir := t.TempDir()
	if err := onnxfile.Transducer(dir, pieces...); err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	r, err := open(files{in("encoder.onnx"), in("decoder.onnx"), in("joiner.onnx"), in("tokens.txt")})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// bursts returns silence with 160 ms of noise at each of the times, in ms.
func bursts(length int, at ...int) []int16 {
	pcm := make([]int16, length*rate/1000)
	random := rand.New(rand.NewPCG(1, 2))
	for _, ms := range at {
		for i := range 160 * rate / 1000 {
			pcm[ms*rate/1000+i] = int16(random.NormFloat64() * 4000)
		}
	}
	return pcm
}

// hear has an utterance heard in parts of 20 ms and returns its words, and those that were there before its end.
func hear(t *testing.T, r *recognizer, pcm []int16) (final, before string) {
	t.Helper()
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	for len(pcm) > 0 {
		n := min(rate/50, len(pcm))
		if err := r.Feed(pcm[:n]); err != nil {
			t.Fatal(err)
		}
		pcm = pcm[n:]
	}
	early, err := r.Words()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.End(); err != nil {
		t.Fatal(err)
	}
	words, err := r.Words()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range words {
		if math.Abs(w.Confidence-.87) > .02 {
			t.Errorf("%q has the confidence %v", w.Word, w.Confidence)
		}
	}
	return show(words), show(early)
}

// TestHear goes from sound to words through sherpa-onnx, with a net whose pieces are known.
func TestHear(t *testing.T) {
	r := model(t, "\u2581good", "\u2581mor", "ning", "世", "界")
	pcm := bursts(2000, 200, 600, 800, 1200, 1600)
	const want = "good 20-44, morning 60-104, 世 120-144, 界 160-184"
	for range 2 { // the second utterance knows nothing of the first
		final, before := hear(t, r, pcm)
		if final != want || before != want {
			t.Errorf("%s, before the end %s, want %s", final, before, want)
		}
	}
	// What the net has not been given whole chunks of is said at the end.
	if final, before := hear(t, r, bursts(1000, 200, 640)[:rate*78/100]); final != "good 20-44, mor 64-88" || before != "good 20-44" {
		t.Errorf("cut short: %s, before the end %s", final, before)
	}
	if final, _ := hear(t, r, bursts(1000)); final != "" {
		t.Errorf("silence is %s", final)
	}
	if final, _ := hear(t, r, nil); final != "" {
		t.Errorf("nothing is %s", final)
	}
	if err := r.Reset(); err != nil {
		t.Error(err)
	}
}

// TestCapitals: what a model writes in capitals only is lowered; names within small letters stay.
func TestCapitals(t *testing.T) {
	pcm := bursts(1000, 200, 600)
	if final, _ := hear(t, model(t, "\u2581GOOD", "\u2581ÉTÉ"), pcm); final != "good 20-44, été 60-84" {
		t.Error(final)
	}
	if final, _ := hear(t, model(t, "\u2581NATO", "\u2581is"), pcm); final != "NATO 20-44, is 60-84" {
		t.Error(final)
	}
}

func TestOpenMissing(t *testing.T) {
	if _, err := open(files{"a", "b", "c", "d"}); err == nil {
		t.Error("no files are a model")
	}
}

func TestProbabilities(t *testing.T) {
	for json, n := range map[string]int{
		`{ "text": "\"ys_probs\": [1]", "tokens": ["\xff"], "ys_probs": [-0.5, -1.000000], "lm_probs": [] }`: 2,
		`{ "ys_probs": [-0.5], }`: 0, `{ "ys_probs": [-nan, -1] }`: 0, `{ "ys_probs": [1, -1] }`: 0, `{ "ys_probs": [-1, -1`: 0, ``: 0,
	} {
		if got := probabilities(json, 2); len(got) != n {
			t.Errorf("%s: %v", json, got)
		}
	}
}
