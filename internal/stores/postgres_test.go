package stores

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"livedub/internal/testkit/pgproc"
	"livedub/internal/testkit/pgtest"
	"livedub/store"
	"livedub/store/postgres"
)

// TestDatabase: words go to the database that the settings name, also when it is away
// at the start; one that is not as it must be ends the start. No password is told.
func TestDatabase(t *testing.T) {
	server := pgtest.Start(t)
	c := settings(t.TempDir())
	c.Database.URL = server.URL(server.Database())
	var log bytes.Buffer
	told := slog.New(slog.NewTextHandler(&log, nil))

	var schema *postgres.SchemaError
	if _, err := Open(t.Context(), c, told); !errors.As(err, &schema) || !strings.HasPrefix(err.Error(), "database.url: ") {
		t.Fatalf("without tables: %v", err)
	}
	if _, err := postgres.Migrate(t.Context(), postgres.Options{URL: c.Database.URL}); err != nil {
		t.Fatal(err)
	}
	for what, url := range map[string]string{
		"database.url: postgres: connect: the store does not answer: password": strings.Replace(c.Database.URL, pgproc.Password, "hush", 1),
		"database.url: address":    "postgres://ana:hush%zz@h/n",
		`"nowhere" does not exist`: server.URL("nowhere"),
	} {
		bad := c
		bad.Database.URL = url
		if _, err := Open(t.Context(), bad, told); err == nil || !strings.Contains(err.Error(), what) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%v, want %q", err, what)
		}
	}

	server.Kill()
	s, err := Open(t.Context(), c, told)
	if err != nil {
		t.Fatalf("while it is away: %v", err)
	}
	defer s.Close()
	if !strings.Contains(log.String(), "waits in store.dir") || !strings.HasPrefix(s.Words, "PostgreSQL, 127.0.0.1/") || s.Spool == nil {
		t.Errorf("%+v, log %s", s, log.String())
	}
	b := store.Batch{Phrases: []store.Phrase{{Epoch: "e", Lang: "es", ID: 1, Text: "hola"}}}
	if err := s.Journal.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	server.Start()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Spool.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Journal.Session(t.Context(), "e"); err != nil || len(got.Phrases) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := s.Erase(t.Context(), "e"); err != nil {
		t.Error(err)
	}
	if _, err := s.Journal.Session(t.Context(), "e"); !errors.Is(err, store.ErrErased) {
		t.Error(err)
	}
	if strings.Contains(log.String(), pgproc.Password) || strings.Contains(s.Words, pgproc.Password) {
		t.Error("a password is told")
	}
}
