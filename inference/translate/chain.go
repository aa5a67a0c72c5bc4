package translate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"livedub/inference"
)

// Chain translates by the first of its engines that has the pair, and by the next
// one where that fails or is too slow. It owns them.
type Chain []inference.Translator

// Pairs implements inference.Translator.
func (c Chain) Pairs() []inference.Pair {
	var out []inference.Pair
	for _, e := range c {
		out = append(out, e.Pairs()...)
	}
	slices.SortFunc(out, func(x, y inference.Pair) int { return strings.Compare(x.String(), y.String()) })
	return slices.Compact(out)
}

// Translate implements inference.Translator. An engine that has one behind it gets
// two thirds of the time that is left (inference.Share). The error is every engine's.
func (c Chain) Translate(ctx context.Context, r inference.TranslationRequest) (string, error) {
	var able []inference.Translator
	for _, e := range c {
		if slices.Contains(e.Pairs(), r.Pair) {
			able = append(able, e)
		}
	}
	if len(able) == 0 {
		return "", fmt.Errorf("%w %v: there are %v", inference.ErrUnsupported, r.Pair, c.Pairs())
	}
	var failed error
	for i, e := range able {
		began := time.Now()
		out, err := inference.Share(ctx, i+1 < len(able), func(ctx context.Context) (string, error) { return e.Translate(ctx, r) })
		inference.Did(ctx, e, began)
		if err == nil || ctx.Err() != nil {
			return out, err
		}
		failed = errors.Join(failed, err)
	}
	return "", failed
}

// CPU implements inference.Coster.
func (c Chain) CPU() time.Duration { return inference.CPUOf(c) }

// Close closes all engines.
func (c Chain) Close() error { return inference.CloseAll(c) }
