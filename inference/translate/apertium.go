// Package translate turns text of one language to another by Apertium: free,
// rule-based, a few milliseconds a sentence, no pivoting over a third language.
package translate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/internal/proc"
)

const (
	maxRunes   = 2000 // of one phrase
	maxWaiting = 32   // phrases, for one pair
)

// Config says where Apertium is and how long it stays loaded.
type Config struct {
	ModesDir string        // directory of the *.mode files; "" is Debian's, /usr/share/apertium/modes
	Idle     time.Duration // processes of a pair that was not used for so long end; 0 is 5 minutes
	Stall    time.Duration // without an answer for so long, where ctx allows it, a pipeline is replaced; 0 is 5 s
	Grace    time.Duration // for an answer nobody waits for any more, before its pipeline is replaced; 0 is 250 ms
}

// Apertium is an inference.Translator with one pipeline of processes a pair,
// started at the pair's first phrase. It is safe for concurrent use; phrases of
// one pair are translated one after another.
type Apertium struct {
	groups *proc.Groups
	lanes  map[inference.Pair]*lane // never changes
	cfg    Config
	work   sync.WaitGroup  // pipelines being set right
	life   context.Context // ends with Close
	quit   context.CancelFunc
	done   chan struct{}

	sum  sync.Mutex    // a pipeline's CPU counts as running or as ended, never as neither
	used time.Duration // CPU of pipelines that ended
}

// lane is the queue before one pair's pipeline. Who took the token from turn
// may touch the pipeline.
type lane struct {
	mode    mode
	turn    chan struct{}
	waiting atomic.Int32
	last    time.Time
	running atomic.Pointer[pipeline] // written in turn only
}

var errClosed = errors.New("apertium: closed")

// NewApertium looks for installed pairs; processes start later. It fails if there is no pair.
func NewApertium(c Config) (*Apertium, error) {
	if c.ModesDir == "" {
		c.ModesDir = "/usr/share/apertium/modes"
	}
	for limit, otherwise := range map[*time.Duration]time.Duration{&c.Idle: 5 * time.Minute, &c.Stall: 5 * time.Second, &c.Grace: 250 * time.Millisecond} {
		if *limit <= 0 {
			*limit = otherwise
		}
	}
	modes := scan(c.ModesDir)
	if len(modes) == 0 {
		return nil, fmt.Errorf("apertium: no usable pair in %s; install one, as apertium-eng-spa", c.ModesDir)
	}
	a := &Apertium{
		groups: proc.NewGroups(),
		lanes:  map[inference.Pair]*lane{},
		cfg:    c,
		done:   make(chan struct{}),
	}
	a.life, a.quit = context.WithCancel(context.Background())
	for p, m := range modes {
		l := &lane{mode: m, turn: make(chan struct{}, 1)}
		l.turn <- struct{}{}
		a.lanes[p] = l
	}
	go a.endIdle()
	return a, nil
}

// Name implements inference.Named.
func (a *Apertium) Name() string { return "apertium" }

// Pairs implements inference.Translator.
func (a *Apertium) Pairs() []inference.Pair {
	var pairs []inference.Pair
	for p := range a.lanes {
		pairs = append(pairs, p)
	}
	slices.SortFunc(pairs, func(x, y inference.Pair) int { return strings.Compare(x.String(), y.String()) })
	return pairs
}

// Translate implements inference.Translator. The text may be as it comes from
// a recognizer; the translation has a capital and a final stop. Words that
// Apertium does not know come back as they were. An error other than ctx's,
// ErrUnsupported and ErrRefused means that the pipeline died or stalled. Such a
// pipeline, and one that does not answer within Grace after ctx ended, is replaced
// at once, not at the next phrase.
func (a *Apertium) Translate(ctx context.Context, r inference.TranslationRequest) (string, error) {
	l := a.lanes[r.Pair]
	if l == nil {
		return "", fmt.Errorf("%w %v: apertium has %v", inference.ErrUnsupported, r.Pair, a.Pairs())
	}
	if n := utf8.RuneCountInString(r.Text); n > maxRunes {
		return "", fmt.Errorf("%w: apertium: phrase of %d characters; split it at %d", inference.ErrRefused, n, maxRunes)
	}
	r.Text = restore(r.Pair.From, clean(r.Text))
	return glossary.Carry(ctx, r, func(ctx context.Context, text string) (string, error) { return a.translate(ctx, l, text) })
}

// translate has one text translated, which is a clean sentence.
func (a *Apertium) translate(ctx context.Context, l *lane, text string) (string, error) {
	if strings.IndexFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) < 0 {
		return "", fmt.Errorf("%w: apertium: nothing to translate; send words", inference.ErrRefused)
	}
	if err := a.take(ctx, l); err != nil {
		return "", err
	}
	body, _ := strings.CutSuffix(text, ".") // the pipeline's own end of text is one
	answer, err := a.ask(ctx, l, escape(body))
	if err != nil {
		a.work.Go(func() { // nobody waits for this but the next phrase
			a.mend(l)
			l.turn <- struct{}{}
		})
		return "", err
	}
	l.turn <- struct{}{}
	answer, _ = strings.CutSuffix(strings.TrimSpace(answer), ".")
	return sentence(clean(unescape(answer, !strings.ContainsAny(text, "*#@")))), nil
}

// take waits for the turn to use l's pipeline.
func (a *Apertium) take(ctx context.Context, l *lane) error {
	if l.waiting.Add(1) > maxWaiting {
		l.waiting.Add(-1)
		return fmt.Errorf("apertium %s: %d phrases wait already; try later", l.mode.name, maxWaiting)
	}
	defer l.waiting.Add(-1)
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.life.Err() != nil {
		return errClosed
	}
	select {
	case <-l.turn:
		if a.life.Err() != nil { // Close may have had it before
			l.turn <- struct{}{}
			return errClosed
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-a.life.Done():
		return errClosed
	}
}

// ask has one text translated; the caller has l's turn. After an error l must be mended.
func (a *Apertium) ask(ctx context.Context, l *lane, text string) (string, error) {
	if p := l.running.Load(); p != nil && p.group.Exited() {
		a.end(l)
	}
	p, err := a.start(l)
	if err != nil {
		return "", err
	}
	l.last = time.Now()
	// Close does not wait for a slow answer.
	asking, cancel := context.WithTimeoutCause(ctx, a.cfg.Stall, errStalled)
	defer cancel()
	defer context.AfterFunc(a.life, cancel)()
	answer, err := p.ask(asking, text)
	switch {
	case err == nil:
		return answer, nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case a.life.Err() != nil:
		return "", errClosed
	}
	return "", fmt.Errorf("apertium %s: the pipeline %w; ask again", l.mode.name, err)
}

// start returns l's pipeline, begun anew where there is none; the caller has l's turn.
func (a *Apertium) start(l *lane) (*pipeline, error) {
	if p := l.running.Load(); p != nil {
		return p, nil
	}
	p, err := startPipeline(a.groups, l.mode.stages)
	if err != nil {
		return nil, fmt.Errorf("apertium %s: cannot start: %w", l.mode.name, err)
	}
	l.running.Store(p)
	return p, nil
}

// mend has l ready for the next phrase after one that failed: a pipeline that
// is well, or a new one. The caller has l's turn.
func (a *Apertium) mend(l *lane) {
	p := l.running.Load()
	if p == nil || a.life.Err() != nil {
		return
	}
	soon, cancel := context.WithTimeout(a.life, a.cfg.Grace)
	defer cancel()
	if p.settle(soon) {
		return
	}
	a.end(l)
	if a.life.Err() == nil {
		_, _ = a.start(l) // if it fails, the next phrase tells
	}
}

// end ends l's pipeline; the caller has l's turn.
func (a *Apertium) end(l *lane) {
	if p := l.running.Load(); p != nil {
		p.close()
		a.sum.Lock()
		a.used += p.group.CPU()
		l.running.Store(nil)
		a.sum.Unlock()
	}
}

// endIdle ends pipelines that were not used for a while.
func (a *Apertium) endIdle() {
	defer close(a.done)
	t := time.NewTicker(max(a.cfg.Idle/4, time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-a.life.Done():
			return
		case <-t.C:
		}
		for _, l := range a.lanes {
			select {
			case <-l.turn:
				if time.Since(l.last) > a.cfg.Idle {
					a.end(l)
				}
				l.turn <- struct{}{}
			default: // in use
			}
		}
	}
}

// PIDs returns the ids of all live processes, those of one pair in pipeline order.
func (a *Apertium) PIDs() []int {
	var ids []int
	for _, p := range a.Pairs() {
		if r := a.lanes[p].running.Load(); r != nil {
			ids = append(ids, r.group.PIDs()...)
		}
	}
	return ids
}

// CPU implements inference.Coster.
func (a *Apertium) CPU() time.Duration {
	a.sum.Lock()
	defer a.sum.Unlock()
	t := a.used
	for _, l := range a.lanes {
		if p := l.running.Load(); p != nil {
			t += p.group.CPU()
		}
	}
	return t
}

// Close ends all processes. Phrases under way fail.
func (a *Apertium) Close() error {
	a.quit()
	<-a.done
	for _, l := range a.lanes {
		<-l.turn
		a.end(l)
		l.turn <- struct{}{}
	}
	a.work.Wait()
	a.groups.Close()
	return nil
}
