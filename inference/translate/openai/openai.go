// Package openai translates by a chat model behind OpenAI's protocol: Ollama,
// vLLM, llama.cpp's server, LocalAI, or OpenAI itself.
package openai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/internal/remote"
)

const (
	maxRunes = 2000 // of one phrase
	// mostTimes is how much longer than its source a translation may be, in runes, beside a few.
	mostTimes = 4
	few       = 80
)

// Config says who translates what.
type Config struct {
	Base      string           // address of the server, as "http://127.0.0.1:11434/v1"
	Key       string           // bearer token; "" for none
	Model     string           // as the server names it
	Languages []inference.Lang // every pair of these is offered
}

// Translator is an inference.Translator. It is safe for concurrent use.
type Translator struct {
	c      Config
	client *remote.Client
	closed atomic.Bool
}

var errClosed = errors.New("openai: closed")

// New returns a translator; it asks the server for nothing yet.
func New(c Config) (*Translator, error) {
	if c.Model == "" {
		return nil, errors.New("openai: no model: name the one that the server has")
	}
	if len(c.Languages) < 2 {
		return nil, errors.New("openai: fewer than two languages: name those that the model is good at")
	}
	for _, l := range c.Languages {
		if names[l] == "" {
			return nil, fmt.Errorf("openai: language %q: there are %s", l, strings.Join(known(), ", "))
		}
	}
	client, err := remote.New(c.Base, c.Key)
	if err != nil {
		return nil, fmt.Errorf("openai: %w", err)
	}
	return &Translator{c: c, client: client}, nil
}

// Name implements inference.Named.
func (t *Translator) Name() string { return "openai" }

// Pairs implements inference.Translator.
func (t *Translator) Pairs() []inference.Pair {
	var out []inference.Pair
	for _, from := range t.c.Languages {
		for _, to := range t.c.Languages {
			if from != to {
				out = append(out, inference.Pair{From: from, To: to})
			}
		}
	}
	return out
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type request struct {
	Model       string            `json:"model"`
	Messages    []message         `json:"messages"`
	Temperature float64           `json:"temperature"`
	MaxTokens   int               `json:"max_tokens"`
	Format      map[string]string `json:"response_format"`
}

type response struct {
	Choices []struct {
		Message      message `json:"message"`
		FinishReason string  `json:"finish_reason"`
	} `json:"choices"`
}

// Translate implements inference.Translator. The model is told of the phrases
// before, of the terms that occur, and how long its answer should be; an answer
// that lacks a term is asked for once more where there is time.
func (t *Translator) Translate(ctx context.Context, r inference.TranslationRequest) (string, error) {
	p, text := r.Pair, r.Text
	switch {
	case t.closed.Load():
		return "", errClosed
	case !slices.Contains(t.Pairs(), p):
		return "", fmt.Errorf("%w %v: openai has %v", inference.ErrUnsupported, p, t.Pairs())
	case !utf8.ValidString(text) || strings.IndexFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) < 0:
		return "", fmt.Errorf("%w: openai: nothing to translate; send words", inference.ErrRefused)
	}
	n := utf8.RuneCountInString(text)
	if n > maxRunes {
		return "", fmt.Errorf("%w: openai: phrase of %d characters; split it at %d", inference.ErrRefused, n, maxRunes)
	}
	asked := time.Now()
	talk := conversation(r)
	out, err := t.ask(ctx, talk, n)
	if err != nil {
		return "", err
	}
	missing := glossary.Missing(text, r.Glossary, out)
	if end, ok := inference.Budget(ctx); len(missing) == 0 || ok && time.Until(end) < 2*time.Since(asked) {
		return out, nil
	}
	// Asked once more, most models do as they were told.
	again, err := t.ask(ctx, append(talk, message{"assistant", translation(out)}, message{"user", reminder(missing)}), n)
	if err != nil || len(glossary.Missing(text, r.Glossary, again)) >= len(missing) {
		return out, ctx.Err() // terms count for less than the phrase
	}
	return again, nil
}

// ask has the model answer with the translation of a phrase of n characters.
func (t *Translator) ask(ctx context.Context, talk []message, n int) (string, error) {
	var answer response
	err := t.client.Post(ctx, "chat/completions", request{
		Model: t.c.Model, MaxTokens: 64 + 2*n, Format: map[string]string{"type": "json_object"}, Messages: talk,
	}, &answer)
	if err != nil {
		return "", err
	}
	out, err := read(answer, n)
	if err != nil {
		return "", fmt.Errorf("%s: %w", t.client.Host(), err)
	}
	return out, nil
}

// read takes the translation of a phrase of n characters out of an answer.
func read(r response, n int) (string, error) {
	if len(r.Choices) == 0 {
		return "", fmt.Errorf("%w: it has no choices", remote.ErrAnswer)
	}
	c := r.Choices[0]
	if c.FinishReason == "length" {
		return "", fmt.Errorf("%w: the model did not come to an end", remote.ErrAnswer)
	}
	var doc struct{ Translation *string }
	if err := json.Unmarshal([]byte(strings.TrimSpace(fenced(c.Message.Content))), &doc); err != nil || doc.Translation == nil {
		return "", fmt.Errorf("%w: the model's text is no {\"translation\": ...}", remote.ErrAnswer)
	}
	out := strings.Join(strings.FieldsFunc(*doc.Translation, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	switch m := utf8.RuneCountInString(out); {
	case out == "":
		return "", fmt.Errorf("%w: the translation is empty", remote.ErrAnswer)
	case m > mostTimes*n+few:
		return "", fmt.Errorf("%w: a translation of %d characters for %d", remote.ErrAnswer, m, n)
	}
	return out, nil
}

// fenced returns what stands in a Markdown fence, in which some models put JSON.
func fenced(s string) string {
	s = strings.TrimSpace(s)
	if rest, ok := strings.CutPrefix(s, "```"); ok {
		_, rest, _ = strings.Cut(rest, "\n")
		s, _, _ = strings.Cut(rest, "```")
	}
	return s
}

// Close implements inference.Translator.
func (t *Translator) Close() error {
	t.closed.Store(true)
	t.client.Close()
	return nil
}
