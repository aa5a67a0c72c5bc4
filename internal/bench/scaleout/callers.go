package scaleout

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"livedub/internal/testkit/caller"
)

const (
	rampEach  = 100 * time.Millisecond // between the sessions of a step
	retryLess = time.Second            // until a session that found no place tries again, where nothing is said
	retryLong = 5 * time.Second        // at most, whatever is said
	stateTime = time.Second            // between looks at a session that waits for its first dub
	failures  = 5                      // of a session in a row, before the load counts as failed
	endTime   = 20 * time.Second       // to end sessions
)

// Callers is load by sessions, each with a speaker and a viewer. Who finds no place tries
// again, as the page does.
type Callers struct {
	Client   *caller.Client
	Peers    caller.Peers
	Material *caller.Material
	Wanted   caller.Wanted

	mu    sync.Mutex
	state LoadState
}

// State returns what has become of it.
func (c *Callers) State() LoadState {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.state
	s.Sessions = append([]SessionState(nil), s.Sessions...)
	return s
}

// Run puts so many sessions on until ctx ends, and ends them.
func (c *Callers) Run(ctx context.Context, sessions int) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	for i := range sessions {
		if i > 0 && !sleep(ctx, rampEach) {
			break
		}
		all.Go(func() {
			if err := c.one(ctx); err != nil {
				stop(err)
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// one makes a session and keeps it until ctx ends.
func (c *Callers) one(ctx context.Context) error {
	made, tries, err := c.create(ctx)
	if err != nil || made.ID == "" {
		return err
	}
	c.mu.Lock()
	n := len(c.state.Sessions)
	c.state.Sessions = append(c.state.Sessions, SessionState{ID: made.ID, Made: time.Now(), Tries: tries})
	c.mu.Unlock()
	fence := &caller.Fence{}
	target := func(address, lang string) caller.Target {
		return caller.Target{Address: address, Session: made.ID, Lang: lang, Fence: fence}
	}
	lang := c.Wanted.To[0]
	none := func(caller.Event) {}
	speaker := caller.NewSpeaker(c.Material, c.Client, c.Peers, target(made.WHIP, ""), none)
	viewer := caller.NewViewer(c.Client, c.Peers, target(made.WHEP[lang], lang), nil, none)
	var peers sync.WaitGroup
	peers.Go(func() { speaker.Run(ctx) })
	peers.Go(func() { viewer.Run(ctx) })
	peers.Go(func() { c.Client.Follow(ctx, made.Control, fence, nil, speaker, viewer) })
	c.hear(ctx, made, fence, n, viewer)
	<-ctx.Done()
	peers.Wait()
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	if err := c.Client.End(after, made.Control); err != nil {
		return fmt.Errorf("session %s was not ended: %w", made.ID, err)
	}
	return nil
}

// create makes the session, as soon as there is a place. It has no ID where ctx ends before.
func (c *Callers) create(ctx context.Context) (made caller.Made, tries int, err error) {
	for failed := 0; ctx.Err() == nil; {
		made, err = c.Client.Create(ctx, c.Wanted)
		var status caller.StatusError
		wait := retryLess
		switch {
		case err == nil:
			return made, tries, nil
		case ctx.Err() != nil:
		case errors.As(err, &status) && (status.Status == http.StatusServiceUnavailable || status.Status == http.StatusTooManyRequests):
			if s, err := strconv.Atoi(status.Retry); err == nil {
				wait = min(max(time.Duration(s)*time.Second, retryLess), retryLong)
			}
			if failed = 0; status.Status == http.StatusServiceUnavailable {
				tries++
				c.refused()
			}
		default:
			if failed++; failed == failures {
				return caller.Made{}, tries, err
			}
		}
		sleep(ctx, wait)
	}
	return caller.Made{}, tries, nil
}

func (c *Callers) refused() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Refused++; c.state.FirstRefused.IsZero() {
		c.state.FirstRefused = time.Now()
	}
}

// hear waits until the first dub of session n sounds, which the session tells of before,
// and the viewer gets sound.
func (c *Callers) hear(ctx context.Context, made caller.Made, fence *caller.Fence, n int, viewer *caller.Viewer) {
	delay := time.Duration(made.DelayMS) * time.Millisecond
	var ledger caller.Ledger
	for sleep(ctx, stateTime) {
		before := time.Now()
		s, err := c.Client.Look(ctx, made.Control, fence)
		if err != nil { // it is asked again
			continue
		}
		ledger.Take(before, time.Now(), s.Now, s.Dubs[c.Wanted.To[0]])
		at, known := ledger.FirstDub(delay)
		if _, sounds := viewer.Came(); known && sounds > 0 && !at.After(time.Now()) {
			c.mu.Lock()
			c.state.Sessions[n].Sounded = at
			c.mu.Unlock()
			return
		}
	}
}
