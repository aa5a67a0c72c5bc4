//go:build linux && (amd64 || arm64)

package main

import (
	"encoding/hex"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"livedub/inference/recognize/spacing"
	"livedub/inference/recognize/wire"
)

// lasts is how long a word's last piece goes on at most: a transducer tells when
// each begins.
const lasts = 240 * time.Millisecond

// pieces are the tokens of a text with the times at which they were said and,
// if they are known, the logarithms of their probabilities.
type pieces struct {
	text     string
	tokens   []string
	times    []time.Duration
	logProbs []float64
}

// words puts pieces together to the words of their text.
func (p pieces) words() []wire.Segment {
	if len(p.tokens) == 0 {
		return nil
	}
	p.text = strings.ToValidUTF8(p.text, "") // a character may be there in part
	owner := p.owners()
	var out []wire.Segment
	at := 0 // bytes of the text before the word, spaces left out
	for _, w := range spacing.Split(p.text) {
		first := owner[at]
		at += len(w.Text)
		last := owner[at-1]
		start := frame(p.times[first])
		if n := len(out); n > 0 {
			before := &out[n-1]
			start = max(start, before.Start)
			before.End = min(before.End, start)
		}
		out = append(out, wire.Segment{Word: w.Text, Start: start, End: max(start, frame(p.times[last]+lasts)), Confidence: p.confidence(first, last)})
	}
	return out
}

// frame returns a time in frames of 10 ms.
func frame(t time.Duration) int { return int(min(max(0, t), day) / (10 * time.Millisecond)) }

const day = 24 * time.Hour

// confidence returns the mean probability of the pieces from first to last; 0 for unknown.
func (p pieces) confidence(first, last int) float64 {
	if len(p.logProbs) != len(p.tokens) {
		return 0
	}
	sum := 0.0
	for _, l := range p.logProbs[first : last+1] {
		sum += math.Exp(min(l, 0))
	}
	return min(sum/float64(last+1-first), 1)
}

// owners returns which piece each byte of the text belongs to, spaces left out.
func (p pieces) owners() []int {
	var owner []int
	for i, n := range p.sizes() {
		for range n {
			owner = append(owner, i)
		}
	}
	return owner
}

// sizes returns how many bytes of the text each piece stands for, spaces left
// out. Three kinds of pieces are known: parts of the text, with U+2581 or a space
// where a word begins; bytes of it, as <0xE4>; and such in which each character
// stands for a byte (byte-level BPE). Among others the text is shared out evenly.
func (p pieces) sizes() []int {
	bytes := 0
	for _, r := range p.text {
		if !unicode.IsSpace(r) {
			bytes += utf8.RuneLen(r)
		}
	}
	n := len(p.tokens)
	sizes := make([]int, n)
	for _, size := range []func(string) int{plain, characters} {
		all := 0
		for i, t := range p.tokens {
			sizes[i] = size(t)
			all += sizes[i]
		}
		if all == bytes {
			return sizes
		}
	}
	for i := range sizes {
		sizes[i] = bytes*(i+1)/n - bytes*i/n
	}
	return sizes
}

// bare returns a piece without what marks a word's begin.
func bare(piece string) string {
	return strings.Map(func(r rune) rune {
		if r == '\u2581' || unicode.IsSpace(r) {
			return -1
		}
		return r
	}, piece)
}

// plain returns how many bytes of a text a piece is that is a part of it, or a byte.
func plain(piece string) int {
	piece = bare(piece)
	if len(piece) == 6 && strings.HasPrefix(piece, "<0x") && piece[5] == '>' {
		if _, err := hex.DecodeString(piece[3:5]); err == nil {
			return 1
		}
	}
	return len(piece)
}

// characters returns how many bytes of a text a piece stands for of whose characters each is one.
func characters(piece string) int { return utf8.RuneCountInString(bare(piece)) }
