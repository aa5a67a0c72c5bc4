package signaling

import (
	"context"
	"time"

	"livedub/inference"
)

// Bounds of answering: each offer costs a key exchange.
const (
	answering  = 32              // offers at a time
	answerWait = 5 * time.Second // for one's turn
)

// Bound returns c, answering at most 32 offers at a time: whoever waits longer
// than 5 s for a turn gets ErrFull. The doors share one.
func Bound(c Connector) Connector { return bounded{c, make(chan struct{}, answering)} }

type bounded struct {
	Connector
	turns chan struct{} // one each offer being answered
}

func (b bounded) Publish(ctx context.Context, id, offer string) (Peer, string, error) {
	if err := b.enter(ctx); err != nil {
		return nil, "", err
	}
	defer b.leave()
	return b.Connector.Publish(ctx, id, offer)
}

func (b bounded) View(ctx context.Context, id string, lang inference.Lang, offer string) (Peer, string, error) {
	if err := b.enter(ctx); err != nil {
		return nil, "", err
	}
	defer b.leave()
	return b.Connector.View(ctx, id, lang, offer)
}

func (b bounded) enter(ctx context.Context) error {
	select {
	case b.turns <- struct{}{}:
		return nil
	case <-time.After(answerWait):
		return ErrFull.Errorf("too many offers at once")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b bounded) leave() { <-b.turns }
