package files

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	shares   = 16 // of the sessions; each has a lock
	lockPoll = 5 * time.Millisecond
	lockTime = 10 * time.Second // that another process may hold one
)

// share is the lock of a share of the sessions, among goroutines and processes.
type share struct {
	held chan struct{} // of one place: who has put something in has the lock
	once sync.Once
	file *os.File
	err  error
}

// lock takes the locks of sessions, always in the same order.
func (j *Journal) lock(ctx context.Context, epochs []string) (unlock func(), err error) {
	var all []int
	for _, epoch := range epochs {
		h := fnv.New32a()
		_, _ = h.Write([]byte(epoch)) // it never fails
		all = append(all, int(h.Sum32()%shares))
	}
	slices.Sort(all)
	ctx, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	var have []*share
	unlock = func() {
		for _, s := range slices.Backward(have) {
			s.unlock()
		}
	}
	for _, i := range slices.Compact(all) {
		if err := j.locks[i].lock(ctx, j.root, fmt.Sprintf("%s/%02d", locksDir, i)); err != nil {
			unlock()
			return nil, j.failed("lock a session in", err)
		}
		have = append(have, &j.locks[i])
	}
	return unlock, nil
}

func (s *share) lock(ctx context.Context, root *os.Root, name string) error {
	s.once.Do(func() {
		s.held = make(chan struct{}, 1)
		s.file, s.err = root.OpenFile(name, os.O_CREATE|os.O_RDWR, fileMode)
	})
	if s.err != nil {
		return s.err
	}
	select {
	case s.held <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		err := syscall.Flock(int(s.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil // any other error: a file system that knows no locks
		}
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			<-s.held
			return fmt.Errorf("another process holds it: %w", ctx.Err())
		}
	}
}

func (s *share) unlock() {
	_ = syscall.Flock(int(s.file.Fd()), syscall.LOCK_UN)
	<-s.held
}

func (s *share) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// full tells whether an error says that a disk, or what a user may have of it, is full.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
