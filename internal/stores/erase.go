package stores

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"livedub/internal/guard"
	"livedub/store"
)

const (
	eraseEvery  = time.Minute // erasures that did not succeed are tried again
	expireEvery = time.Hour
	mostExpired = 100 // sessions at a time
	eraseTime   = 5 * time.Minute
)

// OnErase has fn called for each session that is erased, before its words are: it
// erases what else is kept of it, and may be called again for what is erased already.
// The last such function is called first: what makes files ends before they are deleted.
func (s *Stores) OnErase(fn func(ctx context.Context, epoch string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erasers = append(s.erasers, fn)
}

// Erase erases all that is kept of a session. Where something does not answer it fails,
// and is tried again until it has succeeded, also after a restart.
func (s *Stores) Erase(ctx context.Context, epoch string) error {
	if err := store.CheckEpoch(epoch); err != nil {
		return err
	}
	mark := filepath.Join(s.Dir, erasuresDir, epoch)
	f, err := os.OpenFile(mark, os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err != nil { // it is erased nevertheless
		s.log.Warn("that a session is to be erased is not written down: it would not be tried again", "epoch", epoch, "err", err)
	}
	if err := s.erase(ctx, epoch); err != nil {
		s.waiting.Store(max(1, s.waiting.Load()))
		return fmt.Errorf("erase session %s: %w: it is tried again every minute", epoch, err)
	}
	if err := os.Remove(mark); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("session %s is erased, and will be again: %w", epoch, err)
	}
	return nil
}

func (s *Stores) erase(ctx context.Context, epoch string) (failed error) {
	s.mu.Lock()
	all := s.erasers
	s.mu.Unlock()
	for _, fn := range slices.Backward(all) {
		failed = errors.Join(failed, fn(ctx, epoch))
	}
	return errors.Join(failed, s.Journal.Erase(ctx, epoch))
}

// Waiting returns how many erasures have not succeeded yet, as of the last try.
func (s *Stores) Waiting() int { return int(s.waiting.Load()) }

// Sweep erases, until Close, what has been kept for as long as the settings say, and
// tries again to erase what could not be.
func (s *Stores) Sweep() {
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.sweeps.Go(func() {
		again, expire := time.NewTicker(eraseEvery), time.NewTicker(expireEvery)
		defer again.Stop()
		defer expire.Stop()
		s.sweep(ctx, s.again)
		s.sweep(ctx, s.expire)
		for {
			select {
			case <-again.C:
				s.sweep(ctx, s.again)
			case <-expire.C:
				s.sweep(ctx, s.expire)
			case <-ctx.Done():
				return
			}
		}
	})
}

func (s *Stores) sweep(ctx context.Context, fn func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, eraseTime)
	defer cancel()
	if err := guard.Do("sweep", func() error { return fn(ctx) }); err != nil && !errors.Is(err, context.Canceled) {
		s.log.Warn("what is not to be kept any longer is not all erased", "err", err)
	}
}

// again erases what was to be erased, and could not be.
func (s *Stores) again(ctx context.Context) (failed error) {
	marks, err := os.ReadDir(filepath.Join(s.Dir, erasuresDir))
	if err != nil {
		return err
	}
	left := 0
	for _, m := range marks {
		if store.CheckEpoch(m.Name()) != nil || ctx.Err() != nil {
			continue
		}
		if err := s.Erase(ctx, m.Name()); err != nil {
			left, failed = left+1, errors.Join(failed, err)
		}
	}
	s.waiting.Store(int64(left))
	return failed
}

// OnExpire has fn called every hour, from Sweep on: it erases what has been kept for long
// enough and is not of a session.
func (s *Stores) OnExpire(fn func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expirers = append(s.expirers, fn)
}

// expire erases what has been kept for long enough.
func (s *Stores) expire(ctx context.Context) (failed error) {
	s.mu.Lock()
	more := s.expirers
	s.mu.Unlock()
	for _, fn := range more {
		failed = errors.Join(failed, fn(ctx))
	}
	return errors.Join(failed, s.expireSessions(ctx))
}

func (s *Stores) expireSessions(ctx context.Context) error {
	if s.keep == 0 {
		return nil
	}
	for {
		all, err := s.Journal.Expired(ctx, time.Now().Add(-s.keep), mostExpired)
		if err != nil {
			return err
		}
		for _, epoch := range all {
			if err := s.Erase(ctx, epoch); err != nil {
				return err
			}
			s.log.Info("a session is erased: it has been kept for long enough", "epoch", epoch, "store.keep", s.keep)
		}
		if len(all) < mostExpired {
			return nil
		}
	}
}
