package recognize

import (
	"context"
	"strings"
	"testing"
	"time"

	"livedub/inference"
)

// patient is a decoder whose answers take longer than it says that questions should lie apart.
type patient struct {
	asked, answered int
	next            *late
}

// late is an answer that is there when it was asked for so often.
type late struct {
	d    *patient
	left int
}

func (l *late) Ready() bool { l.left--; return l.left < 0 }
func (l *late) Wait(context.Context) ([]inference.Word, error) {
	l.d.answered++
	return nil, nil
}

func (*patient) Start(context.Context) error         { return nil }
func (*patient) Feed(context.Context, []int16) error { return nil }
func (*patient) Every() time.Duration                { return 400 * time.Millisecond }
func (*patient) Abandon(context.Context) error       { return nil }
func (*patient) Release(error)                       {}
func (*patient) End(context.Context) ([]inference.Word, error) {
	return []inference.Word{{Text: "no", Start: 0, End: time.Second}, {Text: "more", Start: time.Second, End: 2500 * time.Millisecond}}, nil
}

func (d *patient) Ask(context.Context) (Answer, error) {
	d.asked++
	d.next = &late{d, 40}
	return d.next, nil
}

// loud returns a second's sound in which voices hears speech.
func loud() []int16 {
	pcm := make([]int16, sampleRate)
	for i := range pcm {
		pcm[i] = 1000
	}
	return pcm
}

// TestSlowAnswer: an answer that takes longer than questions lie apart is waited
// for; another question would only throw it away.
func TestSlowAnswer(t *testing.T) {
	d := &patient{}
	s, err := NewStream(Speech{Lang: "en", Policy: inference.LocalAgreement}, d, voices{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 2 {
		if _, err := s.Write(t.Context(), samples(time.Duration(i)*time.Second, loud())); err != nil {
			t.Fatal(err)
		}
	}
	if d.answered != 1 || d.asked > 2 {
		t.Errorf("%d questions, %d answers heard", d.asked, d.answered)
	}
}

// TestDivideForgets: what was final before a unit was divided is not taken for the
// beginning of the next one.
func TestDivideForgets(t *testing.T) {
	s := newStream(Speech{Lang: "en", Policy: inference.LocalAgreement, MaxUnit: 3 * time.Second, Hangover: 300 * time.Millisecond}, &patient{}, voices{})
	defer s.Close()
	if _, err := s.Write(t.Context(), samples(0, loud())); err != nil {
		t.Fatal(err)
	}
	s.before = []inference.Word{{Text: "more", End: 900 * time.Millisecond}}
	for i := range 3 {
		if _, err := s.Write(t.Context(), samples(time.Duration(i+1)*time.Second, loud())); err != nil {
			t.Fatal(err)
		}
	}
	if s.before != nil {
		t.Errorf("%q is still taken for what the unit before ended with", s.before[0].Text)
	}
}

// TestAgain: words that a unit was cut behind too early are not said again; what the
// speaker repeats by one whole word is.
func TestAgain(t *testing.T) {
	at := func(text string, each time.Duration) (out []inference.Word) {
		for i, w := range strings.Fields(text) {
			out = append(out, inference.Word{Text: w, Start: time.Duration(i) * each, End: time.Duration(i+1) * each})
		}
		return out
	}
	const ms = time.Millisecond
	for _, c := range []struct {
		before, heard string
		each          time.Duration // of the words heard; those before have 300 ms
		want          string
	}{
		{"¿a qué hora sale el próximo", "El próximo tren", 300 * ms, "tren"},
		{"no hay ninguna", "ninguna nube", 100 * ms, "nube"},            // its end
		{"es muy", "muy bueno", 300 * ms, "muy bueno"},                  // said twice
		{"el coche rojo", "el coche verde", 300 * ms, "el coche verde"}, // not where it was cut
		{"", "hola a todos", 300 * ms, "hola a todos"},
		{"hola a", "hola a", 300 * ms, ""},
	} {
		s := &stream{before: at(c.before, 300*ms)}
		var got []string
		for _, w := range s.words(at(c.heard, c.each), sampleRate*10) {
			got = append(got, w.Text)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q | %q: %q, want %q", c.before, c.heard, got, c.want)
		}
	}
}
