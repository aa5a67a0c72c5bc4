package postgres

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"livedub/internal/testkit/pgtest"
	"livedub/store"
)

// TestMigrate: a database without tables, or with those of another version, is told
// from one that is ready, and several may migrate it at once.
func TestMigrate(t *testing.T) {
	url := pgtest.Database(t)
	name := url[strings.LastIndex(url, "/")+1 : strings.Index(url, "?")]
	j := opened(t, Options{URL: url})
	wrong := func(have int64, hint string) {
		t.Helper()
		_, err := j.Check(t.Context())
		var s *SchemaError
		if !errors.As(err, &s) || s.Have != have || s.Want != Version() || !strings.Contains(err.Error(), hint) || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%v, want version %d and %q", err, have, hint)
		}
	}
	wrong(0, "no tables")
	if err := j.Write(t.Context(), some("e", 1)); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInvalid) {
		t.Errorf("a write to no tables: %v", err)
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if _, err := Migrate(t.Context(), Options{URL: url}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if _, err := j.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := j.Write(t.Context(), some("e", 1)); err != nil {
		t.Error(err)
	}
	if from, err := Migrate(t.Context(), Options{URL: url}); err != nil || from != Version() {
		t.Errorf("again: from %d, %v", from, err)
	}
	server := pgtest.Shared(t)
	server.Do(name, "INSERT INTO livedub_migrations (version_id, is_applied) VALUES (99, true)")
	wrong(99, "newer")
	var s *SchemaError
	if _, err := Migrate(t.Context(), Options{URL: url}); !errors.As(err, &s) || s.Have != 99 {
		t.Errorf("tables of a later version: %v", err)
	}
}

// TestMigrateFails: what stands in the way of a migration is told as Check tells it.
func TestMigrateFails(t *testing.T) {
	var s *SettingError
	server := pgtest.Shared(t)
	for want, url := range map[string]string{
		"address":  "nonsense",
		"database": server.URL("nowhere"),
		"password": "postgres://livedub:" + hush + "@" + server.Addr + "/postgres?sslmode=disable",
	} {
		_, err := Migrate(t.Context(), Options{URL: url})
		if !errors.As(err, &s) || s.Setting != want || strings.Contains(err.Error(), "hush") {
			t.Errorf("%v, want %s", err, want)
		}
	}
	name := server.Database()
	t.Cleanup(func() { server.Do("postgres", "DROP DATABASE "+name+" WITH (FORCE)") })
	server.Do(name, "CREATE TABLE dubs (x int)") // of somebody else
	if _, err := Migrate(t.Context(), Options{URL: server.URL(name)}); err == nil || !strings.Contains(err.Error(), `"dubs" already exists`) {
		t.Errorf("a table of that name: %v", err)
	}
	if got := server.Do(name, "SELECT to_regclass('epochs') IS NULL"); !strings.HasPrefix(got, "t") {
		t.Error("half of a step was done")
	}
}
