// Package spool stands in front of a journal that may not answer, as one over a
// network: what is written waits on the disk until that has it, also over a restart.
package spool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"livedub/store"
)

const (
	segmentSize = 1 << 20  // bytes from which on another file is begun
	maxLine     = 16 << 20 // bytes that a batch may have
	syncEvery   = 500 * time.Millisecond
	mostErased  = 10_000 // sessions that are remembered as erased here; the journal behind remembers all
)

// Config is how a spool is kept.
type Config struct {
	Dir string        // its folder; several processes may have one, and each has its own place there
	To  store.Journal // gets it all; the spool closes it
	Max int64         // bytes that may wait; 0 for 1 GiB
	Log *slog.Logger  // nil for none

	// Timeout bounds a write to the journal behind, and Drain what Close waits for it to
	// take the rest; 0 for 30 s and 5 s.
	Timeout, Drain time.Duration

	// Again is how long what the journal behind has taken is kept, to be written again
	// after it was away: it may lack it then, as one that was restored from a backup, or a
	// standby that took over. 0 for not at all. What is closed in order keeps nothing.
	Again time.Duration
}

// Stats are figures of a spool.
type Stats struct {
	Batches int           // that wait
	Bytes   int64         // likewise, on disk
	Oldest  time.Duration // since the first of them was written; 0 where none waits

	Shipped  int // batches that the journal behind has taken, as all of these since the spool was opened
	Failures int // tries at which it did not
	Aside    int // batches that it can never take, which were set aside
	Refused  int // batches that had no room here; whoever wrote them was told
	Damaged  int // lines on the disk that are no batches anymore
	Again    int // batches that were written once more; they are among Shipped, too
}

// Journal is a store.Journal. Write returns when a batch is on the disk; a machine that
// loses its power may lose half a second of it. What is read comes from the journal
// behind, and lacks what waits.
type Journal struct {
	cfg  Config
	disk *place

	mu       sync.Mutex
	segments []*segment // the oldest first; the last one is written to
	past     []*segment // before those: what the journal behind has taken lately
	failing  bool       // it does not take what waits
	next     int64      // number of the next
	stats    Stats      // without Bytes and Oldest
	erased   map[string]bool
	shut     bool
	change   chan struct{} // closed and replaced when something was written or shipped

	ctx       context.Context // of ships
	cancel    context.CancelFunc
	closing   chan struct{}
	closed    chan struct{}
	closeOnce sync.Once
	closeErr  error
	wg        sync.WaitGroup
}

var errClosed = errors.New("spool: closed")

// Open opens the spool in a folder, with what waits there, also what another process
// left that is gone. The caller closes it; where Open fails, To is not closed.
func Open(c Config) (*Journal, error) {
	c.Max, c.Timeout, c.Drain = cmp.Or(c.Max, 1<<30), cmp.Or(c.Timeout, 30*time.Second), cmp.Or(c.Drain, 5*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	disk, err := take(c.Dir)
	if err != nil {
		return nil, err
	}
	j := &Journal{cfg: c, disk: disk, erased: map[string]bool{}, change: make(chan struct{}), closing: make(chan struct{}), closed: make(chan struct{})}
	if err := j.load(); err != nil {
		return nil, errors.Join(err, disk.close())
	}
	if j.stats.Batches > 0 {
		c.Log.Info("what was not yet written to the journal waits in the spool", "dir", disk.dir, "batches", j.stats.Batches, "bytes", j.bytes())
	}
	j.ctx, j.cancel = context.WithCancel(context.Background())
	j.wg.Go(j.ship)
	j.wg.Go(j.syncing)
	return j, nil
}

// load opens the segments that there are.
func (j *Journal) load() error {
	numbers, err := j.disk.segments()
	if err != nil {
		return err
	}
	for _, n := range numbers {
		s, err := j.disk.open(n)
		if err != nil {
			return err
		}
		j.segments, j.next = append(j.segments, s), n+1
		j.stats.Batches += s.batches
	}
	return nil
}

// Write puts a batch on the disk. It fails with ErrUnavailable where there is no room.
func (j *Journal) Write(ctx context.Context, b store.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	clean, err := store.Clean(b)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.shut {
		return errClosed
	}
	var gone error
	for _, epoch := range clean.Epochs() {
		if j.erased[epoch] {
			clean, gone = clean.Without(epoch), fmt.Errorf("session %s: %w", epoch, store.ErrErased)
		}
	}
	if clean.Len() == 0 {
		return gone
	}
	text, err := encode(entry{time.Now().UnixMilli(), clean})
	if err != nil {
		return err
	}
	if err := j.append(text); err != nil {
		j.stats.Refused++
		return err
	}
	j.stats.Batches++
	j.changed()
	return gone
}

// append writes a line; the caller has the lock.
func (j *Journal) append(text []byte) error {
	if waits := j.bytes(); waits+int64(len(text)) > j.cfg.Max {
		return fmt.Errorf("%w: %d bytes wait in %s, %d at most: see why the journal behind does not take them", store.ErrUnavailable, waits, j.disk.dir, j.cfg.Max)
	}
	n := len(j.segments)
	if n == 0 || j.segments[n-1].size >= segmentSize || j.old(j.segments[n-1]) {
		s, err := j.disk.create(j.next)
		if err != nil {
			return j.disk.failed("begin a file in", err)
		}
		j.segments, j.next = append(j.segments, s), j.next+1
		if n == 1 && j.segments[0].read == j.segments[0].size {
			j.retire()
		}
		n = len(j.segments)
	}
	s := j.segments[n-1]
	if _, err := s.file.WriteAt(text, s.size); err != nil { // the next one is written over it
		_ = s.file.Truncate(s.size)
		return j.disk.failed("write to", err)
	}
	s.size += int64(len(text))
	s.batches++
	s.total++
	s.dirty = true
	return nil
}

// bytes returns how many wait; the caller has the lock.
func (j *Journal) bytes() (n int64) {
	for _, s := range j.segments {
		n += s.size - s.read
	}
	return n
}

func (j *Journal) changed() {
	close(j.change)
	j.change = make(chan struct{})
}

// Stats returns the figures as they are now.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := j.stats
	out.Bytes = j.bytes()
	for _, s := range j.segments {
		if at := s.oldest(); !at.IsZero() {
			out.Oldest = max(0, time.Since(at))
			break
		}
	}
	return out
}

// Flush waits until all that was written before is in the journal behind, or set aside.
func (j *Journal) Flush(ctx context.Context) error {
	j.mu.Lock()
	want := j.stats.Batches + j.done()
	j.mu.Unlock()
	for {
		j.mu.Lock()
		left, change := want-j.done(), j.change
		j.mu.Unlock()
		if left <= 0 {
			return nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return fmt.Errorf("%w: %d batches wait: %w", store.ErrUnavailable, left, ctx.Err())
		case <-j.closed:
			return errClosed
		}
	}
}

// done returns how many batches wait no more; the caller has the lock.
func (j *Journal) done() int {
	return j.stats.Shipped + j.stats.Aside + j.stats.Damaged - j.stats.Again
}

// Session asks the journal behind.
func (j *Journal) Session(ctx context.Context, epoch string) (store.Batch, error) {
	return j.cfg.To.Session(ctx, epoch)
}

// Recordings asks the journal behind.
func (j *Journal) Recordings(ctx context.Context, f store.Filter) (store.Page, error) {
	return j.cfg.To.Recordings(ctx, f)
}

// Expired asks the journal behind.
func (j *Journal) Expired(ctx context.Context, before time.Time, limit int) ([]string, error) {
	return j.cfg.To.Expired(ctx, before, limit)
}

// Erase deletes what waits here of a session, and has the journal behind erase it. It
// fails where that does not answer; the words are gone from here then.
func (j *Journal) Erase(ctx context.Context, epoch string) error {
	if err := store.CheckEpoch(epoch); err != nil {
		return err
	}
	err := j.erase(epoch)
	return errors.Join(err, j.cfg.To.Erase(ctx, epoch))
}

func (j *Journal) erase(epoch string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.shut {
		return errClosed
	}
	if len(j.erased) >= mostErased {
		clear(j.erased)
	}
	j.erased[epoch] = true
	for _, s := range slices.Concat(j.past, j.segments) {
		if err := s.erase(epoch, 0); err != nil {
			return j.disk.failed("erase a session in", err)
		}
	}
	if err := j.disk.eraseAside(epoch); err != nil {
		return j.disk.failed("erase a session in", err)
	}
	return nil
}

// syncing has what was written reach the disk.
func (j *Journal) syncing() {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := j.sync(); err != nil {
				j.cfg.Log.Warn("what waits for the journal may not have reached the disk", "err", err)
			}
			j.age()
		case <-j.closing:
			return
		}
	}
}

func (j *Journal) sync() (failed error) {
	j.mu.Lock()
	var dirty []*segment
	for _, s := range j.segments {
		if s.dirty {
			s.dirty = false
			dirty = append(dirty, s)
		}
	}
	j.mu.Unlock()
	for _, s := range dirty {
		if err := s.file.Sync(); err != nil && !errors.Is(err, os.ErrClosed) { // shipped meanwhile
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// Close takes no more, waits a while for the journal behind to take the rest, and
// closes it. What it did not take waits for the next start.
func (j *Journal) Close() error {
	j.closeOnce.Do(func() {
		j.mu.Lock()
		j.shut = true
		j.mu.Unlock()
		close(j.closing)
		late := time.AfterFunc(j.cfg.Drain, j.cancel)
		j.wg.Wait()
		late.Stop()
		j.cancel()
		close(j.closed)
		if left := j.Stats(); left.Batches > 0 {
			j.cfg.Log.Warn("what the journal did not take waits in the spool for the next start", "dir", j.disk.dir, "batches", left.Batches)
		}
		j.closeErr = errors.Join(j.sync(), j.closeSegments(), j.disk.close(), j.cfg.To.Close())
	})
	return j.closeErr
}

func (j *Journal) closeSegments() (failed error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range j.segments {
		failed = errors.Join(failed, s.file.Close())
		if s.size == s.read {
			failed = errors.Join(failed, os.Remove(s.file.Name()))
		}
	}
	for _, s := range j.past {
		failed = errors.Join(failed, s.file.Close(), os.Remove(s.file.Name()))
	}
	j.segments, j.past = nil, nil
	return failed
}
