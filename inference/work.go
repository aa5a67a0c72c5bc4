package inference

import (
	"context"
	"sync"
	"time"
)

// Named is what an engine implements that goes by a name, the one that the
// settings have for it, as "apertium".
type Named interface{ Name() string }

// Work tells which of several engines, the next of which takes over where one
// fails, worked at a result, and for how long. The zero value is ready; it is
// safe for concurrent use.
type Work struct {
	mu   sync.Mutex
	took map[string]time.Duration
}

type workKey struct{}

// WithWork has whoever works under ctx, and chooses among engines, tell w.
func WithWork(ctx context.Context, w *Work) context.Context {
	return context.WithValue(ctx, workKey{}, w)
}

// Did tells whoever wants to know that an engine worked since began. One
// without a name is not told of.
func Did(ctx context.Context, engine any, began time.Time) {
	w, wanted := ctx.Value(workKey{}).(*Work)
	named, ok := engine.(Named)
	if !wanted || !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.took == nil {
		w.took = map[string]time.Duration{}
	}
	w.took[named.Name()] += time.Since(began)
}

// Longest returns the engine that worked longest; "" where none told.
func (w *Work) Longest() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	name, most := "", time.Duration(-1)
	for n, took := range w.took {
		if took > most || took == most && n < name {
			name, most = n, took
		}
	}
	return name
}
