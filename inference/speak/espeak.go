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
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"livedub/inference"
	"livedub/inference/speak/wire"
	"livedub/internal/proc"
)

// Config says where the worker is and how many there may be.
type Config struct {
	Worker  string // path of espeakworker; "": beside this program, then $PATH
	Workers int    // processes at most, about 18 MB each; 0 is 2
}

// Espeak is an inference.Speaker. It is safe for concurrent use; a request
// waits until one of the workers is free.
type Espeak struct {
	path   string
	nest   *proc.Nest
	voices map[inference.Lang]string // never changes
	places chan *place               // those free
	life   context.Context           // ends with Close
	end    context.CancelFunc

	mu   sync.Mutex
	all  []*place
	used time.Duration // CPU of workers that ended
}

// place is where a worker may be; who took it from places may use and replace the worker.
type place struct {
	worker *worker // written under mu; nil where none runs
}

var errClosed = errors.New("espeak: closed")

// NewEspeak starts one worker to learn what it can speak; the others start when needed.
func NewEspeak(c Config) (*Espeak, error) {
	path, err := find(c.Worker)
	if err != nil {
		return nil, err
	}
	if c.Workers <= 0 {
		c.Workers = 2
	}
	e := &Espeak{path: path, nest: proc.NewNest(), places: make(chan *place, c.Workers)}
	e.life, e.end = context.WithCancel(context.Background())
	for range c.Workers {
		e.all = append(e.all, &place{})
	}
	first := e.all[0]
	if _, err := e.ready(e.life, first); err != nil {
		_ = e.shut(nil)
		return nil, err
	}
	e.voices = catalogue(first.worker.hello.Voices)
	for _, p := range e.all {
		e.places <- p
	}
	if len(e.voices) == 0 {
		_ = e.Close()
		return nil, errors.New("espeak: no voices; apt install espeak-ng-data")
	}
	return e, nil
}

// Languages implements inference.Speaker.
func (e *Espeak) Languages() []inference.Lang { return slices.Sorted(maps.Keys(e.voices)) }

// Voices is Languages: one voice a language, in a male and a female timbre.
func (e *Espeak) Voices() []inference.Lang { return e.Languages() }

// Speak implements inference.Speaker. Text without anything to speak is an
// error, as is text of more than 2000 characters. An error other than ctx's and
// ErrUnsupported may mean that the worker died; the next request starts another.
//
// The sound is mono at espeak-ng's rate, 22050 Hz, at -20 dBFS RMS (lower where
// peaks would clip), without silence before or after.
func (e *Espeak) Speak(ctx context.Context, r inference.SpeechRequest) (inference.Speech, error) {
	voice, ok := e.voices[r.Lang]
	if !ok {
		return inference.Speech{}, fmt.Errorf("%w %q: espeak has %v", inference.ErrUnsupported, r.Lang, e.Languages())
	}
	if n := utf8.RuneCountInString(r.Text); n > wire.MaxText {
		return inference.Speech{}, fmt.Errorf("espeak: text of %d characters; split it at %d", n, wire.MaxText)
	}
	text := clean(r.Text)
	if strings.IndexFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) < 0 {
		return inference.Speech{}, errors.New("espeak: nothing to speak; send words")
	}
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
		Voice: "espeak-ng " + q.Voice,
	}, nil
}

// use runs f with a live worker. Whatever error f returns but errReply ends that worker.
func (e *Espeak) use(ctx context.Context, f func(ctx context.Context, w *worker) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if e.life.Err() != nil {
		return errClosed
	}
	var p *place
	select {
	case p = <-e.places:
	case <-ctx.Done():
		return ctx.Err()
	case <-e.life.Done():
		return errClosed
	}
	defer func() { e.places <- p }()
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.life, cancel)()

	w, err := e.ready(both, p)
	if err == nil {
		if err = f(both, w); err == nil {
			return nil
		}
		if refused := (*refusal)(nil); errors.As(err, &refused) {
			return err
		}
		e.drop(p)
		err = fmt.Errorf("espeak: the worker failed: %w; ask again", err)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case e.life.Err() != nil:
		return errClosed
	}
	return err
}

// refusal is a worker's own answer that it cannot speak something.
type refusal struct{ text string }

func (r *refusal) Error() string { return "espeak: " + r.text }

// ready returns the place's worker, started anew if it died.
func (e *Espeak) ready(ctx context.Context, p *place) (*worker, error) {
	if p.worker != nil && p.worker.group.Exited() {
		e.drop(p)
	}
	if p.worker != nil {
		return p.worker, nil
	}
	w, err := startWorker(ctx, e.nest, e.path)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	p.worker = w
	e.mu.Unlock()
	return w, nil
}

// drop ends the place's worker.
func (e *Espeak) drop(p *place) {
	if p.worker == nil {
		return
	}
	p.worker.close()
	e.mu.Lock()
	e.used += p.worker.group.CPU()
	p.worker = nil
	e.mu.Unlock()
}

// PIDs returns the ids of the live workers.
func (e *Espeak) PIDs() []int {
	e.mu.Lock()
	defer e.mu.Unlock()
	var ids []int
	for _, p := range e.all {
		if p.worker != nil {
			ids = append(ids, p.worker.group.PIDs()...)
		}
	}
	return ids
}

// CPU implements inference.Coster.
func (e *Espeak) CPU() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.used
	for _, p := range e.all {
		if p.worker != nil {
			t += p.worker.group.CPU()
		}
	}
	return t
}

// Close ends all workers. Requests under way fail.
func (e *Espeak) Close() error {
	e.end()
	var taken []*place
	for range e.all {
		taken = append(taken, <-e.places)
	}
	return e.shut(taken)
}

// shut ends the workers, of places the caller has taken, and what they stand on.
func (e *Espeak) shut(taken []*place) error {
	e.end()
	for _, p := range taken {
		e.drop(p)
		e.places <- p
	}
	e.nest.Close()
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
