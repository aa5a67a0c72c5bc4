// Package push sends the programs of calls on to servers elsewhere, by RTMP and SRT: it
// connects, comes back when a connection breaks, and never keeps a call waiting.
package push

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/session/fanout"
	"livedub/session/live"
	"livedub/session/record"
	"livedub/session/spec"
)

// Most is how many outputs a session may have.
const Most = spec.MostOutputs

var (
	// ErrNotFound is returned for a session or an output that is not there.
	ErrNotFound = errors.New("push: not found")
	// ErrFull is returned where a session has Most outputs.
	ErrFull = fmt.Errorf("push: a session has %d outputs at most: remove one", Most)
	// ErrInvalid is wrapped by errors of what cannot be an output.
	ErrInvalid = errors.New("push: no output")
)

// State is how an output does.
type State string

const (
	Waiting    State = "waiting"    // for something to be seen or heard, or for the next try
	Connecting State = "connecting" //
	Live       State = "live"       // it is sent
	Refused    State = "refused"    // the far end does not want it as it is; it is asked again more rarely
	Ended      State = "ended"      //
)

// Status is an output as it is now.
type Status struct {
	ID        string
	URL       string // with its secrets hidden
	Langs     []string
	State     State
	Since     time.Time // of the state
	Retries   int       // connections after the first
	LastError string    // why the last connection ended, or did not come to be; "" for nothing
	Bytes     uint64    // that were sent
	Dropped   uint64    // frames that were left out, as the far end was too slow
	Bitrate   int       // bit/s, of the last seconds
}

// Config is how outputs are sent.
type Config struct {
	// Connect opens a stream to an address. ctx bounds that.
	Connect func(ctx context.Context, a Address) (Stream, error)
	Log     *slog.Logger // nil for none
}

// Stream is a connection to a far end that takes a stream. Its methods are called by one
// goroutine, but for Sent.
type Stream interface {
	Start(tracks []Track) error
	// Write sends an access unit of a track, by its place among those of Start.
	Write(track int, p media.Packet) error
	// Sent returns how many bytes were.
	Sent() uint64
	// Done is closed when the far end has left; Err then tells why.
	Done() <-chan struct{}
	Err() error
	Close() error
}

// Track is one of an output: the picture first, if there is one, then the sounds.
type Track struct {
	media.Track
	Lang string // of a sound
}

// Pusher has the outputs of a node's calls. It is safe for concurrent use.
type Pusher struct {
	cfg Config

	mu       sync.Mutex
	sessions map[string]*session
	came     chan struct{} // closed when a session comes
	gone     Stats         // of outputs that have ended
}

// session is a call with its outputs.
type session struct {
	source
	ctx     context.Context // ends with the call
	outputs []*output       // guarded by the pusher's lock
	wg      sync.WaitGroup
	keep    func([]spec.Output) // has other nodes know of them
}

// source is the call that outputs are of.
type source struct {
	id     string
	attach func(lang string, sink media.Sink) (detach func(), err error)
	has    func(lang string) bool
	away   func() bool // it goes on at another node
	tell   func(id string, s State)
}

// New returns a pusher.
func New(c Config) *Pusher {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Pusher{cfg: c, sessions: map[string]*session{}, came: make(chan struct{})}
}

// Follow has a call's outputs be sent until its records end: those that it has from
// another node, and those that are added.
func (p *Pusher) Follow(c *live.Call, rd *record.Reader) {
	s := source{
		id: c.Spec.ID,
		attach: func(lang string, sink media.Sink) (func(), error) {
			a, err := c.Subscribe(inference.Lang(lang), sink, fanout.Program(), fanout.Recording())
			if err != nil {
				return nil, err
			}
			return a.Close, nil
		},
		has:  func(lang string) bool { return c.Has(inference.Lang(lang)) },
		away: c.Away,
		tell: func(id string, s State) { c.Tell(record.Record{Output: &record.Output{ID: id, State: string(s)}}) },
	}
	end := p.begin(s, c.Outputs(), c.SetOutputs)
	defer end()
	for {
		if _, err := rd.Next(context.Background()); err != nil {
			break
		}
	}
	<-c.Done() // one that moves may come back, until then
}

// begin has a session's outputs be sent until end is called, which waits for them.
func (p *Pusher) begin(src source, had []spec.Output, keep func([]spec.Output)) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &session{source: src, ctx: ctx, keep: keep}
	p.mu.Lock()
	p.sessions[src.id] = s
	close(p.came)
	p.came = make(chan struct{})
	for _, o := range had[:min(len(had), Most)] {
		if a, err := ParseAddress(o.URL); err == nil {
			p.start(s, o, a)
		}
	}
	p.mu.Unlock()
	return func() {
		cancel()
		s.wg.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, o := range s.outputs {
			p.gone.add(o.stats())
		}
		if p.sessions[src.id] == s {
			delete(p.sessions, src.id)
		}
	}
}

// start starts an output; the caller has the lock.
func (p *Pusher) start(s *session, o spec.Output, a Address) *output {
	ctx, cancel := context.WithCancel(s.ctx)
	out := newOutput(p.cfg, s.source, o, a, cancel)
	s.outputs = append(s.outputs, out)
	s.wg.Go(func() { out.run(ctx) })
	return out
}

// firstWait is for how long a session that was just created may not be known yet.
const firstWait = 2 * time.Second

// find returns a session, nil where there is none; the caller has the lock, which is let
// go of meanwhile.
func (p *Pusher) find(ctx context.Context, id string) *session {
	timer := time.NewTimer(firstWait)
	defer timer.Stop()
	for p.sessions[id] == nil {
		came, over := p.came, false
		p.mu.Unlock()
		select {
		case <-came:
		case <-timer.C:
			over = true
		case <-ctx.Done():
			over = true
		}
		p.mu.Lock()
		if over {
			break
		}
	}
	return p.sessions[id]
}

// Add adds an output to a session, for which it waits a moment: its languages, of which
// the first has the picture, to an address. It fails with ErrNotFound, ErrFull or
// ErrInvalid, and tells no secret.
func (p *Pusher) Add(ctx context.Context, id, url string, langs []string) (Status, error) {
	a, err := ParseAddress(url)
	if err != nil {
		return Status{}, fmt.Errorf("%w: url: %w", ErrInvalid, err)
	}
	p.mu.Lock()
	s := p.find(ctx, id)
	switch {
	case s == nil || s.ctx.Err() != nil:
		p.mu.Unlock()
		return Status{}, ErrNotFound
	case len(s.outputs) >= Most:
		p.mu.Unlock()
		return Status{}, ErrFull
	}
	if err := check(s, a, langs); err != nil {
		p.mu.Unlock()
		return Status{}, err
	}
	o := p.start(s, spec.Output{ID: strings.ToLower(rand.Text()[:8]), URL: url, Langs: slices.Clone(langs)}, a)
	s.changed(o.ID, "added")
	p.mu.Unlock()
	p.cfg.Log.Info("an output was added", "session", id, "output", o.ID, "to", a.String(), "langs", langs)
	return o.status(), nil
}

// check refuses languages that cannot be sent.
func check(s *session, a Address, langs []string) error {
	switch {
	case len(langs) == 0:
		return fmt.Errorf("%w: it has no language", ErrInvalid)
	case len(langs) > 1 && a.rtmp != nil:
		return fmt.Errorf("%w: RTMP carries one sound: name one language, or send several by SRT", ErrInvalid)
	case len(langs) > spec.MostOutputLangs:
		return fmt.Errorf("%w: %d languages; %d at most", ErrInvalid, len(langs), spec.MostOutputLangs)
	}
	for i, l := range langs {
		if !s.has(l) {
			return fmt.Errorf("%w: the session has no %.20q", ErrInvalid, l)
		}
		if slices.Contains(langs[:i], l) {
			return fmt.Errorf("%w: %.20q is named twice", ErrInvalid, l)
		}
	}
	return nil
}

// changed tells what outputs there are; the caller has the lock.
func (s *session) changed(id string, what State) {
	var all []spec.Output
	for _, o := range s.outputs {
		all = append(all, o.Output)
	}
	s.keep(all)
	s.tell(id, what)
}

// List returns a session's outputs, in the order in which they were added.
func (p *Pusher) List(id string) ([]Status, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sessions[id]
	if s == nil {
		return nil, ErrNotFound
	}
	out := []Status{}
	for _, o := range s.outputs {
		out = append(out, o.status())
	}
	return out, nil
}

// Remove ends an output. It does not wait until the far end is told.
func (p *Pusher) Remove(id, name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sessions[id]
	if s == nil {
		return ErrNotFound
	}
	i := slices.IndexFunc(s.outputs, func(o *output) bool { return o.ID == name })
	if i < 0 {
		return ErrNotFound
	}
	o := s.outputs[i]
	o.cancel()
	p.gone.add(o.stats())
	s.outputs = slices.Delete(s.outputs, i, i+1)
	s.changed(o.ID, Ended)
	p.cfg.Log.Info("an output was removed", "session", id, "output", o.ID)
	return nil
}

// Stats are figures of all outputs, those that have ended too.
type Stats struct {
	States  map[State]int // of those that are there
	Bytes   uint64
	Retries uint64
	Dropped uint64 // frames
}

func (s *Stats) add(o Stats) {
	s.Bytes, s.Retries, s.Dropped = s.Bytes+o.Bytes, s.Retries+o.Retries, s.Dropped+o.Dropped
}

// Stats returns the figures.
func (p *Pusher) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.gone
	out.States = map[State]int{Waiting: 0, Connecting: 0, Live: 0, Refused: 0}
	for _, s := range p.sessions {
		for _, o := range s.outputs {
			x := o.status()
			out.add(o.stats())
			out.States[cmp.Or(x.State, Waiting)]++
		}
	}
	delete(out.States, Ended)
	return out
}
