package inferencetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"livedub/inference"
)

// TestTranslator checks the contract of inference.Translator. open makes a
// translator, which the suite closes. text is a phrase in pair.From whose
// translation contains wantContains, whatever the case of either.
func TestTranslator(t *testing.T, open func(t *testing.T) inference.Translator, pair inference.Pair, text, wantContains string) {
	tr := open(t)
	request := inference.TranslationRequest{Pair: pair, Text: text}
	right := func(t *testing.T) {
		t.Helper()
		got, err := tr.Translate(t.Context(), request)
		if err != nil {
			t.Errorf("Translate(%v, %q): %v", pair, text, err)
		} else if !strings.Contains(strings.ToLower(got), strings.ToLower(wantContains)) {
			t.Errorf("Translate(%v, %q) = %q, want %q in it", pair, text, got, wantContains)
		}
	}
	t.Run("pairs", func(t *testing.T) {
		pairs := tr.Pairs()
		if !slices.Contains(pairs, pair) {
			t.Errorf("Pairs %v lack %v", pairs, pair)
		}
		for i, p := range pairs {
			if len(p.From) != 2 || len(p.To) != 2 || p.From == p.To || slices.Contains(pairs[:i], p) {
				t.Errorf("Pairs has %v: want two ISO 639-1 codes, once", p)
			}
		}
	})
	t.Run("translates", right)
	t.Run("glossary and context", func(t *testing.T) { // they lose no phrase
		asked, words := request, strings.Fields(text)
		request.Fit, request.Glossary = time.Second, []inference.Term{{From: words[len(words)-1], To: "Quetzal"}}
		for range 2 * inference.MaxBefore {
			request.Before = append(request.Before, inference.Exchange{Source: text, Translation: wantContains})
		}
		defer func() { request = asked }()
		if got, err := tr.Translate(t.Context(), request); err != nil || !strings.Contains(got, "Quetzal") && !strings.Contains(strings.ToLower(got), strings.ToLower(wantContains)) {
			t.Errorf("Translate(%+v) = %q, %v", request, got, err)
		}
	})
	t.Run("unknown pair", func(t *testing.T) {
		for _, p := range []inference.Pair{{From: pair.From, To: "xx"}, {From: "xx", To: pair.To}, {From: pair.From, To: pair.From}, {}} {
			_, err := tr.Translate(t.Context(), inference.TranslationRequest{Pair: p, Text: text})
			if !errors.Is(err, inference.ErrUnsupported) || !strings.Contains(err.Error(), pair.String()) {
				t.Errorf("Translate(%v) = %v, want ErrUnsupported and what there is", p, err)
			}
		}
	})
	t.Run("odd text", func(t *testing.T) {
		for _, odd := range []string{"", " ", "\x00", "\xff\xfe", "^$[]{}@<>\\/*#"} {
			_, _ = tr.Translate(t.Context(), inference.TranslationRequest{Pair: pair, Text: odd}) // fail or not, but live on
		}
		for _, vain := range []string{strings.Repeat("a", 1<<20), "😀"} {
			if _, err := tr.Translate(t.Context(), inference.TranslationRequest{Pair: pair, Text: vain}); err != nil && !errors.Is(err, inference.ErrRefused) {
				t.Errorf("Translate(%.10q): %v, want ErrRefused or a translation", vain, err)
			}
		}
		right(t)
	})
	t.Run("concurrent", func(t *testing.T) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { right(t) })
		}
		wg.Wait()
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := tr.Translate(ctx, request); !errors.Is(err, context.Canceled) {
			t.Errorf("Translate after cancel = %v, want context.Canceled", err)
		}
		right(t)
	})
	t.Run("closed", func(t *testing.T) {
		for range 2 {
			if err := tr.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		if got, err := tr.Translate(t.Context(), request); err == nil {
			t.Errorf("Translate after Close = %q", got)
		}
	})
}
