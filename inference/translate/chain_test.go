package translate

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
)

// only translates some pairs, after a time, or fails.
type only struct {
	name   string
	pairs  []inference.Pair
	takes  time.Duration
	err    error
	asked  int
	closed int
}

func (o *only) Name() string { return o.name }

func (o *only) Pairs() []inference.Pair { return o.pairs }

func (o *only) Translate(ctx context.Context, r inference.TranslationRequest) (string, error) {
	o.asked++
	select {
	case <-time.After(o.takes):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	return r.Text, o.err
}

func (o *only) Close() error { o.closed++; return o.err }

// TestChain: the next engine translates where the one before fails, or is too slow for what is left of the phrase.
func TestChain(t *testing.T) {
	enES, enCA, esPT := inference.Pair{From: "en", To: "es"}, inference.Pair{From: "en", To: "ca"}, inference.Pair{From: "es", To: "pt"}
	broken := errors.New("it broke")
	for name, c := range map[string]struct {
		pair   inference.Pair
		takes  time.Duration
		err    error
		asked  [2]int
		took   time.Duration
		failed error
		blamed string
	}{
		"the first":     {enES, time.Second, nil, [2]int{1, 0}, time.Second, nil, "first"},
		"only the next": {esPT, time.Second, nil, [2]int{0, 1}, 100 * time.Millisecond, nil, "second"},
		"it fails":      {enES, time.Second, broken, [2]int{1, 1}, 1100 * time.Millisecond, nil, "first"},
		"it is slow":    {enES, time.Minute, nil, [2]int{1, 1}, 2100 * time.Millisecond, nil, "first"},
		"it is alone":   {enCA, 2900 * time.Millisecond, nil, [2]int{1, 0}, 2900 * time.Millisecond, nil, "first"},
		"nobody":        {inference.Pair{From: "en", To: "xx"}, 0, nil, [2]int{0, 0}, 0, inference.ErrUnsupported, ""},
		"alone, broken": {enCA, 0, broken, [2]int{1, 0}, 0, broken, "first"},
		"alone, slow":   {enCA, time.Minute, nil, [2]int{1, 0}, 3 * time.Second, context.DeadlineExceeded, "first"},
	} {
		synctest.Test(t, func(t *testing.T) {
			first := &only{name: "first", pairs: []inference.Pair{enES, enCA}, takes: c.takes, err: c.err}
			second := &only{name: "second", pairs: []inference.Pair{enES, esPT}, takes: 100 * time.Millisecond}
			chain := Chain{first, second}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			began := time.Now()
			var worked inference.Work
			_, err := chain.Translate(inference.WithWork(ctx, &worked), inference.TranslationRequest{Pair: c.pair, Text: "hello"})
			if w := worked.Longest(); w != c.blamed {
				t.Errorf("%s: %q worked longest, want %q", name, w, c.blamed)
			}
			if took := time.Since(began); took != c.took || (err == nil) != (c.failed == nil) || c.failed != nil && !errors.Is(err, c.failed) || [2]int{first.asked, second.asked} != c.asked {
				t.Errorf("%s: %v after %v, asked %d and %d times", name, err, took, first.asked, second.asked)
			}
		})
	}
	first, second := &only{pairs: []inference.Pair{enES, enCA}, err: broken}, &only{pairs: []inference.Pair{enES, esPT}}
	chain := Chain{first, second}
	if p := chain.Pairs(); !slices.Equal(p, []inference.Pair{enCA, enES, esPT}) {
		t.Errorf("pairs %v", p)
	}
	if err := chain.Close(); !errors.Is(err, broken) || first.closed != 1 || second.closed != 1 {
		t.Errorf("closing: %v", err)
	}
}
