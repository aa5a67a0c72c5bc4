package recording

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"

	"livedub/internal/guard"
	"livedub/store"
)

// finishing is a recording that is being finished, or waits for it.
type finishing struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// killed is why something is missing of what a node recorded that was killed.
const killed = "a server ended without warning"

// later has a recording be finished behind the calls; the caller has the lock.
func (r *Recorder) later(id string, mk marker, said []store.Phrase) {
	if r.closed || r.finishing[id] != nil || r.growing[id] != nil {
		return
	}
	ctx, cancel := context.WithCancel(r.ctx)
	f := &finishing{cancel: cancel, done: make(chan struct{})}
	r.finishing[id] = f
	r.behind.Go(func() {
		defer func() {
			cancel()
			r.mu.Lock()
			delete(r.finishing, id)
			r.mu.Unlock()
			close(f.done)
		}()
		select {
		case r.turn <- struct{}{}:
			defer func() { <-r.turn }()
		case <-ctx.Done():
			return
		}
		err := slowly(func() error { return r.finish(ctx, id, mk, said) })
		if err != nil && ctx.Err() == nil && !errors.Is(err, errHeld) {
			r.count("finish")
			r.cfg.Log.Warn("a recording could not be finished: it is tried again", "recording", id, "err", err)
		}
	})
}

// slowly runs fn on a thread that gives way to calls.
func slowly(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread ends here, and its priority with it
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, 10)
		done <- guard.Do("recorder", fn)
	}()
	return <-done
}

// finish does for a recording that nobody adds to anymore what has not been done yet:
// closes its takes, writes its words, makes one MP4 of each language. It may be called
// again, at any time. said is what the call's records tell; nil where the journal alone does.
func (r *Recorder) finish(ctx context.Context, id string, mk marker, said []store.Phrase) error {
	lock, err := r.disk.lock(Dir(id), true)
	if err != nil {
		return err
	}
	defer lock.Close()
	if r.isErased(ctx, id) {
		return r.purge(ctx, id)
	}
	if err := r.disk.clear(Dir(id)); err != nil {
		return err
	}
	takes, sealed, err := r.seal(ctx, id)
	if err != nil {
		return err
	}
	if sealed > 0 && mk.Lost == "" {
		mk.Lost = killed
	}
	if sealed == 0 && r.endedElsewhere(ctx, id) {
		return r.forget(id)
	}
	var all []Take
	mk.Again = false
	for _, of := range takes {
		all = append(all, of...)
		// A node may come back with more; and segments that no film has are not to be deleted.
		mk.Again = mk.Again || slices.ContainsFunc(of, func(t Take) bool { return !t.Closed || t.Merged != of[0].Merged })
	}
	m := &mk.Manifest
	clock := NewClock(time.Duration(m.DelayMS)*time.Millisecond, all)
	r.close(m, mk.Lost, clock, takes)
	if clock.Duration() == 0 {
		m.State, m.Why = store.CutShort, cmp.Or(mk.Lost, "nothing of it was written")
		return errors.Join(r.write(ctx, m.row()), r.disk.remove(Dir(id)))
	}
	mk.Told = mk.Told || said != nil
	phrases, err := r.phrases(ctx, id, said)
	if err != nil {
		return err
	}
	if err := errors.Join(r.words(id, m, clock, phrases), r.keep(manifestKey(id), m), r.disk.writeJSON(markerKey(id), mk)); err != nil {
		return err
	}
	row := m.row()
	row.Languages = languageRows(m.From, takes)
	if err := r.write(ctx, row); errors.Is(err, store.ErrErased) {
		return r.purge(ctx, id)
	}
	for i := range row.Languages {
		lang := &row.Languages[i]
		if lang.Bytes, err = r.merge(ctx, id, *m, lang.Lang, takes[lang.Lang], clock); err != nil {
			return fmt.Errorf("%s: %w", lang.Lang, err)
		}
		lang.File = lang.Lang + "/" + lang.Lang + ".mp4"
	}
	mk.Merged = time.Now()
	return errors.Join(r.write(ctx, row), r.disk.writeJSON(markerKey(id), mk))
}

// close states in a manifest how the recording has ended.
func (r *Recorder) close(m *Manifest, lost string, clock Clock, takes map[string][]Take) {
	m.Node, m.Languages = r.cfg.Node, slices.Sorted(maps.Keys(takes))
	m.State, m.Why = store.Whole, lost
	if lost != "" {
		m.State = store.CutShort
	}
	if m.Ended.IsZero() {
		m.Ended = m.Created.Add(clock.ToOutput(clock.Duration()))
	}
}

// purge deletes what this node has made of a recording that was erased: here, and what
// was sent since. What fails is done again by the next sweep, as the folder stays.
func (r *Recorder) purge(ctx context.Context, id string) error {
	if r.cfg.Erased != nil {
		if err := r.cfg.Erased(ctx, id); err != nil {
			return err
		}
	}
	return r.disk.remove(Dir(id))
}

// isErased tells whether a session's words were erased, and so all of it is to be.
func (r *Recorder) isErased(ctx context.Context, id string) bool {
	if r.cfg.Journal == nil {
		return false
	}
	_, err := r.cfg.Journal.Session(ctx, id)
	return errors.Is(err, store.ErrErased)
}

// endedElsewhere tells whether another node has finished the recording.
func (r *Recorder) endedElsewhere(ctx context.Context, id string) bool {
	if r.cfg.Objects == nil || r.cfg.Node == "" {
		return false
	}
	text, err := r.files.readObject(ctx, manifestKey(id))
	var m Manifest
	return err == nil && json.Unmarshal(text, &m) == nil && !m.Ended.IsZero() && m.Node != r.cfg.Node
}

// keep writes a small file and announces it.
func (r *Recorder) keep(key string, v any) error {
	if err := r.disk.writeJSON(key, v); err != nil {
		return err
	}
	r.announce(key)
	return nil
}

// marked returns what this node remembers of a recording.
func (r *Recorder) marked(id string) (mk marker, err error) {
	text, err := os.ReadFile(r.disk.path(markerKey(id)))
	if err != nil {
		return mk, err
	}
	if err := json.Unmarshal(text, &mk); err != nil {
		return mk, fmt.Errorf("%s: %w", markerKey(id), err)
	}
	return mk, nil
}

// forget lets go of a recording that nothing more is to be done for here.
func (r *Recorder) forget(id string) error {
	if r.cfg.Upload != nil && r.cfg.Upload.Pending(Dir(id)) {
		return nil // the next sweep asks again
	}
	err := os.Remove(r.disk.path(markerKey(id)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
