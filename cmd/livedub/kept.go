package main

import (
	"context"
	"errors"
	"log/slog"

	"livedub/internal/config"
	"livedub/store"
	"livedub/store/files"
)

// kept is what the settings name to keep words and recordings in.
type kept struct {
	journal store.Journal
	objects store.Objects
	dir     string // of files that are on their way, or kept
	close   func() error
}

// openKept opens the stores that the settings name.
func openKept(_ context.Context, cfg config.Config, log *slog.Logger) (kept, error) {
	j, err := files.OpenJournal(cfg.Store.Dir, log)
	if err != nil {
		return kept{}, keptHint(err)
	}
	o, err := files.OpenObjects(cfg.Store.Dir)
	if err != nil {
		return kept{}, errors.Join(keptHint(err), j.Close())
	}
	return kept{j, o, cfg.Store.Dir, func() error { return errors.Join(o.Close(), j.Close()) }}, nil
}
