package journal

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"livedub/session/record"
	"livedub/store"
)

const (
	firstPause = 100 * time.Millisecond // after a failure, doubled with each
	lastPause  = 5 * time.Second
	writeTime  = 30 * time.Second // of one try
	priorTime  = 5 * time.Second  // for reading what another node has written of a session
	fencePoll  = 20 * time.Millisecond
)

// follower writes one call down. One goroutine uses it.
type follower struct {
	*rows
	journal *Journal
	fence   func() (int64, bool)
	log     *slog.Logger
	resumed bool // the session was another node's before

	done <-chan struct{} // closed when the call has ended

	began time.Time // now
	heads time.Time // when the session's row was last written
	end   time.Time // by when all is to be written; zero before the call's end
	gone  bool      // erased: nothing more is kept
}

func newFollower(j *Journal, head store.Session, done <-chan struct{}, fence func() (int64, bool), log *slog.Logger) *follower {
	return &follower{rows: newRows(head, j.cfg.Engines), journal: j, done: done, fence: fence, log: log}
}

// run follows the records to their end.
func (f *follower) run(r *record.Reader) {
	defer f.journal.waits(f, time.Time{})
	f.began = time.Now()
	if f.resumed {
		f.prior()
	}
	f.head() // a session is there from its first moment on
	for {
		err := f.gather(r)
		if err != nil { // io.EOF: there is no other
			f.ends()
			f.over(time.Now())
		}
		f.save()
		if err != nil {
			return
		}
	}
}

// ends notes that the call has ended: there is so much time left.
func (f *follower) ends() {
	if f.end.IsZero() {
		f.end = time.Now().Add(f.journal.cfg.Drain)
	}
}

// prior reads what was written of a session before it came here.
func (f *follower) prior() {
	ctx, cancel := context.WithTimeout(context.Background(), priorTime)
	defer cancel()
	b, err := f.journal.cfg.To.Session(ctx, f.session.Epoch)
	switch {
	case err == nil:
		f.goOn(b)
	case errors.Is(err, store.ErrErased):
		f.gone = true
	case !errors.Is(err, store.ErrNotFound):
		f.log.Warn("the journal does not say what it has of the session: phrases are counted from here on", "err", err)
		fallthrough
	default:
		f.resume()
	}
}

// gather takes what comes within a moment of the first, as many as are written at once.
// It returns an error at the end.
func (f *follower) gather(r *record.Reader) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var first *time.Timer
	for f.batch.Len() < mostRows {
		if first == nil && f.batch.Len() > 0 {
			first = time.AfterFunc(gather, cancel)
			defer first.Stop()
			f.journal.waits(f, time.Now())
		}
		got, err := r.Next(ctx)
		switch {
		case err == nil:
			if got.Lost != nil && !f.before {
				f.journal.lost.Add(int64(got.Lost.Records))
			}
			f.take(got)
		case errors.Is(err, context.Canceled):
			return nil
		default:
			return err
		}
	}
	return nil
}

// save writes the rows that wait. What fails is tried again, to the end of the time
// there is.
func (f *follower) save() {
	defer func() { f.batch = store.Batch{} }()
	if f.due() {
		f.head()
	}
	if f.gone || f.batch.Len() == 0 {
		return
	}
	f.journal.waits(f, time.Now())
	f.batch.Fold()
	f.stamp()
	if failed := f.write(f.batch); errors.Is(failed, store.ErrInvalid) && f.batch.Len() > 1 {
		f.each()
	} else if failed != nil {
		f.lose(f.batch.Len(), failed)
	}
	f.journal.waits(f, time.Time{})
}

// due tells whether the rows of session and dubs are to be written again.
func (f *follower) due() bool {
	return !f.end.IsZero() || f.changed && time.Since(f.heads) >= headEvery
}

// head adds the rows of session and dubs.
func (f *follower) head() {
	f.heads = time.Now()
	f.rows.head()
}

// stamp puts the fence on all rows, waiting for it at the call's beginning.
func (f *follower) stamp() {
	for {
		n, known := f.fence()
		f.session.Fence = max(f.session.Fence, n)
		if known || f.session.Fence > 0 || time.Since(f.began) > f.journal.cfg.FenceTime || !f.end.IsZero() {
			break
		}
		time.Sleep(fencePoll)
	}
	stamp(&f.batch, f.session.Fence)
}

var errLate = errors.New("the call has ended, and the journal has not answered since")

// write writes rows until they are written, can never be, or the time for it is over.
func (f *follower) write(b store.Batch) error {
	if f.gone {
		return nil
	}
	for failed := 1; ; failed++ {
		ctx, cancel := f.time()
		if ctx.Err() != nil {
			cancel()
			return errLate
		}
		err := f.journal.cfg.To.Write(ctx, b)
		cancel()
		switch {
		case err == nil:
			f.journal.rows.Add(int64(b.Len()))
			return nil
		case errors.Is(err, store.ErrErased):
			f.log.Info("the session was erased: nothing more of it is kept")
			f.gone = true
			return nil
		case errors.Is(err, store.ErrInvalid):
			return err
		}
		f.journal.failures.Add(1)
		if failed&(failed-1) == 0 {
			f.log.Warn("what is said is not written to the journal: it waits", "times", failed, "rows", b.Len(), "err", err)
		}
		pause := lastPause
		if failed < 7 {
			pause = min(lastPause, firstPause<<(failed-1))
		}
		f.pause(pause/2 + rand.N(pause/2))
	}
}

// pause waits before the next try, to the end of the time there is at most.
func (f *follower) pause(d time.Duration) {
	done := f.done
	if !f.end.IsZero() {
		d, done = min(d, time.Until(f.end)), nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-done:
		f.ends()
	}
}

// time returns the context of one try.
func (f *follower) time() (context.Context, context.CancelFunc) {
	last := time.Now().Add(writeTime)
	if !f.end.IsZero() && f.end.Before(last) {
		last = f.end
	}
	return context.WithDeadline(context.Background(), last)
}

// each writes rows one by one, where one of them cannot be written.
func (f *follower) each() {
	for _, b := range single(f.batch) {
		if err := f.write(b); err != nil {
			f.lose(1, err)
		}
	}
}

// lose counts rows that are not kept.
func (f *follower) lose(n int, err error) {
	f.lost(n)
	f.journal.lost.Add(int64(n))
	f.log.Error("what was said is not kept in the journal", "rows", n, "err", err)
}
