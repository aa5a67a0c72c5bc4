package recognize

import (
	"strings"
	"testing"
	"time"

	"livedub/inference"
)

// guessOf makes a guess of words that last 300 ms each; "|" is a breath of 150 ms.
func guessOf(text string) guess {
	var g guess
	at := time.Duration(0)
	for _, w := range strings.Fields(text) {
		if w == "|" {
			g.pause[len(g.pause)-1] = 150 * time.Millisecond
			at += 150 * time.Millisecond
			continue
		}
		g.words = append(g.words, inference.Word{Text: w, Start: at, End: at + 300*time.Millisecond})
		g.pause = append(g.pause, 0)
		at += 300 * time.Millisecond
	}
	return g
}

// follow gives a policy one guess after the other, each without the words that are
// final, and returns what became final each time.
func follow(p policy, guesses ...string) (out []string) {
	done := 0
	for _, text := range guesses {
		g := guessOf(text)
		g.words, g.pause = g.words[done:], g.pause[done:]
		n := p.commit(g)
		var said []string
		for _, w := range g.words[:n] {
			said = append(said, w.Text)
		}
		done += n
		out = append(out, strings.Join(said, " "))
	}
	return out
}

func TestPolicies(t *testing.T) {
	for name, c := range map[string]struct {
		policy  inference.Policy
		guesses []string
		want    []string
	}{
		"agreement holds back the last word": {inference.LocalAgreement,
			[]string{"buenos días señores", "buenos días señores", "buenos días señores quiero", "buenos días señores quiero hablar"},
			[]string{"", "", "buenos días señores", ""}},
		"what changes is not final": {inference.LocalAgreement,
			[]string{"uno dos tres cuatro", "uno dos trece cuartos", "uno dos trece cuartos de", "uno dos trece cuartos de hora"},
			[]string{"", "", "uno dos trece", ""}},
		"case and stops do not count": {inference.LocalAgreement,
			[]string{"Hola. amigos queridos todos", "hola, Amigos queridos todos"},
			[]string{"", "hola, Amigos queridos"}},
		"a breath is the best place": {inference.LocalAgreement,
			[]string{"tengo tiempo | para leer ahora mismo", "tengo tiempo | para leer ahora mismo"},
			[]string{"", "tengo tiempo"}},
		"so is a stop": {inference.LocalAgreement,
			[]string{"tengo tiempo, para leer", "tengo tiempo, para leer"},
			[]string{"", "tengo tiempo,"}},
		"short words go with the next": {inference.LocalAgreement,
			[]string{"cerca del centro de la ciudad", "cerca del centro de la ciudad", "cerca del centro de la ciudad nueva", "cerca del centro de la ciudad nueva"},
			[]string{"", "cerca del centro", "de la ciudad", ""}},
		"wait for three": {inference.WaitK,
			[]string{"uno dos tres cuatro", "cuatro cinco seis siete ocho nueve"},
			[]string{"", "cuatro cinco seis"}},
	} {
		if got := follow(newPolicy(c.policy), c.guesses...); strings.Join(got, "/") != strings.Join(c.want, "/") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if newPolicy(inference.UnitPolicy) != nil || newPolicy("") != nil {
		t.Error("units have a policy")
	}
}

// FuzzPolicies: no policy makes more final than there is, nor the last word.
func FuzzPolicies(f *testing.F) {
	f.Add("a b c", "a b c d", "")
	f.Add("| | a", ". , .", "\xff \x00")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		for _, name := range inference.Policies[1:] {
			p := newPolicy(name)
			for _, text := range []string{a, b, c} {
				if strings.HasPrefix(strings.TrimSpace(text), "|") {
					continue
				}
				g := guessOf(text)
				if len(g.words) == 0 {
					continue
				}
				if n := p.commit(g); n < 0 || n >= len(g.words) {
					t.Fatalf("%s: %d of %d words are final", name, n, len(g.words))
				}
			}
		}
	})
}

// TestGap: silence between two words is found where it is, not where the words' times say.
func TestGap(t *testing.T) {
	pcm := make([]int16, sampleRate)
	for i := range pcm {
		if ms := i * 1000 / sampleRate; ms < 400 || ms >= 520 { // 120 ms of silence
			pcm[i] = int16(8000 * (1 - 2*(i/40%2)))
		}
	}
	l := measure(pcm)
	long, middle := l.gap(300*time.Millisecond, 600*time.Millisecond, l.floor())
	if long != 120*time.Millisecond || middle != 460*time.Millisecond {
		t.Errorf("%v at %v, want 120ms at 460ms", long, middle)
	}
	if long, middle := l.gap(100*time.Millisecond, 200*time.Millisecond, l.floor()); long != 0 || middle < 100*time.Millisecond || middle > 200*time.Millisecond {
		t.Errorf("within a word: %v at %v", long, middle)
	}
	if long, middle := l.gap(2*time.Second, 3*time.Second, l.floor()); long != 0 || middle != 3*time.Second {
		t.Errorf("behind the end: %v at %v", long, middle)
	}
}
