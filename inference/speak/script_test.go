package speak

import (
	"errors"
	"strings"
	"testing"

	"livedub/inference"
)

// TestScripts: a voice says what it can of a text, and tells how many letters it
// left out; a text in letters that it does not read is refused.
func TestScripts(t *testing.T) {
	e := open(t, 1)
	before := e.Unread()
	for _, c := range []struct {
		lang   inference.Lang
		text   string
		says   string // as spoken without what it does not read; "": nothing
		unread int
	}{
		{"es", "escribe a ana.perez@example.com", "escribe a ana.perez@example.com", 0},
		{"es", "hola 😀🇪🇸", "hola 😀🇪🇸", 0},
		{"es", "la OTAN y la ONU, el 23/12 a las 7:30, 3,5 € y 50 %", "la OTAN y la ONU, el 23/12 a las 7:30, 3,5 € y 50 %", 0},
		{"es", "vive en 北京 ahora", "vive en ahora", 2},
		{"es", "dijo שלום ayer", "dijo ayer", 4},
		{"es", "dijo «مرحبا» ayer", "dijo « » ayer", 5},
		{"es", "в Москве hola", "hola", 7},
		{"ru", "в Москве", "в Москве", 0},
		{"ar", "مرحبا", "مرحبا", 0},
		{"he", "שלום", "שלום", 0},
		{"en", "\u200fhello\u200e there", "hello there", 0},
		{"es", "今日は天気がいい", "", 8},
		{"fr", "你好，世界！", "", 4},
		{"es", "مرحبا بالعالم", "", 12},
		{"pt", "Привет, мир", "", 9},
		{"es", "😀🎉", "", 0},
	} {
		s, err := e.Speak(t.Context(), inference.SpeechRequest{Lang: c.lang, Text: c.text})
		if c.says == "" {
			if !errors.Is(err, inference.ErrRefused) {
				t.Errorf("%s, %q: %v, want ErrRefused", c.lang, c.text, err)
			}
			if c.unread > 0 {
				if _, err := e.Phonemes(t.Context(), string(c.lang), c.text); !errors.Is(err, inference.ErrRefused) || !strings.Contains(err.Error(), "reads none of its") {
					t.Errorf("%s, %q: phonemes: %v", c.lang, c.text, err)
				}
			}
			continue
		}
		if err != nil || s.Unread != c.unread {
			t.Errorf("%s, %q: %d letters left out, %v, want %d", c.lang, c.text, s.Unread, err, c.unread)
			continue
		}
		want := must(t, e, inference.SpeechRequest{Lang: c.lang, Text: c.says}).Sound.Duration()
		if off := s.Sound.Duration().Seconds() / want.Seconds(); off < .8 || off > 1.3 {
			t.Errorf("%s, %q: lasts %v, %q %v", c.lang, c.text, s.Sound.Duration(), c.says, want)
		}
		got, err := e.Phonemes(t.Context(), string(c.lang), c.text)
		if err != nil || len(got) == 0 || got[0].Unread != c.unread {
			t.Errorf("%s, %q: phonemes %+v, %v", c.lang, c.text, got, err)
		}
	}
	if n := e.Unread() - before; n != 2*(2+4+5+7) {
		t.Errorf("%d letters counted", n)
	}
}
