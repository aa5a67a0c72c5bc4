//go:build linux && (amd64 || arm64)

package main

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/inference/recognize/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// every has a piece begin every 100 ms, with a probability of a half.
func every(text string, tokens ...string) pieces {
	p := pieces{text: text, tokens: tokens}
	for i := range tokens {
		p.times = append(p.times, time.Duration(i)*100*time.Millisecond)
		p.logProbs = append(p.logProbs, math.Log(.5))
	}
	return p
}

func show(words []wire.Segment) string {
	var out []string
	for _, w := range words {
		out = append(out, fmt.Sprintf("%s %d-%d", w.Word, w.Start, w.End))
	}
	return strings.Join(out, ", ")
}

func TestWords(t *testing.T) {
	for want, p := range map[string]pieces{
		"":                                 {},
		"hello 0-20, world 20-44":          every(" hello world", " he", "llo", " world"),
		"hello 0-30, you 30-54":            every("hello you", "\u2581he", "llo", "\u2581", "you"),
		"你 0-10, 好 10-20, go 20-54":        every("你好 go", "你", "好", " g", "o"),
		"日 0-30, 本 30-54":                  every("日本", "<0xE6>", "<0x97>", "<0xA5>", "本"),
		"né 0-10, oui 10-34":               every("né oui", "\u2581nƌŸ", "\u2581oui"), // each character is a byte
		"你 0-0, 好 0-24":                    every("你好", "你好"),                         // one piece of two words
		"uno 0-10, dos 10-20, tres 20-44":  every("uno dos tres", "?", "??", "???"),   // what fits nothing
		"sí 0-24":                          every("sí \xe6\x97", "\u2581sí"),          // a character in part
		"<0xZZ> 0-24":                      every("<0xZZ>", "<0xZZ>"),                 // no byte
		"I 0-10, don't 10-30, know. 30-54": every("I don't know.", "▁I", "▁don", "'t", "▁know."),
	} {
		if got := show(p.words()); got != want {
			t.Errorf("%q: %s, want %s", p.text, got, want)
		}
	}
	p := every("hello world", " he", "llo", " world")
	p.logProbs[1] = 0
	if w := p.words(); math.Abs(w[0].Confidence-.75) > 1e-9 || math.Abs(w[1].Confidence-.5) > 1e-9 {
		t.Errorf("%+v", w)
	}
	p.logProbs = nil
	if w := p.words(); w[0].Confidence != 0 {
		t.Errorf("%+v", w)
	}
}

func FuzzWords(f *testing.F) {
	f.Add(" hello 世界", " he|llo| |世|<0xE7>|\u2581", int64(1e8))
	f.Add("\xff", "||", int64(-5))
	f.Fuzz(func(t *testing.T, text, tokens string, step int64) {
		p := pieces{text: text, tokens: strings.Split(tokens, "|")}
		for i := range p.tokens {
			p.times = append(p.times, time.Duration(int64(i)*(step%int64(time.Hour))))
			p.logProbs = append(p.logProbs, -float64(i))
		}
		if len(p.tokens) > 1000 || len(text) > 1000 {
			return
		}
		words := p.words()
		if _, err := wire.DecodeWords(wire.EncodeWords(words)); err != nil {
			t.Fatalf("%+v: %v", words, err)
		}
	})
}
