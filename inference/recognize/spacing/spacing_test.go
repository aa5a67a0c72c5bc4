package spacing

import (
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSplit(t *testing.T) {
	for in, want := range map[string]string{
		"":                          "",
		"  ":                        "",
		" Hola,  mundo. ":           "Hola,| mundo.",
		"¿Qué tal?":                 "¿Qué| tal?",
		"안녕하세요 여러분":                 "안녕하세요| 여러분",
		"你好，世界。":                    "你|好，|世|界。",
		"用 Go 写":                    "用| Go| 写",
		"用Go写":                      "用|Go|写",
		"「こんにちは」":                   "「こ|ん|に|ち|は」",
		"ไปไหน":                     "ไ|ป|ไ|ห|น",
		"ที่นี่":                    "ที่|นี่",
		"it's 3.5":                  "it's| 3.5",
		"e\u0301te\u0301 \u0301 ah": "e\u0301te\u0301| \u0301| ah",
	} {
		var got []string
		for _, w := range Split(in) {
			if w.Joined {
				got = append(got, w.Text)
			} else {
				got = append(got, " "+w.Text)
			}
		}
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%q: %q, want %q", in, s, want)
		}
	}
}

// Nothing but spaces is lost.
func FuzzSplit(f *testing.F) {
	f.Add("你好 world, “¿qué?”")
	f.Add("\u0301a\xff")
	f.Fuzz(func(t *testing.T, text string) {
		var joined strings.Builder
		for _, w := range Split(text) {
			if w.Text == "" {
				t.Fatal("an empty word")
			}
			joined.WriteString(w.Text)
		}
		if want := strings.Join(strings.Fields(string([]rune(text))), ""); joined.String() != want {
			t.Fatalf("%q became %q", want, joined.String())
		}
	})
}
