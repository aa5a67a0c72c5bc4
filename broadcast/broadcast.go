// Package broadcast has calls be watched by players of HLS: it takes the program of every
// language while somebody asks for it, and holds the last seconds of it in memory.
package broadcast

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/session/fanout"
	"livedub/session/live"
	"livedub/session/record"
	"livedub/session/spec"
)

// Config is how calls are broadcast.
type Config struct {
	Always bool          // from a call's beginning to its end, whether anybody asks or not
	Idle   time.Duration // without a request after which a broadcast ends; 0 for DefaultIdle
	Tail   time.Duration // for which the end of a call can be read; 0 for DefaultTail
	Notice string        // what viewers of dubs have to be told
	Log    *slog.Logger  // nil for none
}

func (c Config) withDefaults() Config {
	c.Idle, c.Tail = cmp.Or(c.Idle, DefaultIdle), cmp.Or(c.Tail, DefaultTail)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

const (
	// DefaultIdle is for how long a broadcast goes on when nobody asks for it.
	DefaultIdle = 45 * time.Second
	// DefaultTail is for how long the end of a call's playlists is there.
	DefaultTail = time.Minute

	tick       = 500 * time.Millisecond
	againAfter = time.Second     // until a language whose sink was detached is attached again
	slack      = 3 * time.Second // how late what is presented may come; later it is missing
	firstWait  = 8 * time.Second // for the first segment
	others     = 4 * time.Second // for all languages and tracks, once one is there
	nextWait   = 6 * time.Second // for the next part: three target durations
)

var (
	// ErrNotFound is returned for a session, language or file that is not there.
	ErrNotFound = errors.New("broadcast: not found")
	// ErrStarting is returned where nothing is there yet: asking again makes sense.
	ErrStarting = errors.New("broadcast: there is nothing to see or to hear yet")
)

// Broadcaster broadcasts the calls of a node. It is safe for concurrent use.
type Broadcaster struct {
	cfg Config
	ctx context.Context // ends with Close

	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	programs map[string]*Program // by session
}

// New returns a broadcaster; the caller closes it when no call is followed anymore.
func New(c Config) *Broadcaster {
	b := &Broadcaster{cfg: c.withDefaults(), programs: map[string]*Program{}}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// Close forgets all programs.
func (b *Broadcaster) Close() {
	b.cancel()
	b.wg.Wait()
}

// Follow has a call be broadcast until its records end.
func (b *Broadcaster) Follow(c *live.Call, rd *record.Reader) {
	p := newProgram(b.cfg, source{
		session: c.Spec.ID, epoch: c.Epoch, from: string(c.Spec.From), delay: *c.Spec.Delay, now: c.Clock.Now,
		attach: func(lang string, sink media.Sink) (func(), error) {
			options := []fanout.Option{fanout.Program()}
			if b.cfg.Always {
				options = append(options, fanout.Recording())
			}
			s, err := c.Subscribe(inference.Lang(lang), sink, options...)
			if err != nil {
				return nil, err
			}
			return s.Close, nil
		},
		lips: func() bool {
			return slices.ContainsFunc(c.State().Dubs, func(d spec.DubState) bool { return d.Lips == spec.LipsOn })
		},
	})
	b.enter(p)
	moved := false
	for {
		x, err := rd.Next(context.Background())
		if err != nil {
			break
		}
		p.take(x)
		moved = moved || x.Moved != nil
	}
	if moved { // who still asks here sees and hears it
		<-c.Done()
	}
	p.end()
	b.wg.Go(func() { b.forget(p) })
}

func (b *Broadcaster) enter(p *Program) {
	b.mu.Lock()
	b.programs[p.session] = p
	b.mu.Unlock()
	p.tending.Go(func() { p.tend(b.ctx) })
}

// forget lets players read the end of a program, for a while.
func (b *Broadcaster) forget(p *Program) {
	timer := time.NewTimer(b.cfg.Tail)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-b.ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.programs[p.session] == p {
		delete(b.programs, p.session)
	}
}

// Program returns the program of a session, or of one that has ended lately. It fails with ErrNotFound.
func (b *Broadcaster) Program(session string) (*Program, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.programs[session]; p != nil {
		return p, nil
	}
	return nil, ErrNotFound
}

// Stats are the figures of a broadcaster as they are now.
type Stats struct {
	Programs int // on the air
	Bytes    int // of media in memory
}

// Stats returns the figures.
func (b *Broadcaster) Stats() (out Stats) {
	b.mu.Lock()
	all := make([]*Program, 0, len(b.programs))
	for _, p := range b.programs {
		all = append(all, p)
	}
	b.mu.Unlock()
	for _, p := range all {
		on, bytes := p.figures()
		if on {
			out.Programs++
		}
		out.Bytes += bytes
	}
	return out
}
