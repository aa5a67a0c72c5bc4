package audio

import (
	"testing"
	"time"

	"livedub/inference"
)

// TestSeam: of what is heard again, the words are left out that were committed before.
func TestSeam(t *testing.T) {
	in := &Input{}
	in.Resume(41, 2*time.Second)
	if in.LastID() != 41 {
		t.Errorf("the next phrase has number %d", in.LastID()+1)
	}
	word := func(text string, start, end float64) inference.Word {
		return inference.Word{Text: text, Start: time.Duration(start * 1e9), End: time.Duration(end * 1e9)}
	}
	for _, tt := range []struct {
		name  string
		p     inference.Phrase
		want  string
		start float64
		left  bool
	}{
		{"before", inference.Phrase{Text: "good morning", Words: []inference.Word{word("good", 0, 1), word("morning", 1, 2)}}, "good morning", 0, false},
		{"behind", inference.Phrase{Start: 2 * time.Second, Text: "good", Words: []inference.Word{word("good", 2, 3)}}, "good", 2, true},
		{"across", inference.Phrase{Text: "Good morning, all of you.", Words: []inference.Word{word("Good", 0, 1), word("morning", 1, 2.2), word("all", 2.2, 2.4), word("of", 2.4, 3), word("you", 3, 4)}}, "all of you.", 2.2, true},
		{"a word across it that is new for the most part", inference.Phrase{Text: "a b", Words: []inference.Word{word("a", 1, 1.9), word("b", 1.9, 2.2)}}, "b", 1.9, true},
		{"without spaces", inference.Phrase{Text: "早上好，大家", Words: []inference.Word{word("早上好", 0, 1), word("大家", 2, 3)}}, "大家", 2, true},
		{"written in another way", inference.Phrase{Text: "10 to 20", Words: []inference.Word{word("ten", 0, 1), word("to", 2, 3), word("20", 3, 4)}}, "to 20", 2, true},
		{"no words, before", inference.Phrase{Text: "so", End: 3 * time.Second}, "so", 0, false},
		{"no words, behind", inference.Phrase{Text: "so", End: 5 * time.Second}, "so", 0, true},
	} {
		got, left := in.fresh(tt.p)
		if got.Text != tt.want || got.Start.Seconds() != tt.start || left != tt.left || left && len(got.Words) > 0 && got.Words[0].Start != got.Start {
			t.Errorf("%s: %+v, %v", tt.name, got, left)
		}
	}
}
