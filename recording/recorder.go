package recording

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/session/fanout"
	"livedub/session/live"
	"livedub/session/record"
	"livedub/store"
)

// Recorder records the calls of a node. Its methods are safe for concurrent use.
type Recorder struct {
	cfg   Config
	disk  disk
	files *Library // what there is, here and elsewhere

	ctx     context.Context // of what is done behind calls
	cancel  context.CancelFunc
	writers sync.WaitGroup // of tapes
	behind  sync.WaitGroup // of what is finished
	turn    chan struct{}  // holds one while a recording is being finished

	mu        sync.Mutex
	closed    bool
	growing   map[string]*growing   // by ID
	finishing map[string]*finishing // by ID
	erased    map[string]bool       // recordings of calls that go on without
	refused   map[string]bool       // segments
	stats     Stats
}

// New returns a recorder that works in cfg.Dir, which is made. The caller closes it
// when no call is followed anymore.
func New(cfg Config) (*Recorder, error) {
	r, err := open(cfg)
	if err == nil {
		r.behind.Go(r.sweep)
	}
	return r, err
}

// open returns a recorder that does nothing by itself.
func open(cfg Config) (*Recorder, error) {
	cfg = cfg.withDefaults()
	if err := os.MkdirAll(filepath.Join(cfg.Dir, root), 0o750); err != nil {
		return nil, fmt.Errorf("recordings cannot be written: %w", err)
	}
	r := &Recorder{
		cfg: cfg, disk: disk{cfg.Dir, cfg.Floor, 0o640}, turn: make(chan struct{}, 1),
		growing: map[string]*growing{}, finishing: map[string]*finishing{}, erased: map[string]bool{}, refused: map[string]bool{},
	}
	r.files = NewLibrary(LibraryConfig{Journal: cfg.Journal, Objects: cfg.Objects, Local: cfg.Dir, Log: cfg.Log})
	r.stats.Failures = map[string]int{"write": 0, "row": 0, "attach": 0, "finish": 0} // zero is told: no rate tells the first of a counter that begins with it
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r, nil
}

// Close waits until recordings of calls that have ended are finished, for a while; what
// is not then, the next start does.
func (r *Recorder) Close() {
	r.mu.Lock()
	r.closed = true
	var all []*finishing
	for _, f := range r.finishing {
		all = append(all, f)
	}
	r.mu.Unlock()
	late := time.NewTimer(lastFinish)
	defer late.Stop()
	for _, f := range all {
		select {
		case <-f.done:
			continue
		case <-late.C:
		}
		break
	}
	r.cancel()
	r.behind.Wait()
	r.writers.Wait()
}

// Follow records a call, as far as its speaker has agreed to it, until its records end.
func (r *Recorder) Follow(c *live.Call, rd *record.Reader) {
	m := Manifest{
		Version: 1, ID: c.Epoch, Session: c.Spec.ID, Node: r.cfg.Node, From: string(c.Spec.From), DelayMS: int(c.Spec.Delay.Milliseconds()),
		Created: c.Created.UTC().Round(time.Millisecond), State: store.Growing, AIDubbed: true, Notice: Notice,
		Engines: maps.Clone(r.cfg.Engines),
	}
	attach := func(lang string, sink media.Sink) (func(), error) {
		s, err := c.Subscribe(inference.Lang(lang), sink, fanout.Program(), fanout.Recording())
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
			g.record(r.wanted(m.From, x.Targets.To))
		case x.Moved != nil:
			moved = true
		}
	}
	if moved { // nothing is told here anymore; who is still connected sees and hears it
		<-c.Done()
	}
	var said []store.Phrase
	if g.isOpen() && !moved {
		ctx, cancel := context.WithTimeout(r.ctx, lastWrites)
		defer cancel()
		p, _ := c.Records().Phrases(ctx) // with an error, what there was time for
		said = append([]store.Phrase{}, phraseRows(c.Epoch, p)...)
	}
	r.end(g, moved, said)
}

// wanted returns the languages that are recorded of a call.
func (r *Recorder) wanted(from string, to []inference.Lang) (out []string) {
	for _, lang := range to {
		out = append(out, string(lang))
	}
	if r.cfg.Original {
		out = append(out, from)
	}
	return slices.DeleteFunc(out, func(lang string) bool { return !validLang(lang) })
}

// begin takes a call in. Nothing is recorded before its speaker has agreed to it.
func (r *Recorder) begin(m Manifest, attach func(string, media.Sink) (func(), error)) *growing {
	g := r.newGrowing(m, attach)
	if !ValidID(m.ID) {
		g.why = "the session's ID cannot be a file's name"
		r.cfg.Log.Error("a session is not recorded: its ID cannot be a file's name", "session", m.Session, "epoch", m.ID)
	}
	r.mu.Lock()
	r.growing[m.ID] = g
	g.erased = r.erased[m.ID]
	f := r.finishing[m.ID]
	r.mu.Unlock()
	if f != nil { // it has been opened again
		f.cancel()
		<-f.done
	}
	g.tending.Go(func() { g.tend(r.ctx) })
	return g
}

// end takes the end of a call.
func (r *Recorder) end(g *growing, moved bool, said []store.Phrase) {
	close(g.over)
	g.tending.Wait()
	g.detach()
	if g.isErased() {
		r.behind.Go(func() {
			if err := r.purge(r.ctx, g.id); err != nil {
				r.cfg.Log.Warn("a recording that was erased is not deleted yet: it is tried again", "recording", g.id, "err", err)
			}
		})
	}
	mk := marker{Manifest: g.known(), Lost: g.missing()}
	if g.isOpen() && !g.isErased() {
		if err := r.disk.writeJSON(markerKey(g.id), mk); err != nil {
			r.count("write")
		}
	}
	if g.lock != nil {
		_ = g.lock.Close()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.growing, g.id)
	delete(r.erased, g.id)
	if r.closed || moved || g.isErased() || !g.isOpen() {
		return // the next sweep looks at what is left
	}
	mk.Manifest.Ended = time.Now().UTC().Round(time.Millisecond)
	r.later(g.id, mk, said)
}

// Stop has nothing more be recorded of a session, and deletes what this recorder has
// on its disk: somebody erases the recording. When it returns nothing is written anymore.
func (r *Recorder) Stop(ctx context.Context, id string) error {
	if !ValidID(id) {
		return nil
	}
	r.mu.Lock()
	g, f := r.growing[id], r.finishing[id]
	if g != nil {
		r.erased[id] = true
	}
	r.mu.Unlock()
	if f != nil {
		f.cancel()
		select {
		case <-f.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if g != nil {
		g.erase()
	}
	return r.disk.remove(Dir(id))
}

// State tells how the recording of a call that goes on here is doing, by its epoch.
func (r *Recorder) State(epoch string) State {
	r.mu.Lock()
	g := r.growing[epoch]
	r.mu.Unlock()
	if g == nil {
		return State{State: Off}
	}
	return g.state()
}

// Stats returns the figures as they are now.
func (r *Recorder) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.stats
	out.Failures = maps.Clone(r.stats.Failures)
	for _, g := range r.growing {
		if g.isOpen() {
			out.Growing++
		}
	}
	out.Waiting = len(r.finishing)
	return out
}

func (r *Recorder) count(failure string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Failures[failure]++
}

func (r *Recorder) dropped() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Dropped++
	r.stats.Failures["write"]++
}

func (r *Recorder) wrote(c cut) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Segments++
	r.stats.Bytes += int64(len(c.Data))
}

// Refused takes note that the uploader does not take a segment, as too much waits: it is
// to be called from within its Add.
func (r *Recorder) Refused(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused[key] = true
}

// wasRefused tells whether the segment that was just announced was refused.
func (r *Recorder) wasRefused(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer delete(r.refused, key)
	return r.refused[key]
}

// announce sends a file on, where files are sent on.
func (r *Recorder) announce(key string) {
	if r.cfg.Upload != nil {
		r.cfg.Upload.Add(key)
	}
}

// write tells the journal of a recording.
func (r *Recorder) write(ctx context.Context, row store.Recording) error {
	if r.cfg.Journal == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, rowTime)
	defer cancel()
	err := r.cfg.Journal.Write(ctx, store.Batch{Recordings: []store.Recording{row}})
	if err != nil && !errors.Is(err, store.ErrErased) {
		r.count("row")
		r.cfg.Log.Warn("the journal does not take what is known of a recording", "recording", row.ID, "err", err)
	}
	return err
}
