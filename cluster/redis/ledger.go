package redis

import (
	"bytes"
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// Ledger keeps small entries beside a cluster's record: a hash for each kind, in the
// index's slot.
type Ledger struct{ r *Registry }

// Ledger returns the entries of the cluster.
func (r *Registry) Ledger() Ledger { return Ledger{r} }

const (
	maxEntries = 10_000 // of a kind
	maxEntry   = 4096   // bytes
)

// ErrLedgerFull is returned by Put where a kind has 10,000 entries already, or for a
// value of more than 4096 bytes.
var ErrLedgerFull = errors.New("redis: no room for another entry in the ledger")

func (l Ledger) key(kind string) string { return l.r.prefix + "ledger:" + kind }

// Put keeps an entry. Where there is one of that name, it replaces it if it is told
// to; kept says whether value is there now.
func (l Ledger) Put(ctx context.Context, kind, name string, value []byte, replace bool) (kept bool, err error) {
	if len(value) > maxEntry {
		return false, ErrLedgerFull
	}
	n, err := l.r.rdb.HLen(ctx, l.key(kind)).Result()
	if err != nil {
		return false, unavailable(err)
	}
	was, err := l.r.rdb.HGet(ctx, l.key(kind), name).Bytes()
	switch {
	case err != nil && !errors.Is(err, redis.Nil):
		return false, unavailable(err)
	case errors.Is(err, redis.Nil) && n >= maxEntries:
		return false, ErrLedgerFull
	case err == nil && !replace:
		return bytes.Equal(was, value), nil
	case replace:
		err = l.r.rdb.HSet(ctx, l.key(kind), name, value).Err()
		kept = true
	default:
		kept, err = l.r.rdb.HSetNX(ctx, l.key(kind), name, value).Result()
	}
	if err != nil {
		return false, unavailable(err)
	}
	if !kept { // somebody was faster, or the client has asked again since the answer was lost
		was, err = l.r.rdb.HGet(ctx, l.key(kind), name).Bytes()
		return err == nil && bytes.Equal(was, value), nil
	}
	return true, nil
}

// Remove takes an entry out, and says whether there was one.
func (l Ledger) Remove(ctx context.Context, kind, name string) (was bool, err error) {
	n, err := l.r.rdb.HDel(ctx, l.key(kind), name).Result()
	if err != nil {
		return false, unavailable(err)
	}
	return n > 0, nil
}

// All returns the entries of a kind by their names.
func (l Ledger) All(ctx context.Context, kind string) (map[string][]byte, error) {
	texts, err := l.r.rdb.HGetAll(ctx, l.key(kind)).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	all := make(map[string][]byte, len(texts))
	for name, text := range texts {
		all[name] = []byte(text)
	}
	return all, nil
}
