package signaling

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"livedub/inference"
)

// Bounds of answering: each offer costs a key exchange.
const (
	answering  = 32              // offers at a time
	answerWait = 5 * time.Second // for one's turn
	sizeToken  = 16 << 10        // bytes of an offer that cost as much again as answering it
)

// Budget bounds what offers may cost, and how many viewers there may be; 0 is no bound.
type Budget struct {
	PerAddress, PerSecond                float64 // offers a second of each address, and of all; four times as many at once
	ViewersEach, ViewersSession, Viewers int     // of an address, of a session, of all
}

// Bound returns c, answering at most 32 offers at a time, within a budget:
// whoever waits longer than 5 s for a turn gets ErrFull, whoever is over the
// budget ErrRate or ErrFull. The endpoints share one.
func Bound(c Connector, b Budget) Connector {
	out := &bounded{
		Connector: c, turns: make(chan struct{}, answering), sessionMost: b.ViewersSession, sessions: map[string]int{},
		viewers: NewQuota("viewers", b.ViewersEach, b.Viewers),
	}
	if b.PerAddress > 0 {
		out.limit = &Limiter{PerSecond: b.PerAddress, Burst: 4 * b.PerAddress}
	}
	if b.PerSecond > 0 {
		out.all = newBucket(b.PerSecond, 4*b.PerSecond)
	}
	return out
}

type bounded struct {
	Connector
	turns   chan struct{} // one each offer being answered
	limit   *Limiter      // nil for no bound
	viewers *Quota

	sessionMost int

	all *rate.Limiter // nil for no bound

	mu       sync.Mutex
	sessions map[string]int // viewers of each
}

func (b *bounded) Publish(ctx context.Context, id, offer string) (Peer, string, error) {
	if err := b.enter(ctx, offer); err != nil {
		return nil, "", err
	}
	defer b.leave()
	return b.Connector.Publish(ctx, id, offer)
}

func (b *bounded) View(ctx context.Context, id string, lang inference.Lang, offer string) (Peer, string, error) {
	release, err := b.seat(ctx, id)
	if err != nil {
		return nil, "", err
	}
	peer, answer, err := b.view(ctx, id, lang, offer)
	if err != nil {
		release()
		return nil, "", err
	}
	return &seated{Peer: peer, release: release}, answer, nil
}

func (b *bounded) view(ctx context.Context, id string, lang inference.Lang, offer string) (Peer, string, error) {
	if err := b.enter(ctx, offer); err != nil {
		return nil, "", err
	}
	defer b.leave()
	return b.Connector.View(ctx, id, lang, offer)
}

// seat takes a viewer's place in all and in a session.
func (b *bounded) seat(ctx context.Context, id string) (release func(), err error) {
	leave, err := b.viewers.Take(ctx)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sessionMost > 0 && b.sessions[id] >= b.sessionMost {
		leave()
		return nil, ErrFull.Errorf("%d viewers watch this session already", b.sessionMost)
	}
	b.sessions[id]++
	return sync.OnceFunc(func() {
		leave()
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.sessions[id]--; b.sessions[id] == 0 {
			delete(b.sessions, id)
		}
	}), nil
}

// seated gives its place back when it is closed, as whoever made it does when it ends.
type seated struct {
	Peer
	release func()
}

func (s *seated) Close() error {
	defer s.release()
	return s.Peer.Close()
}

// enter waits for a turn, within the budget. A large offer costs more than a small one.
func (b *bounded) enter(ctx context.Context, offer string) error {
	cost := 1 + len(offer)/sizeToken
	if b.limit != nil {
		if err := b.limit.allow(clientOf(ctx), cost); err != nil {
			return err
		}
	}
	if b.all != nil {
		if wait, ok := Take(b.all, cost); !ok {
			return &Error{Kind: ErrRate, Message: "more offers have come than can be answered now", Retry: wait}
		}
	}
	select {
	case b.turns <- struct{}{}:
		return nil
	case <-time.After(answerWait):
		return ErrFull.Errorf("too many offers at once")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *bounded) leave() { <-b.turns }
