// Package speak speaks text by espeak-ng, in worker processes, with the exact
// time of every phoneme.
package speak

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"livedub/inference"
	"livedub/inference/speak/wire"
	"livedub/internal/worker"
)

// Config says where the worker is and how many there may be.
type Config struct {
	Worker  string // path of espeakworker; "": beside this program, then $PATH
	Workers int    // processes at most, about 18 MB each; 0 is 2
}

// Espeak is an inference.Synthesizer. It is safe for concurrent use; a request
// waits until one of the workers is free.
type Espeak struct {
	pool   *worker.Pool
	rate   int                       // Hz, of all sound
	voices map[inference.Lang]string // never changes
	tags   map[string]string         // espeak-ng's voice of each BCP 47 tag; never changes
	unread atomic.Uint64
}

// memory is what a worker may have, in bytes; 18 MB is usual, ten minutes of speech take 60 MB more.
const memory = 512 << 20

var errClosed = errors.New("espeak: closed")

// NewEspeak starts one worker to learn what it can speak; another one starts
// as soon as the last idle one is taken.
func NewEspeak(c Config) (*Espeak, error) {
	path, err := worker.Find(c.Worker, "espeakworker")
	if err != nil {
		return nil, fmt.Errorf("espeak: %w", err)
	}
	if c.Workers <= 0 {
		c.Workers = 2
	}
	e := &Espeak{}
	e.pool, err = worker.Open(context.Background(), worker.Config{
		Path: path, Max: c.Workers, Keep: c.Workers, Spare: 1, Memory: memory, MaxReply: wire.MaxReply,
		Check: func(hello []byte) error {
			h, err := wire.DecodeHello(hello)
			if e.rate, e.voices, e.tags = h.Rate, catalogue(h.Voices), tags(h.Voices); err == nil && len(e.voices) == 0 {
				err = errors.New("no voices; apt install espeak-ng-data")
			}
			return err
		},
	})
	if err != nil {
		return nil, fmt.Errorf("espeak: %w", err)
	}
	return e, nil
}

// Languages implements inference.Synthesizer.
func (e *Espeak) Languages() []inference.Lang { return slices.Sorted(maps.Keys(e.voices)) }

// Voices is Languages: one voice a language, in a male and a female timbre.
func (e *Espeak) Voices() []inference.Lang { return e.Languages() }

// Speak implements inference.Synthesizer. Text without anything to speak is an
// error, as is text of more than 2000 characters; letters that the voice does not
// read are left out. An error other than ctx's, ErrUnsupported and ErrRefused may mean that the worker died; the next request starts another.
//
// The sound is mono at espeak-ng's rate, 22050 Hz, at -20 dBFS RMS (lower where
// peaks would clip), without silence before or after.
func (e *Espeak) Speak(ctx context.Context, r inference.SpeechRequest) (inference.Speech, error) {
	voice, ok := e.voices[r.Lang]
	if !ok {
		return inference.Speech{}, fmt.Errorf("%w %q: espeak has %v", inference.ErrUnsupported, r.Lang, e.Languages())
	}
	if n := utf8.RuneCountInString(r.Text); n > wire.MaxText {
		return inference.Speech{}, fmt.Errorf("%w: espeak: text of %d characters; split it at %d", inference.ErrRefused, n, wire.MaxText)
	}
	text, unread, err := readable(r.Lang, clean(r.Text))
	if err != nil {
		return inference.Speech{}, err
	}
	e.unread.Add(uint64(unread))
	spoken, from := text, []int(nil)
	if r.Lang == "gl" {
		spoken, from = galician(text)
	}
	t, pitch := choose(r.Gender, r.Pitch)
	q := wire.Request{Voice: voice + "+" + t.name, Text: spoken, Speed: normal, Pitch: pitch, Range: 50}

	s, rate, err := e.fit(ctx, q, r.Fit)
	if err != nil {
		return inference.Speech{}, err
	}
	return inference.Speech{
		Sound: s.samples(),
		Marks: s.marks(),
		Words: s.words([]rune(text), from),
		Rate:  rate,
		Voice: "espeak-ng " + q.Voice, Unread: unread,
	}, nil
}

// Phonemes implements inference.Phonemizer. Text of more than 2000 characters is an
// error; letters that the voice does not read are left out.
func (e *Espeak) Phonemes(ctx context.Context, accent, text string) ([]inference.Clause, error) {
	accent = strings.ToLower(accent)
	voice, ok := e.tags[accent]
	if !ok { // a language without its accent, as "fr"
		voice, ok = e.voices[inference.Lang(accent)]
	}
	if !ok {
		return nil, fmt.Errorf("%w %q: espeak-ng has no voice of that tag", inference.ErrUnsupported, accent)
	}
	text, unread := clean(text), 0
	if lang, _, _ := strings.Cut(accent, "-"); strings.TrimSpace(text) != "" {
		var err error
		if text, unread, err = readable(inference.Lang(lang), text); err != nil && unread > 0 {
			return nil, err
		}
		e.unread.Add(uint64(unread))
	}
	if n := utf8.RuneCountInString(text); n > wire.MaxText {
		return nil, fmt.Errorf("%w: espeak: text of %d characters; split it at %d", inference.ErrRefused, n, wire.MaxText)
	}
	body, err := wire.Request{Voice: voice, Text: text, Speed: normal, Pitch: 50, Range: 50, Phonemes: true}.Encode()
	if err != nil {
		return nil, err
	}
	var out []inference.Clause
	err = e.use(ctx, func(w *worker.Worker) error {
		answer, err := w.Call(ctx, body)
		if err != nil {
			return err
		}
		runes := []rune(text)
		clauses, err := wire.DecodeClauses(answer, len(runes))
		for _, c := range clauses {
			out = append(out, inference.Clause{Text: string(runes[:c.Runes]), IPA: c.IPA})
			runes = runes[c.Runes:]
		}
		return err
	})
	if len(out) > 0 {
		out[0].Unread = unread
	}
	return out, err
}

// use runs f with a live worker. What f returns is about the worker, unless it
// is a refusal or ctx's own.
func (e *Espeak) use(ctx context.Context, f func(w *worker.Worker) error) error {
	w, err := e.pool.Take(ctx)
	if err == nil {
		err = f(w)
		e.pool.Give(w, err)
	}
	refused := (*worker.Refusal)(nil)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, worker.ErrClosed):
		return errClosed
	case errors.As(err, &refused):
		return fmt.Errorf("%w: espeak: %w", inference.ErrRefused, err)
	}
	return fmt.Errorf("espeak: the worker failed: %w; ask again", err)
}

// Unread returns how many letters were left out, of scripts that the voice asked
// for does not read.
func (e *Espeak) Unread() uint64 { return e.unread.Load() }

// PIDs returns the ids of the live workers.
func (e *Espeak) PIDs() []int { return e.pool.PIDs() }

// CPU implements inference.Coster.
func (e *Espeak) CPU() time.Duration { return e.pool.CPU() }

// Close ends all workers. Requests under way fail.
func (e *Espeak) Close() error {
	e.pool.Close()
	return nil
}

// clean replaces, one for one, what is no text.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
