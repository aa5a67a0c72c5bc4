package redis

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"livedub/cluster"
)

// keys returns a session's checkpoint's: fence and size, and the parts.
func keys(session string) []string {
	return []string{"{s:" + session + "}:head", "{s:" + session + "}:parts"}
}

// Append adds a part.
func (r *Registry) Append(ctx context.Context, session string, f cluster.Fence, part []byte) error {
	return r.save(ctx, session, f, part, 0)
}

// Replace puts part in place of all parts.
func (r *Registry) Replace(ctx context.Context, session string, f cluster.Fence, part []byte) error {
	return r.save(ctx, session, f, part, 1)
}

func (r *Registry) save(ctx context.Context, session string, f cluster.Fence, part []byte, replace int) error {
	if err := cluster.CheckID(session); err != nil {
		return fmt.Errorf("%w: %w", cluster.ErrAsk, err)
	}
	// What no script would take is not sent either.
	if len(part) > cluster.MaxCheckpoint {
		return fmt.Errorf("%w: session %s: %d bytes, %d at most", cluster.ErrTooBig, session, len(part), cluster.MaxCheckpoint)
	}
	word, got, err := r.run(ctx, saveScript, keys(session), []any{int64(f), part, replace, cluster.MaxCheckpoint, r.keepSeconds()})
	switch {
	case err != nil:
		return err
	case word == "stale":
		return fmt.Errorf("%w: checkpoint of session %s, fence %d", cluster.ErrStale, session, f)
	case word == "big":
		return fmt.Errorf("%w: session %s: %v bytes, %d at most", cluster.ErrTooBig, session, got, cluster.MaxCheckpoint)
	}
	return nil
}

// Load returns all parts.
func (r *Registry) Load(ctx context.Context, session string) ([][]byte, cluster.Fence, error) {
	unknown := fmt.Errorf("%w: no checkpoint of %.80q", cluster.ErrUnknown, session)
	if cluster.CheckID(session) != nil {
		return nil, 0, unknown
	}
	var fence *redis.SliceCmd
	var list *redis.StringSliceCmd
	k := keys(session)
	_, err := r.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		fence = p.HMGet(ctx, k[0], "fence")
		list = p.LRange(ctx, k[1], 0, -1)
		return nil
	})
	if err != nil {
		return nil, 0, unavailable(err)
	}
	if len(list.Val()) == 0 {
		return nil, 0, unknown
	}
	text, _ := fence.Val()[0].(string)
	f, err := whole(text, 1<<53)
	if err != nil {
		return nil, 0, unreadable("checkpoint", text)
	}
	parts := make([][]byte, 0, len(list.Val()))
	for _, p := range list.Val() {
		parts = append(parts, []byte(p))
	}
	return parts, cluster.Fence(f), nil
}

// Erase forgets a checkpoint.
func (r *Registry) Erase(ctx context.Context, session string) error {
	if err := cluster.CheckID(session); err != nil {
		return fmt.Errorf("%w: %w", cluster.ErrAsk, err)
	}
	_, _, err := r.run(ctx, eraseScript, keys(session), []any{r.keepSeconds()})
	return err
}

// keepSeconds is Rules.Keep as EXPIRE takes it.
func (r *Registry) keepSeconds() int64 { return int64(max(r.rules.Keep, time.Second) / time.Second) }
