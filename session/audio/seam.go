package audio

import (
	"strings"
	"time"

	"livedub/inference"
)

// Resume has phrases numbered from behind last, in a session that goes on here: it
// has heard and committed what was said up to end, and may hear that once more.
// It is called before any source starts.
func (in *Input) Resume(last int, end time.Duration) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.last, in.seam = last, end
}

// fresh takes out of a phrase the words whose midpoint lies before the seam, and
// tells whether anything is left.
func (in *Input) fresh(p inference.Phrase) (inference.Phrase, bool) {
	before := func(w inference.Word) bool { return (w.Start+w.End)/2 < in.seam }
	if p.Start >= in.seam {
		return p, true
	}
	n := 0
	for n < len(p.Words) && before(p.Words[n]) {
		n++
	}
	if len(p.Words) == 0 {
		return p, !before(inference.Word{Start: p.Start, End: p.End})
	}
	if n == 0 || n == len(p.Words) {
		return p, n == 0
	}
	p.Text = behind(p.Text, p.Words[:n], p.Words[n:])
	p.Words, p.Start = p.Words[n:], p.Words[n].Start
	return p, p.Text != ""
}

// behind returns what stands in a text behind the words that go.
func behind(text string, gone, left []inference.Word) string {
	for _, w := range gone {
		i := strings.Index(text, w.Text)
		if i < 0 { // it was written in another way than it was heard
			var out []string
			for _, w := range left {
				out = append(out, w.Text)
			}
			return strings.Join(out, " ")
		}
		text = text[i+len(w.Text):]
	}
	return strings.TrimLeft(text, " ,.;:!?…、。，；：？！")
}
