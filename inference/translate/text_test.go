package translate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestRestore(t *testing.T) {
	for in, want := range map[string]string{
		"i think i'm late and i'll go": "I think I'm late and I'll go.",
		"hello there":                  "Hello there.",
		"Is it?":                       "Is it?",
		"he said \"no.\"":              "He said \"no.\"",
		"3 cars":                       "3 cars.",
		"île":                          "Île.",
		"":                             "",
	} {
		if got := restore("en", in); got != want {
			t.Errorf("restore(en, %q) = %q, want %q", in, got, want)
		}
	}
	if got := restore("ca", "pa i vi"); got != "Pa i vi." {
		t.Errorf("Catalan became %q", got)
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		`*foo bar`:       `foo bar`,
		`#foo @bar a@b`:  `foo bar a@b`,
		`a[<b>\]x]b\[c`:  `ab[c`,
		`un\*b \@x`:      `un*b @x`,
		"ends in \\":     "ends in \\",
		"[never closed ": "",
	} {
		if got := unescape(in, true); got != want {
			t.Errorf("unescape(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "a", `\`, `^a/b<n>$ [x] \[`, "*#@", "\xff[", "안녕]{}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		unescape(s, true)
		s = clean(s)
		if !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\n") {
			t.Fatalf("clean left %q", s)
		}
		if got := unescape(escape(s), true); !strings.ContainsAny(s, "*#") && got != s {
			t.Fatalf("%q became %q", s, got)
		}
		if got := unescape(escape(s), false); got != s {
			t.Fatalf("%q became %q", s, got)
		}
		if got := restore("en", s); s != "" && !ended(got) {
			t.Fatalf("restore(%q) = %q", s, got)
		}
	})
}

func TestCutNumber(t *testing.T) {
	for in, want := range map[string]string{
		"Hola.[7]\n": "Hola.", " a \\[3\\].[7] \n ": " a \\[3\\].", "[7]": "", "": "none", "Hola": "none", "x[]": "none", "x[-1]": "none", "7]": "none", "[": "none",
	} {
		if text, n := cutNumber(in); want == "none" && n != 0 || want != "none" && (text != want || n != 7) {
			t.Errorf("cutNumber(%q) = %q, %d; want %q", in, text, n, want)
		}
	}
}

func TestParseMode(t *testing.T) {
	got, err := parseMode("lt-proc $1 '/a b/x.bin' | tagger -g $2 \"/c\"'d'\\ e|last\n")
	want := [][]string{{"lt-proc", "-n", "/a b/x.bin"}, {"tagger", "-g", "/cd e"}, {"last"}}
	if err != nil || !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	for _, bad := range []string{"", "a||b", "a|", "a 'b", "a; rm x", "a $(b)", "a `b`", "a > b", "a & b", "a $3", "a$1", "a \\", "a \"$x\"", "a *", strings.Repeat("a|", 50) + "a"} {
		if got, err := parseMode(bad); err == nil {
			t.Errorf("parseMode(%q) = %q, want an error", bad, got)
		}
	}
}

func TestLoadModeWantsFiles(t *testing.T) {
	for _, text := range []string{"no-such-program-anywhere x", "cat '/no/such/file.bin'"} {
		f := filepath.Join(t.TempDir(), "a-b.mode")
		if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := loadMode(f); err == nil {
			t.Errorf("%q loads as %q", text, got)
		}
	}
}

func FuzzParseMode(f *testing.F) {
	files, _ := filepath.Glob("/usr/share/apertium/modes/eng-*.mode")
	for _, file := range files {
		if b, err := os.ReadFile(file); err == nil {
			f.Add(string(b))
		}
	}
	f.Add("a $1 'b' | c \"d\" \\e")
	f.Fuzz(func(t *testing.T, s string) {
		stages, err := parseMode(s)
		if err != nil {
			return
		}
		if len(stages) == 0 || len(stages) > maxStages {
			t.Fatalf("%d stages", len(stages))
		}
		for _, st := range stages {
			if len(st) == 0 || strings.Contains(strings.Join(st, ""), "\x00") && !strings.Contains(s, "\x00") {
				t.Fatalf("stage %q", st)
			}
		}
	})
}
