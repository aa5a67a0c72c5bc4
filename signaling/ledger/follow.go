package ledger

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"livedub/internal/guard"
)

const (
	every    = time.Second            // between two looks
	fresh    = 250 * time.Millisecond // how old an answer of Now may be
	readTime = 5 * time.Second
)

// Follower knows the entries of a kind as they were about a second ago, whether the
// store can be reached or not.
type Follower struct {
	store Store
	kind  string
	log   *slog.Logger
	stop  context.CancelFunc
	done  chan struct{}

	reading sync.Mutex // held to read: whoever waits for it has the result too
	mu      sync.Mutex
	all     map[string][]byte
	at      time.Time // when all was read
	failing bool
	watches map[*func(map[string][]byte)]struct{}
}

// Follow begins to follow a kind. It fails where its entries cannot be read now. The
// caller closes the follower.
func Follow(ctx context.Context, store Store, kind string, log *slog.Logger) (*Follower, error) {
	f := &Follower{store: store, kind: kind, log: log, done: make(chan struct{}), watches: map[*func(map[string][]byte)]struct{}{}}
	if err := f.read(ctx, time.Time{}); err != nil {
		return nil, err
	}
	ctx, f.stop = context.WithCancel(context.WithoutCancel(ctx))
	go f.run(ctx)
	return f, nil
}

// Close ends it and waits for its goroutine.
func (f *Follower) Close() {
	f.stop()
	<-f.done
}

func (f *Follower) run(ctx context.Context) {
	defer close(f.done)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		err := guard.Do("ledger", func() error { return f.read(ctx, time.Now()) })
		f.tell(ctx, err)
	}
}

// tell logs that entries can be read no more, and that they can be again.
func (f *Follower) tell(ctx context.Context, err error) {
	f.mu.Lock()
	was := f.failing
	f.failing = err != nil && ctx.Err() == nil
	is := f.failing
	f.mu.Unlock()
	switch {
	case is && !was:
		f.log.Warn("entries cannot be read: those that were read last hold on", "kind", f.kind, "err", err)
	case was && !is && ctx.Err() == nil:
		f.log.Info("entries are read again", "kind", f.kind)
	}
}

// read reads the entries, unless they were read after since.
func (f *Follower) read(ctx context.Context, since time.Time) error {
	f.reading.Lock()
	defer f.reading.Unlock()
	f.mu.Lock()
	known := f.at.After(since)
	f.mu.Unlock()
	if known {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	began := time.Now()
	all, err := f.store.All(ctx, f.kind)
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.all, f.at = all, began
	var told []*func(map[string][]byte)
	for w := range f.watches {
		told = append(told, w)
	}
	f.mu.Unlock()
	for _, w := range told {
		(*w)(all)
	}
	return nil
}

// Last returns the entries as they were read last. They are not to be changed.
func (f *Follower) Last() map[string][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all
}

// Now returns the entries as they are, or were a quarter of a second ago: many who
// ask at once cost the store no more than one.
func (f *Follower) Now(ctx context.Context) (map[string][]byte, error) {
	if err := f.read(ctx, time.Now().Add(-fresh)); err != nil {
		return nil, err
	}
	return f.Last(), nil
}

// Refresh has the next look be at once, as after a change.
func (f *Follower) Refresh(ctx context.Context) error { return f.read(ctx, time.Now()) }

// Watch calls fn after each look, and once now, until stop is called. fn does not block.
func (f *Follower) Watch(fn func(all map[string][]byte)) (stop func()) {
	f.mu.Lock()
	f.watches[&fn] = struct{}{}
	all := f.all
	f.mu.Unlock()
	fn(all)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watches, &fn)
	}
}
