package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"livedub/internal/testkit/caller"
)

// load runs the sessions that o asks for and returns what they measured. It
// ends with ctx, when their time is over, or when memory runs out.
func load(ctx context.Context, o options, m *caller.Material, lines io.Writer) (*report, error) {
	peers, err := caller.NewPeers()
	if err != nil {
		return nil, err
	}
	c := caller.NewClient(o.base, o.token, o.sessions*(o.viewers+2))
	defer c.Close()
	j := newJournal(lines)
	j.line(startLine{"start", o.base, o.transport(), o.sessions, o.viewers, o.from, o.to, o.profile, o.ramp.Seconds(), o.length.Seconds(), m.Length.Seconds(), len(m.Said)})

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var left, running, viewing atomic.Int64
	left.Store(int64(o.decode))
	var watch sync.WaitGroup
	watch.Go(func() {
		beat := time.NewTicker(time.Second)
		defer beat.Stop()
		for {
			j.running(int(running.Load()), int(viewing.Load()))
			if used := memory(); used > o.memoryMB {
				cancel(memoryError{used, o.memoryMB})
			}
			select {
			case <-ctx.Done():
				return
			case <-beat.C:
			}
		}
	})

	results := make([]*sessionLine, o.sessions)
	until, stop := context.WithTimeout(ctx, o.ramp+o.length)
	var calls sync.WaitGroup
	for i := range o.sessions {
		if i > 0 {
			pause(until, o.ramp/time.Duration(o.sessions))
		}
		if until.Err() != nil {
			break
		}
		calls.Go(func() {
			running.Add(1)
			defer running.Add(-1)
			s := &call{n: i, o: o, m: m, client: c, peers: peers, journal: j,
				decode: func() bool { return left.Add(-1) >= 0 }, viewing: func(d int) { viewing.Add(int64(d)) }}
			r := s.run(until)
			results[i] = &r
		})
	}
	calls.Wait()
	stop()
	var why error // of a signal there is nothing to say
	if full := (memoryError{}); errors.As(context.Cause(ctx), &full) {
		why = full
	}
	cancel(nil)
	watch.Wait()
	r := sum(o, j, results)
	j.line(r.End)
	return r, errors.Join(why, j.err)
}

// memoryError ends a load that takes too much memory.
type memoryError struct{ used, most int } // MB

func (e memoryError) Error() string {
	return fmt.Sprintf("%d MB of memory are used, more than --memory %d: fewer sessions, or more memory", e.used, e.most)
}

// memory returns the MB that are resident, those of C's libraries too; 0 where the system does not tell.
func memory() int {
	told, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(told))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return pages * os.Getpagesize() >> 20
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
