// Package ledger keeps small entries that all servers of one name share: stream
// keys and revoked tokens. They are in a file, or in a cluster's Redis.
package ledger

import (
	"context"
	"errors"
)

// Store keeps entries, each under a name that is its own within a kind. Its methods
// are safe for concurrent use, of several processes too.
type Store interface {
	// Put keeps an entry. Where there is one of that name, it replaces it if it is told
	// to; kept says whether value is there now.
	Put(ctx context.Context, kind, name string, value []byte, replace bool) (kept bool, err error)
	// Remove takes an entry out, and says whether there was one.
	Remove(ctx context.Context, kind, name string) (was bool, err error)
	// All returns the entries of a kind by their names.
	All(ctx context.Context, kind string) (map[string][]byte, error)
}

// Kinds of entries.
const (
	Keys    = "keys"    // stream keys
	Revoked = "revoked" // tokens that count no more
)

// Bounds of what is kept.
const (
	MaxEntries = 10_000 // of a kind
	MaxValue   = 4096   // bytes
)

// ErrFull is returned by Put where a kind has MaxEntries already, or for a value that is too long.
var ErrFull = errors.New("ledger: no room for another entry")
