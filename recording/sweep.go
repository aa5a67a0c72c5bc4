package recording

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"livedub/internal/guard"
)

// sweepEvery is how often what is left to be done for recordings is looked for.
const sweepEvery = time.Minute

// sweep does what is left to be done, of calls that ended and of nodes that were killed.
func (r *Recorder) sweep() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	first := time.NewTimer(time.Second) // not before calls that go on here had time to say so
	defer first.Stop()
	left, looked := orphans{}, time.Now()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-first.C:
		case <-tick.C:
		}
		err := guard.Do("recorder", func() error {
			failed := r.each(r.ctx, r.look)
			if now := time.Now(); now.Sub(looked) >= orphansEvery {
				looked = now
				failed = errors.Join(failed, left.look(r.ctx, r, now))
			}
			return failed
		})
		if err != nil && r.ctx.Err() == nil {
			r.count("finish")
			r.cfg.Log.Warn("what is left of recordings cannot be looked for", "err", err)
		}
	}
}

// each calls do for every recording that this node has not finished.
func (r *Recorder) each(ctx context.Context, do func(context.Context, string, marker) error) error {
	all, err := r.disk.names(root)
	if err != nil {
		return err
	}
	var failed error
	for _, e := range all {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !e.IsDir() || !ValidID(e.Name()) {
			continue
		}
		if r.busy(e.Name()) {
			continue
		}
		mk, err := r.marked(e.Name())
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = r.tidy(e.Name())
		case err == nil:
			err = do(ctx, e.Name(), mk)
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// tidy removes what is left of a recording whose recorder was killed before it had
// written the first file.
func (r *Recorder) tidy(id string) error {
	files, err := r.disk.names(Dir(id))
	if err != nil || !slices.ContainsFunc(files, func(e fs.DirEntry) bool { return partial(e.Name()) }) {
		return err
	}
	lock, err := r.disk.lock(Dir(id), true)
	if errors.Is(err, errHeld) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := r.marked(id); !errors.Is(err, fs.ErrNotExist) {
		return nil // it has begun since
	}
	if err := r.disk.clear(Dir(id)); err != nil {
		return err
	}
	_ = os.Remove(r.disk.path(Dir(id))) // where nothing else is in it
	return nil
}

// busy tells whether a recording is being recorded or finished here.
func (r *Recorder) busy(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.growing[id] != nil || r.finishing[id] != nil
}

// look does for one recording what is due.
func (r *Recorder) look(ctx context.Context, id string, mk marker) error {
	switch {
	case mk.Merged.IsZero():
		if there, err := r.elsewhere(ctx, mk.Manifest); there || err != nil {
			return nil // it goes on, or that cannot be told now
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.later(id, mk, nil)
		return nil
	case time.Since(mk.Merged) < r.cfg.Keep:
		return nil
	}
	return r.drop(ctx, id, mk)
}

func (r *Recorder) elsewhere(ctx context.Context, m Manifest) (bool, error) {
	if r.cfg.Elsewhere == nil || !m.Ended.IsZero() {
		return false, nil
	}
	return r.cfg.Elsewhere(ctx, m.Session)
}

// drop deletes the segments of a recording that the MP4s have. Where a take of another
// node is still open they stay, for when that node comes back.
func (r *Recorder) drop(ctx context.Context, id string, mk marker) error {
	lock, err := r.disk.lock(Dir(id), true)
	if errors.Is(err, errHeld) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	if r.isErased(ctx, id) {
		return r.purge(ctx, id)
	}
	if r.cfg.Upload != nil && r.cfg.Upload.Pending(Dir(id)) {
		return nil // the next sweep asks again
	}
	if mk.Again {
		return r.forget(id)
	}
	takes, err := r.files.takes(ctx, id)
	if err != nil {
		return err
	}
	if !mk.Told { // the journal may have learned more since
		if err := r.retell(ctx, id, mk.Manifest, takes); err != nil {
			return err
		}
	}
	for lang, of := range takes {
		for _, t := range of {
			if t.Merged {
				continue
			}
			t.Merged = true
			if err := r.keep(takeKey(id, lang, t.Name), t); err != nil {
				return err
			}
			dir := takeDir(id, lang, t.Name)
			if r.cfg.Objects != nil {
				if err := r.cfg.Objects.Delete(ctx, dir); err != nil {
					return err
				}
			}
			if err := r.disk.remove(dir); err != nil {
				return err
			}
		}
	}
	return r.forget(id)
}

// Repair does at once what a recorder does by and by in its folder: recordings that no
// process on this machine is at are closed and made whole, as far as they can be. It
// returns how many there were, and why some were left.
func Repair(ctx context.Context, cfg Config) (repaired int, err error) {
	if _, err := os.Stat(cfg.Dir); err != nil {
		return 0, fmt.Errorf("recordings: %w", err)
	}
	r, err := open(cfg)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	err = r.each(ctx, func(ctx context.Context, id string, mk marker) error {
		if !mk.Merged.IsZero() {
			return r.look(ctx, id, mk)
		}
		switch there, err := r.elsewhere(ctx, mk.Manifest); {
		case err != nil:
			return fmt.Errorf("recording %s: whether it goes on at another node cannot be told: %w", id, err)
		case there:
			return nil
		}
		switch err := r.finish(ctx, id, mk, nil); {
		case errors.Is(err, errHeld):
			return nil
		case err != nil:
			return fmt.Errorf("recording %s: %w", id, err)
		}
		repaired++
		return nil
	})
	return repaired, err
}
