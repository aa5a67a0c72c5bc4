package speak

import (
	"context"
	"errors"
	"slices"
	"testing"

	"livedub/inference"
	"livedub/inference/fake"
)

// only speaks some languages, or fails.
type only struct {
	fake.Synthesizer
	langs  []inference.Lang
	err    error
	asked  int
	closed int
}

func (o *only) Languages() []inference.Lang { return o.langs }

func (o *only) Speak(ctx context.Context, r inference.SpeechRequest) (inference.Speech, error) {
	o.asked++
	if o.err != nil {
		return inference.Speech{}, o.err
	}
	return o.Synthesizer.Speak(ctx, r)
}

func (o *only) Close() error { o.closed++; return o.err }

// TestChain: the first engine that has the language speaks, the next where it fails.
func TestChain(t *testing.T) {
	broken := errors.New("it broke")
	first, second := &only{langs: []inference.Lang{"es", "fr"}}, &only{langs: []inference.Lang{"ca", "es"}}
	c := Chain{first, second}
	if l := c.Languages(); !slices.Equal(l, []inference.Lang{"ca", "es", "fr"}) {
		t.Errorf("languages %v", l)
	}
	say := func(lang inference.Lang) error {
		_, err := c.Speak(t.Context(), inference.SpeechRequest{Lang: lang, Text: "hola"})
		return err
	}
	for _, step := range []struct {
		lang          inference.Lang
		first, second error
		asked         [2]int
		want          []error
	}{
		{"es", nil, nil, [2]int{1, 0}, nil},
		{"ca", nil, nil, [2]int{1, 1}, nil},
		{"es", broken, nil, [2]int{2, 2}, nil},
		{"fr", broken, nil, [2]int{3, 2}, []error{broken}},
		{"es", broken, context.DeadlineExceeded, [2]int{4, 3}, []error{broken, context.DeadlineExceeded}},
		{"xx", nil, nil, [2]int{4, 3}, []error{inference.ErrUnsupported}},
	} {
		first.err, second.err = step.first, step.second
		err := say(step.lang)
		if (err == nil) != (step.want == nil) || [2]int{first.asked, second.asked} != step.asked {
			t.Errorf("%s: %v, asked %d and %d times", step.lang, err, first.asked, second.asked)
		}
		for _, w := range step.want {
			if !errors.Is(err, w) {
				t.Errorf("%s: %v, want %v in it", step.lang, err, w)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	first.err = context.Canceled
	if _, err := c.Speak(ctx, inference.SpeechRequest{Lang: "es", Text: "hola"}); !errors.Is(err, context.Canceled) || second.asked != 3 {
		t.Errorf("given up: %v, the next was asked %d times", err, second.asked)
	}
	first.err = broken
	if err := c.Close(); !errors.Is(err, broken) || first.closed != 1 || second.closed != 1 {
		t.Errorf("closing: %v, %d, %d", err, first.closed, second.closed)
	}
}
