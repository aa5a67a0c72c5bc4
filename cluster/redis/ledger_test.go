package redis

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"livedub/cluster"
	"livedub/internal/testkit/redistest"
)

// TestLedger: entries are kept by a user with the rights of ACL, for each cluster its own,
// and no more of them than there may be.
func TestLedger(t *testing.T) {
	s := redistest.Start(t, append([]string{"--user", "livedub"}, append(ACL("dub"), ">pass")...)...)
	own := connect(t, Options{Addrs: []string{s.Addr}, User: "livedub", Password: "pass"}, cluster.Rules{})
	other := connect(t, Options{Addrs: []string{s.Addr}, Prefix: "other"}, cluster.Rules{})
	l, ctx := own.Ledger(), t.Context()
	if kept, err := l.Put(ctx, "keys", "a", []byte("x"), false); !kept || err != nil {
		t.Fatal(kept, err)
	}
	if all, err := other.Ledger().All(ctx, "keys"); err != nil || len(all) != 0 {
		t.Errorf("another cluster's: %v, %v", all, err)
	}
	if all, err := l.All(ctx, "keys"); err != nil || string(all["a"]) != "x" {
		t.Errorf("%v, %v", all, err)
	}
	fill := map[string]any{}
	for i := range maxEntries - 1 {
		fill[fmt.Sprint("n", i)] = "x"
	}
	if err := own.rdb.HSet(ctx, l.key("keys"), fill).Err(); err != nil {
		t.Fatal(err)
	}
	for _, replace := range []bool{false, true} {
		if _, err := l.Put(ctx, "keys", "more", []byte("x"), replace); !errors.Is(err, ErrLedgerFull) {
			t.Errorf("one more than there may be: %v", err)
		}
	}
	if kept, err := l.Put(ctx, "keys", "a", []byte("y"), true); !kept || err != nil {
		t.Error("one that is there cannot be replaced", err)
	}
	if was, err := l.Remove(ctx, "keys", "a"); !was || err != nil {
		t.Error(was, err)
	}
	if _, err := l.Put(ctx, "keys", "long", []byte(strings.Repeat("x", maxEntry+1)), false); !errors.Is(err, ErrLedgerFull) {
		t.Error(err)
	}
	s.Kill()
	if _, err := l.All(ctx, "keys"); !errors.Is(err, cluster.ErrUnavailable) {
		t.Errorf("away: %v", err)
	}
}
