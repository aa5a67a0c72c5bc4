package whisper

import (
	"strings"
	"testing"
	"time"
)

// TestSpread: words lie where something is heard, in order, longer ones longer.
func TestSpread(t *testing.T) {
	pcm := make([]float32, 2*rate) // half a second each of: silence, sound, silence, sound
	for _, from := range []int{rate / 2, rate * 3 / 2} {
		for i := range rate / 2 {
			pcm[from+i] = float32(i%20-10) / 20
		}
	}
	const ms = time.Millisecond
	got := Spread("uno más extraordinario", pcm)
	if len(got) != 3 || got[0].Start != 500*ms || got[2].End != 2*time.Second {
		t.Fatalf("%+v", got)
	}
	last := time.Duration(0)
	for _, w := range got {
		if w.Start < last || w.End <= w.Start {
			t.Errorf("%+v after %v", w, last)
		}
		last = w.End
	}
	if one := got[0].End - got[0].Start; one < 150*ms || one > 200*ms { // 4 of 23 letters of a second
		t.Errorf("%q lasts %v", got[0].Text, one)
	}
	for _, w := range Spread(strings.Repeat("a ", 500), pcm[:rate/10]) {
		if w.End > 100*ms || w.End < w.Start {
			t.Fatalf("%+v in 100 ms", w)
		}
	}
	if got := Spread("uno", nil); len(got) != 1 || got[0].End != 0 {
		t.Errorf("without sound: %+v", got)
	}
}

func TestDoubtOfText(t *testing.T) {
	for text, doubt := range map[string]bool{
		"Buenos días a todos.": false, "No, no, no, no.": false, "¡Gol, gol, gol, gol, gol, gol!": true,
		"I'm not going to do it. I'm not going to do it. I'm not going to do it.": true,
		"Thank you.": false, "Subtítulos realizados por la comunidad de Amara.org": true, "哈哈哈哈哈哈": true, "谢谢大家": false,
		"字幕由Amara.org社区提供": true, "Sous-titrage ST' 501": true,
	} {
		r := Result{Text: text, Words: Spread(text, nil)}
		if got := r.Doubt(); (got != "") != doubt {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func FuzzSpread(f *testing.F) {
	f.Add("你好 world, “¿qué?”", 700)
	f.Add("\u0301a\xff", 3)
	f.Fuzz(func(t *testing.T, text string, n int) {
		if n < 0 || n > rate || len(text) > 1000 {
			return
		}
		last, length := time.Duration(0), time.Duration(n)*time.Second/rate
		for _, w := range Spread(text, make([]float32, n)) {
			if w.Text == "" || w.Start < last || w.End < w.Start || w.End > length {
				t.Fatalf("%+v after %v in %v", w, last, length)
			}
			last = w.End
		}
	})
}
