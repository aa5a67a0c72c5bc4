package whisper

import (
	"slices"
	"strings"
	"testing"
)

// wordsOf has pieces of bytes put together to words.
func wordsOf(lang string, pieces ...string) []Word {
	m := &Model{}
	var text []token
	for i, p := range pieces {
		m.tokens = append(m.tokens, []byte(p))
		text = append(text, token{id: i})
	}
	return m.words(lang, nil, text)
}

func TestWords(t *testing.T) {
	for _, c := range []struct {
		name, lang string
		pieces     []string
		want       string // words, "+" before those that are joined
		text       string
	}{
		{"plain", "en", []string{" Good", " mor", "ning", "."}, "+Good morning.", "Good morning."},
		{"apostrophe", "en", []string{" don", "'t", " stop"}, "+don't stop", "don't stop"},
		{"dots", "en", []string{" so", "...", " yes", "?", "!"}, "+so... yes?!", "so... yes?!"},
		{"quotes", "en", []string{" he", " said", " \"", "no", ",\"", " twice"}, `+he said "no," twice`, `he said "no," twice`},
		{"spanish", "es", []string{" ¿", "Qué", " hora", " es", "?"}, "+¿Qué hora es?", "¿Qué hora es?"},
		{"hyphen", "en", []string{" twenty", "-", "one", " men"}, "+twenty-one men", "twenty-one men"},
		{"spread", "es", []string{" ma\xc3", "\xb1ana", " s", "\xc3", "\xad"}, "+mañana sí", "mañana sí"},
		{"spread over three", "ko", []string{" \xec", "\x95", "\x88", "녕", " 친구"}, "+안녕 친구", "안녕 친구"},
		{"chinese", "zh", []string{"你", "\xe5\xa5", "\xbd", "，", "世界"}, "+你 +好， +世界", "你好，世界"},
		{"cut", "en", []string{" fine", " \xe2\x82"}, "+fine", "fine"},
		{"broken", "en", []string{" a\xff", "b", " c"}, "+ab c", "ab c"},
		{"leading punctuation", "en", []string{".", " yes"}, "+. yes", ". yes"},
		{"nothing", "en", nil, "", ""},
		{"dots", "en", []string{".", " .", "..."}, "", ""},
	} {
		words := wordsOf(c.lang, c.pieces...)
		var list []string
		var all []int
		for _, w := range words {
			if w.Joined {
				w.Text = "+" + w.Text
			}
			list = append(list, w.Text)
			all = append(all, w.Tokens...)
		}
		if got := strings.Join(list, " "); got != c.want {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
		if got := joined(words); got != c.text {
			t.Errorf("%s: text %q, not %q", c.name, got, c.text)
		}
		if want := many(0, len(c.pieces)); !slices.Equal(all, want) && c.want != "" {
			t.Errorf("%s: tokens %v, not %v", c.name, all, want)
		}
	}
}

// FuzzWords: every token is in a word, in order, and text is valid UTF-8.
func FuzzWords(f *testing.F) {
	f.Add("en", " a\xc3|\xb1b|. |\xff")
	f.Fuzz(func(t *testing.T, lang, text string) {
		pieces := strings.Split(text, "|")
		words := wordsOf(lang, pieces...)
		if got := ids(words); len(words) > 0 && !slices.Equal(got, many(0, len(pieces))) {
			t.Fatalf("%v of %d tokens", got, len(pieces))
		}
		if s := joined(words); strings.ToValidUTF8(s, "?") != s {
			t.Fatalf("%q", s)
		}
	})
}
