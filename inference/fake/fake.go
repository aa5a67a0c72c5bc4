// Package fake holds deterministic stand-ins for every inference stage: no
// models, no processes, the same answer for the same input on every machine.
// They are chosen by name in the configuration and never by accident.
package fake

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"livedub/inference"
	"livedub/inference/glossary"
)

// Translator writes each word with the target language's code before it, as "es:one es:two";
// a term of the glossary as "es:" and what it should become.
type Translator struct {
	// Directions is what Pairs returns; nil for en to es and ca.
	Directions []inference.Pair
	// Fail, if set, is asked before each translation; its error is returned instead.
	Fail func(text string) error

	closed atomic.Bool
}

var errClosed = errors.New("fake: closed")

// maxText is how many runes a phrase may have.
const maxText = 2000

func (t *Translator) Pairs() []inference.Pair {
	if t.Directions != nil {
		return t.Directions
	}
	return []inference.Pair{{From: "en", To: "es"}, {From: "en", To: "ca"}}
}

func (t *Translator) Translate(ctx context.Context, r inference.TranslationRequest) (string, error) {
	p, text := r.Pair, r.Text
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if t.closed.Load() {
		return "", errClosed
	}
	known := false
	for _, q := range t.Pairs() {
		known = known || p == q
	}
	if !known {
		return "", fmt.Errorf("fake: %v: %w; there are %v", p, inference.ErrUnsupported, t.Pairs())
	}
	if t.Fail != nil {
		if err := t.Fail(text); err != nil {
			return "", err
		}
	}
	words := strings.Fields(text)
	if n := utf8.RuneCountInString(text); len(words) == 0 || n > maxText {
		return "", fmt.Errorf("%w: fake: %d characters: give 1 to %d", inference.ErrRefused, n, maxText)
	}
	return glossary.Carry(ctx, r, func(_ context.Context, text string) (string, error) {
		words := strings.Fields(text)
		for i, w := range words {
			words[i] = string(p.To) + ":" + w
		}
		return strings.Join(words, " "), nil
	})
}

func (t *Translator) Close() error {
	t.closed.Store(true)
	return nil
}
