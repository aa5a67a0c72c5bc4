package recording

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"livedub/media"
	"livedub/session/fanout"
	"livedub/session/live"
	"livedub/session/record"
	"livedub/store"
)

// Recorder records the calls of a node. Its methods are safe for concurrent use.
type Recorder struct {
	cfg  Config
	disk disk
	mux  func(*tape) media.Sink // cuts segments for a tape

	ctx     context.Context // of what is done behind calls
	cancel  context.CancelFunc
	writers sync.WaitGroup // of tapes
	behind  sync.WaitGroup // of what is finished
	turn    chan struct{}  // holds one while a recording is being finished

	mu        sync.Mutex
	closed    bool
	growing   map[string]*growing
	finishing map[string]*finishing
	erased    map[string]bool // calls that go on without
	stats     Stats
}

// New returns a recorder that works in cfg.Dir, which is made. The caller closes it
// when no call is followed anymore.
func New(cfg Config) (*Recorder, error) {
	cfg = cfg.withDefaults()
	if err := os.MkdirAll(filepath.Join(cfg.Dir, root), 0o750); err != nil {
		return nil, fmt.Errorf("recordings cannot be written: %w", err)
	}
	r := &Recorder{
		cfg: cfg, disk: disk{cfg.Dir, cfg.Floor}, turn: make(chan struct{}, 1),
		growing: map[string]*growing{}, finishing: map[string]*finishing{}, erased: map[string]bool{},
	}
	r.mux = r.newMux
	r.stats.Failures = map[string]int{}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r, nil
}

// Close gives up what is being finished, which the next start does again, and waits.
func (r *Recorder) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.cancel()
	r.behind.Wait()
	r.writers.Wait()
}

// Follow records a call, as far as its speaker has agreed to it, until its records end.
func (r *Recorder) Follow(c *live.Call, rd *record.Reader) {
	m := Manifest{
		Version: 1, ID: c.Epoch, Session: c.Spec.ID, Node: r.cfg.Node, From: string(c.Spec.From), DelayMS: int(c.Spec.Delay.Milliseconds()),
		Created: c.Created.UTC().Round(time.Millisecond), State: store.Growing, AIDubbed: true, Notice: Notice,
		Engines: maps.Clone(r.cfg.Engines), Fence: r.cfg.Fence(c.Spec.ID),
	}
	attach := func(lang string, sink media.Sink) (func(), error) {
		s, err := c.Subscribe(media.Lang(lang), sink, fanout.Program(), fanout.Recording())
		if err != nil {
			return nil, err
		}
		return s.Close, nil
	}
	g := r.begin(m, attach)
	moved := false
	for {
		x, err := rd.Next(context.Background())
		if err != nil {
			break
		}
		switch {
		case x.Consent != nil:
			g.consent(x.Consent.Given, x.Consent.At)
		case x.Targets != nil:
			var langs []string
			for _, lang := range x.Targets.To {
				langs = append(langs, string(lang))
			}
			if r.cfg.Original {
				langs = append(langs, m.From)
			}
			g.record(langs)
		case x.Moved != nil:
			moved = true
		}
	}
	var said *record.Phrases
	if g.isOpen() && !moved {
		ctx, cancel := context.WithTimeout(r.ctx, lastWrites)
		defer cancel()
		said, _ = c.Records().Phrases(ctx) // with an error, what there was time for
	}
	r.end(g, moved, said)
}
