package speak

import (
	"unicode"

	"livedub/inference"
	"livedub/inference/speak/wire"
)

// token is one word of the text, between white space and without punctuation around it.
type token struct {
	first, end int // runes
	sample     int // where it starts to sound; -1 if espeak-ng does not tell
}

func tokens(text []rune) []token {
	var all []token
	for i := 0; i < len(text); {
		j := i
		for j < len(text) && !unicode.IsSpace(text[j]) {
			j++
		}
		first, end := i, j
		for first < end && !wordly(text[first]) {
			first++
		}
		for end > first && !wordly(text[end-1]) {
			end--
		}
		if end > first {
			all = append(all, token{first, end, -1})
		}
		i = j + 1
	}
	return all
}

func wordly(r rune) bool { return unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.S) }

// words returns when each word of text sounds. from maps the runes of what was
// spoken to those of text; nil where they are the same. Words that espeak-ng
// runs together (Korean liaison, "de la") share their time by length.
func (s *sound) words(text []rune, from []int) []inference.Word {
	all := tokens(text)
	if len(all) == 0 {
		return nil
	}
	i := 0
	for _, e := range s.events {
		if e.Kind != wire.Word {
			continue
		}
		pos := e.Pos
		if from != nil {
			pos = from[min(pos, len(from)-1)]
		}
		for i < len(all)-1 && pos >= all[i].end {
			i++
		}
		if t := &all[i]; t.sample < 0 && pos < t.end && e.Sample < len(s.pcm) {
			t.sample = e.Sample
		}
	}
	all[0].sample = max(0, all[0].sample)

	var words []inference.Word
	phonemes := s.phonemes()
	for i := 0; i < len(all); {
		j, runes := i+1, all[i].end-all[i].first
		for j < len(all) && all[j].sample < 0 {
			runes += all[j].end - all[j].first
			j++
		}
		start, end := all[i].sample, len(s.pcm)
		if j < len(all) {
			end = all[j].sample
		}
		for _, p := range phonemes { // the pause after a word is not the word
			if p.IPA == "" && p.Sample > start && p.Pos >= end {
				end = min(end, p.Sample)
			}
		}
		said := 0
		for _, t := range all[i:j] {
			at := start + (end-start)*said/runes
			said += t.end - t.first
			words = append(words, inference.Word{
				Text:  string(text[t.first:t.end]),
				Start: s.time(at),
				End:   s.time(start + (end-start)*said/runes),
			})
		}
		i = j
	}
	return words
}
