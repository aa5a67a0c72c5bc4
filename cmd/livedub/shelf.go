package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/inference"
	"livedub/internal/cli"
	"livedub/internal/config"
	"livedub/internal/stores"
	"livedub/session/spec"
	"livedub/signaling"
	"livedub/signaling/api"
	"livedub/store"
	"livedub/store/mouths"
)

// checkMouths refuses to keep mouths where nothing is to be kept, or none are learned.
func checkMouths(c config.Config) error {
	switch {
	case c.Lips.Keep == 0:
		return nil
	case c.Serve.Store == "none":
		return cli.Usagef("serve: --lips-keep %s with --store none: there is nowhere to keep mouths: choose --store auto, or --lips-keep 0", c.Lips.Keep)
	case c.Lips.Engine != "own":
		return cli.Usagef("serve: --lips-keep %s with --lips-engine %s: it learns no mouths that could be kept: choose --lips-engine own, or --lips-keep 0", c.Lips.Keep, c.Lips.Engine)
	}
	return nil
}

// openShelf returns where speakers' mouths are kept, which is swept with s. Where the
// operator has none kept anymore, speakers can still erase theirs.
func openShelf(s *stores.Stores, c config.Config, log *slog.Logger) *mouths.Shelf {
	m := mouths.New(mouths.Config{Objects: s.Objects, Keep: c.Lips.Keep, Log: log})
	if c.Lips.Keep == 0 {
		return m
	}
	s.OnExpire(m.Sweep)
	log.Info("mouths of speakers who ask for it are kept, encrypted under keys that only they have", "where", s.Recordings, "how_long", c.Lips.Keep.String())
	return m
}

// shelf is where mouths of calls are kept; nil for nowhere.
func (k *kept) shelf() *mouths.Shelf {
	if k == nil || !k.keepsMouths {
		return nil
	}
	return k.mouths
}

// erasable are the mouths that the endpoint erases.
func (k *kept) erasable() api.Mouths {
	if k == nil {
		return nil
	}
	return k.mouths
}

// keepsakes is where a session's mouths are kept.
type keepsakes struct{ *mouths.Place }

// Load is part of spec.Mouths.
func (k keepsakes) Load(ctx context.Context) ([]byte, error) {
	data, err := k.Place.Load(ctx)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case errors.Is(err, mouths.ErrUnreadable):
		return nil, fmt.Errorf("%w: %w", inference.ErrNotMouths, err)
	}
	return data, err
}

// noShelf is where nothing is kept.
type noShelf struct{}

// Load is part of spec.Mouths.
func (noShelf) Load(context.Context) ([]byte, error) { return nil, nil }

// Leave is part of spec.Mouths.
func (noShelf) Leave([]byte) {}

// Gone is part of spec.Mouths.
func (noShelf) Gone() bool { return false }

// keepMouths has what is asked for keep its mouths as r says, and returns their key where
// it is a new one. Where a session is not made of it, release it.
func (c *calls) keepMouths(r signaling.Request, asked *spec.Spec) (key string, err error) {
	shelf := c.kept.shelf()
	switch {
	case shelf == nil && r.KeepMouths:
		return "", signaling.ErrBadRequest.Errorf(`"keep_mouths": this server keeps no mouths: its operator has not allowed it (lips.keep)`)
	case shelf == nil && r.MouthsKey != "":
		asked.Mouths = noShelf{}
		return "", nil
	case !r.KeepMouths && r.MouthsKey == "":
		return "", nil
	}
	is := r.MouthsKey
	if is == "" {
		key = mouths.NewKey()
		is = key
	}
	at, err := shelf.Place(is)
	if err != nil {
		return "", signaling.ErrBadRequest.Errorf(`"mouths_key": %w`, err)
	}
	asked.Mouths, asked.KeepMouths = keepsakes{at}, r.KeepMouths
	return key, nil
}

// release lets go of what keepMouths took, where no session came of it.
func release(asked spec.Spec) {
	if asked.Mouths != nil {
		asked.Mouths.Leave(nil)
	}
}

// keptMouths tells of a session's kept mouths.
func keptMouths(st spec.State, at spec.Mouths) *signaling.KeptMouths {
	k := st.Kept
	switch {
	case k == nil:
		return nil
	case at == noShelf{}:
		return &signaling.KeptMouths{State: "off", Why: "this server keeps no mouths"}
	}
	out := &signaling.KeptMouths{State: string(k.State), Why: k.Why, Keeps: k.Keeps}
	if k.State == spec.KeptNone {
		out.Why = "no mouths are kept under this key"
	}
	if k.Keeps {
		out.Since = &st.Consent.At
	}
	return out
}

var descShelf = prometheus.NewDesc("livedub_kept_mouths_total", "Mouths of speakers by what became of them: saved; lost, as the store did not take them; found or missing when a session asked for them; erased.", []string{"state"}, nil)

// shelfMetrics tells of kept mouths.
type shelfMetrics struct{ *mouths.Shelf }

// Describe is part of prometheus.Collector.
func (m shelfMetrics) Describe(ch chan<- *prometheus.Desc) { ch <- descShelf }

// Collect is part of prometheus.Collector.
func (m shelfMetrics) Collect(ch chan<- prometheus.Metric) {
	s := m.Stats()
	for state, n := range map[string]int64{"saved": s.Saved, "lost": s.Lost, "found": s.Found, "missing": s.Missing, "erased": s.Erased} {
		ch <- prometheus.MustNewConstMetric(descShelf, prometheus.CounterValue, float64(n), state)
	}
}
