package whisper

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"livedub/inference/recognize/spacing"
)

// Spread gives the words of a text that a recognizer tells no times of those of
// the sound they were said in, by their length: 16 kHz mono of -1..1. Only what
// can be heard of it counts.
func Spread(text string, pcm []float32) []Word {
	var words []Word
	all := 0
	for _, w := range spacing.Split(text) {
		words = append(words, Word{Text: w.Text, Joined: w.Joined})
		all += letters(w.Text)
	}
	if len(words) == 0 || len(pcm) == 0 {
		return words
	}
	length := time.Duration(len(pcm)) * time.Second / rate
	heard := loudness(pcm).heard()
	said, last := 0, time.Duration(0)
	for i := range words {
		w := &words[i]
		from := len(heard) * said / all
		said += letters(w.Text)
		to := max(len(heard)*said/all, from+1)
		w.Start = min(max(time.Duration(heard[from])*step, last), length)
		w.End = min(max(time.Duration(heard[to-1]+1)*step, w.Start), length)
		last = w.End
	}
	return words
}

// letters is how long a word takes beside others.
func letters(word string) int { return utf8.RuneCountInString(word) + 1 }

// heard returns the steps that are loud, in order.
func (l levels) heard() []int {
	floor := l[0]
	for _, v := range l {
		floor = max(floor, v)
	}
	floor -= quiet
	var out []int
	for i, v := range l {
		if v >= floor {
			out = append(out, i)
		}
	}
	return out
}

// goesRound tells whether a text repeats itself at its end as nobody does.
func goesRound(text string) bool {
	words := spacing.Split(strings.ToLower(text))
	for i := range words {
		words[i].Text = strings.TrimFunc(words[i].Text, unicode.IsPunct)
	}
	return circle(len(words), func(i, j int) bool { return words[i].Text == words[j].Text }) > 0
}

// credits are lines of subtitles that models learned from which say them of
// music and noise, surely, in many languages. No speaker says these.
var credits = []string{
	"amara.org", "sous-titrage st'", "sous-titrage société radio-canada", "untertitelung des zdf", "untertitel im auftrag des zdf", "untertitelung. br",
	"субтитры сделал", "субтитры создавал", "редактор субтитров", "sottotitoli creati dalla comunità", "sottotitoli e revisione a cura di",
	"subtitulado por la comunidad", "legendas pela comunidade", "ondertitels ingediend door", "napisy stworzone przez społeczność",
	"字幕志愿者", "字幕由", "字幕製作", "자막 제공", "한글자막 by",
}

// stock tells whether a text is such a line.
func stock(text string) bool {
	text = strings.ToLower(text)
	for _, c := range credits {
		if strings.Contains(text, c) {
			return true
		}
	}
	return false
}
