package speech

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"livedub/inference"
	"livedub/session/spec"
)

// spans returns the ear-voice span of each source word of a phrase whose dub
// begins at session time begins: words of the two languages do not stand in the
// same order, so a word is taken to be said as far into the dub as it is into the text.
func spans(rec spec.Record, begins time.Duration) []time.Duration {
	all, at := 0, 0
	for _, w := range rec.Phrase.Words {
		all += utf8.RuneCountInString(w.Text) + 1
	}
	var out []time.Duration
	for _, w := range rec.Phrase.Words {
		said := begins + (rec.DubEnd-rec.DubStart)*time.Duration(at)/time.Duration(max(1, all))
		out = append(out, said-w.Start)
		at += utf8.RuneCountInString(w.Text) + 1
	}
	return out
}

// repeats returns how many words at the beginning of a phrase were the last ones
// of the phrase before, though the talk says nothing twice in a row.
func repeats(before, words []inference.Word, t *Talk) int {
	for n := min(len(before), len(words), 4); n > 0; n-- {
		var twice []string
		for i := range n {
			a, b := plain(before[len(before)-n+i].Text), plain(words[i].Text)
			if a != b {
				twice = nil
				break
			}
			twice = append(twice, a)
		}
		if twice != nil && !t.says(append(slices.Clone(twice), twice...)) {
			return n
		}
	}
	return 0
}

// says tells whether words stand in the talk one after another.
func (t *Talk) says(words []string) bool {
	var all []string
	for _, w := range t.words() {
		all = append(all, plain(w.Text))
	}
	return strings.Contains(" "+strings.Join(all, " ")+" ", " "+strings.Join(words, " ")+" ")
}

// sentence returns which sentence is said at a time of the talk, or was said last.
func (t *Talk) sentence(at time.Duration) int {
	n := 0
	for i, s := range t.Sentences {
		if len(s.Words) > 0 && s.Words[0].Start <= at {
			n = i
		}
	}
	return n
}

// laal returns the length-adaptive average lagging in ms, the mean over the
// sentences of which something was said; said holds when each word of the dub
// begins, whole what a translator makes of the whole sentences.
func (t *Talk) laal(said map[int][]time.Duration, whole []string) float64 {
	sum, n := 0.0, 0
	for i, s := range t.Sentences {
		if len(said[i]) == 0 || len(s.Words) == 0 {
			continue
		}
		begin, end := s.Words[0].Start, s.Words[len(s.Words)-1].End
		each := (end - begin).Seconds() / float64(max(len(said[i]), len(strings.Fields(whole[i]))))
		lag, tau := 0.0, 0
		for j, at := range said[i] {
			lag += (at - begin).Seconds() - float64(j)*each
			if tau = j + 1; at >= end {
				break
			}
		}
		sum, n = sum+lag/float64(tau), n+1
	}
	return 1000 * sum / float64(max(1, n))
}

// percentile returns the p-th part of some times, ms; 0 for none.
func percentile(v []time.Duration, p float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return v[min(len(v)-1, int(p*float64(len(v))))].Seconds() * 1000
}
