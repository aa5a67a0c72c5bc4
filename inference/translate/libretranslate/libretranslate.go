// Package libretranslate translates by a LibreTranslate server.
package libretranslate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/internal/remote"
)

const maxRunes = 2000 // of one phrase

// Translator is an inference.Translator. It is safe for concurrent use.
type Translator struct {
	key    string
	client *remote.Client
	pairs  []inference.Pair
	closed atomic.Bool
}

var errClosed = errors.New("libretranslate: closed")

// New asks the server at base, as "http://127.0.0.1:5000", for its languages. key
// is the server's API key; "" for none.
func New(ctx context.Context, base, key string) (*Translator, error) {
	client, err := remote.New(base, "")
	if err != nil {
		return nil, fmt.Errorf("libretranslate: %w", err)
	}
	var languages []struct {
		Code    string
		Targets []string
	}
	if err := client.Get(ctx, "languages", &languages); err != nil {
		client.Close()
		return nil, fmt.Errorf("libretranslate: asking for its languages: %w", err)
	}
	t := &Translator{key: key, client: client}
	for _, l := range languages {
		for _, to := range l.Targets {
			if len(l.Code) == 2 && len(to) == 2 && l.Code != to {
				t.pairs = append(t.pairs, inference.Pair{From: inference.Lang(l.Code), To: inference.Lang(to)})
			}
		}
	}
	slices.SortFunc(t.pairs, func(x, y inference.Pair) int { return strings.Compare(x.String(), y.String()) })
	if t.pairs = slices.Compact(t.pairs); len(t.pairs) == 0 {
		client.Close()
		return nil, fmt.Errorf("libretranslate: %s has no languages: load some into it", client.Host())
	}
	return t, nil
}

// Name implements inference.Named.
func (t *Translator) Name() string { return "libretranslate" }

// Pairs implements inference.Translator.
func (t *Translator) Pairs() []inference.Pair { return slices.Clone(t.pairs) }

// Translate implements inference.Translator.
func (t *Translator) Translate(ctx context.Context, r inference.TranslationRequest) (string, error) {
	p, text := r.Pair, r.Text
	switch {
	case t.closed.Load():
		return "", errClosed
	case !slices.Contains(t.pairs, p):
		return "", fmt.Errorf("%w %v: libretranslate has %v", inference.ErrUnsupported, p, t.pairs)
	case !utf8.ValidString(text) || strings.IndexFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) < 0:
		return "", fmt.Errorf("%w: libretranslate: nothing to translate; send words", inference.ErrRefused)
	}
	if n := utf8.RuneCountInString(text); n > maxRunes {
		return "", fmt.Errorf("%w: libretranslate: phrase of %d characters; split it at %d", inference.ErrRefused, n, maxRunes)
	}
	return glossary.Carry(ctx, r, func(ctx context.Context, text string) (string, error) { return t.translate(ctx, p, text) })
}

// translate asks the server for the translation of one text.
func (t *Translator) translate(ctx context.Context, p inference.Pair, text string) (string, error) {
	in := map[string]string{"q": text, "source": string(p.From), "target": string(p.To), "format": "text"}
	if t.key != "" {
		in["api_key"] = t.key
	}
	var out struct{ TranslatedText *string }
	if err := t.client.Post(ctx, "translate", in, &out); err != nil {
		return "", err
	}
	if out.TranslatedText == nil || strings.TrimSpace(*out.TranslatedText) == "" {
		return "", fmt.Errorf("%s: %w: it holds no translatedText", t.client.Host(), remote.ErrAnswer)
	}
	return strings.Join(strings.Fields(*out.TranslatedText), " "), nil
}

// Close implements inference.Translator.
func (t *Translator) Close() error {
	t.closed.Store(true)
	t.client.Close()
	return nil
}
