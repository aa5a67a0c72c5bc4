package speak

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"livedub/inference"
)

// Chain speaks by the first of its engines that has the language, and by the
// next one where that fails. It owns them.
type Chain []inference.Synthesizer

// Languages implements inference.Synthesizer.
func (c Chain) Languages() []inference.Lang {
	var out []inference.Lang
	for _, e := range c {
		out = append(out, e.Languages()...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Speak implements inference.Synthesizer. An engine that has one behind it gets two
// thirds of the time that is left (inference.Share). The error is every engine's.
func (c Chain) Speak(ctx context.Context, r inference.SpeechRequest) (inference.Speech, error) {
	var able []inference.Synthesizer
	for _, e := range c {
		if slices.Contains(e.Languages(), r.Lang) {
			able = append(able, e)
		}
	}
	var failed error
	for i, e := range able {
		began := time.Now()
		s, err := inference.Share(ctx, i+1 < len(able), func(ctx context.Context) (inference.Speech, error) { return e.Speak(ctx, r) })
		inference.Did(ctx, e, began)
		if err == nil || ctx.Err() != nil {
			return s, err
		}
		failed = errors.Join(failed, err)
	}
	if failed == nil {
		return inference.Speech{}, fmt.Errorf("%w %q: there are %v", inference.ErrUnsupported, r.Lang, c.Languages())
	}
	return inference.Speech{}, failed
}

// Estimate implements inference.Estimator: the first engine's that has the language.
func (c Chain) Estimate(r inference.SpeechRequest) time.Duration {
	for _, e := range c {
		if slices.Contains(e.Languages(), r.Lang) {
			if e, ok := e.(inference.Estimator); ok {
				return e.Estimate(r)
			}
			return 0
		}
	}
	return 0
}

// CPU implements inference.Coster.
func (c Chain) CPU() time.Duration { return inference.CPUOf(c) }

// Close closes all engines.
func (c Chain) Close() error { return inference.CloseAll(c) }
