package postgres

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/internal/testkit/pgtest"
	"livedub/store"
	"livedub/store/storetest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := pgtest.End(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// migrated returns the address of a database with tables.
func migrated(t testing.TB) string {
	t.Helper()
	url := pgtest.Database(t)
	if from, err := Migrate(t.Context(), Options{URL: url}); err != nil || from != 0 {
		t.Fatalf("from %d: %v", from, err)
	}
	return url
}

// opened returns a journal, which the test closes, or its end.
func opened(t testing.TB, o Options) *Journal {
	t.Helper()
	j, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func TestJournal(t *testing.T) {
	storetest.Journal(t, func(t *testing.T) store.Journal {
		return opened(t, Options{URL: migrated(t), Timeout: 30 * time.Second})
	})
}
