// Package revoked keeps which tokens and capabilities count no more, though their
// time is not over. It knows them by their IDs (see access.ID), not by their text.
package revoked

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"livedub/signaling/ledger"
)

// entry is what is kept of a token: when it would have ended.
type entry struct {
	Until int64 `json:"until"` // s since 1970
}

// slack is how long after its end a token is still kept: clocks differ, and leeway is given.
const slack = time.Hour

// Add revokes the tokens of these IDs, which end by themselves at until. Those whose
// end is past are forgotten.
func Add(ctx context.Context, store ledger.Store, until time.Time, ids ...string) error {
	all, err := store.All(ctx, ledger.Revoked)
	if err != nil {
		return err
	}
	for id, data := range all {
		var e entry
		if json.Unmarshal(data, &e) == nil && time.Now().After(time.Unix(e.Until, 0).Add(slack)) {
			if _, err := store.Remove(ctx, ledger.Revoked, id); err != nil {
				return err
			}
		}
	}
	data, err := json.Marshal(entry{until.Unix()})
	if err != nil {
		return err
	}
	for _, id := range ids {
		if id == "" {
			return errors.New("revoked: a token without an ID")
		}
		if _, err := store.Put(ctx, ledger.Revoked, id, data, true); err != nil {
			return fmt.Errorf("revoked: %w", err)
		}
	}
	return nil
}

// List is what a server knows of revoked tokens, about a second old.
type List struct{ follow *ledger.Follower }

// NewList returns the list that f, which follows ledger.Revoked, knows.
func NewList(f *ledger.Follower) *List { return &List{f} }

// Has tells whether one of them was revoked.
func (l *List) Has(ids ...string) bool { return has(l.follow.Last(), ids) }

func has(all map[string][]byte, ids []string) bool {
	for _, id := range ids {
		if _, is := all[id]; is {
			return true
		}
	}
	return false
}

// Watch calls fn, from any goroutine, within seconds after one of them is revoked,
// until stop is called.
func (l *List) Watch(ids []string, fn func()) (stop func()) {
	return l.follow.Watch(func(all map[string][]byte) {
		if has(all, ids) {
			fn()
		}
	})
}
