// Package fake holds deterministic stand-ins for every inference stage: no
// models, no processes, the same answer for the same input on every machine.
// They are chosen by name in the configuration and never by accident.
package fake

import (
	"context"
	"fmt"
	"strings"

	"livedub/inference"
)

// Translator writes each word with the target language's code before it, as "es:one es:two".
type Translator struct {
	// Directions is what Pairs returns; nil for en to es and ca.
	Directions []inference.Pair
	// Fail, if set, is asked before each translation; its error is returned instead.
	Fail func(text string) error
}

func (t *Translator) Pairs() []inference.Pair {
	if t.Directions != nil {
		return t.Directions
	}
	return []inference.Pair{{From: "en", To: "es"}, {From: "en", To: "ca"}}
}

func (t *Translator) Translate(ctx context.Context, p inference.Pair, text string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
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
	for i, w := range words {
		words[i] = string(p.To) + ":" + w
	}
	return strings.Join(words, " "), nil
}

func (t *Translator) Close() error { return nil }
