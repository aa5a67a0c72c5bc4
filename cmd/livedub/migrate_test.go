package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/pgtest"
	"livedub/store"
	"livedub/store/postgres"
)

func TestMigrate(t *testing.T) {
	server := pgtest.Start(t)
	url := server.URL(server.Database())
	for _, tt := range []struct {
		args []string
		code int
		out  string
		err  string
	}{
		{[]string{"--status", "--database-url", url}, 1, "", "no tables of livedub"},
		{[]string{"--database-url", url}, 0, "version 1 now; they were of 0", ""},
		{[]string{"--database-url", url}, 0, "already", ""},
		{[]string{"--status", "--database-url", url}, 0, "which this livedub needs", ""},
		{nil, 2, "", "--database-url"},
		{[]string{"up", "--database-url", url}, 2, "", "takes no arguments"},
		{[]string{"--help"}, 0, "--status", ""},
		{[]string{"--database-url", "postgres://ana:hush%zz@h/n"}, 1, "", "check --database-url"},
		{[]string{"--database-url", "postgres://livedub:hush@" + server.Addr + "/postgres?sslmode=disable"}, 1, "", "check --database-url"},
		{[]string{"--database-url", "postgres://livedub:hush@" + groundtest.FreeAddr(t) + "/postgres"}, 1, "", "is PostgreSQL there"},
		{[]string{"--status", "--database-url", server.URL("nowhere")}, 1, "", `database "nowhere" does not exist`},
	} {
		code, out, errs := call(t, append([]string{"migrate"}, tt.args...)...)
		if code != tt.code || !strings.Contains(out, tt.out) || !strings.Contains(errs, tt.err) || strings.Contains(out+errs, "hush") || strings.Count(errs, "\n") > 1 {
			t.Errorf("%q: code %d, stdout %q, stderr %q; want %d, %q, %q", tt.args, code, out, errs, tt.code, tt.out, tt.err)
		}
	}
}

// TestServeWantsTables: a server does not start with a database that it cannot use, and
// says what to do.
func TestServeWantsTables(t *testing.T) {
	server := pgtest.Start(t)
	url := server.URL(server.Database())
	for want, args := range map[string][]string{
		"run livedub migrate":  {"--database-url", url},
		"check --database-url": {"--database-url", strings.Replace(url, "only-for-tests", "hush", 1)},
	} {
		args = append([]string{"serve", "--listen", "127.0.0.1:0", "--media-port", "0", "--engines", "custom", "--recognize-engine", "fake", "--translate-engine", "fake",
			"--speak-engine", "fake", "--lips-engine", "off", "--store-dir", t.TempDir()}, args...)
		code, _, errs := call(t, args...)
		last := errs[strings.LastIndexByte(strings.TrimSpace(errs), '\n')+1:]
		if code != 1 || !strings.Contains(last, want) || !strings.Contains(last, "database.url") || strings.Contains(errs, "hush") {
			t.Errorf("code %d, stderr %q, want %q", code, errs, want)
		}
	}
}

func TestDatabaseHints(t *testing.T) {
	for want, err := range map[string]error{
		"a later one":            &postgres.SchemaError{Have: 3, Want: 1},
		"livedub migrate":        &postgres.SchemaError{Have: 0, Want: 1},
		"grant them":             &postgres.SettingError{Setting: "rights", Err: errors.New("no INSERT")},
		"check --database-url":   &postgres.SettingError{Setting: "password", Err: errors.New("wrong")},
		"is PostgreSQL there":    fmt.Errorf("x: %w", store.ErrUnavailable),
		"something else, it was": errors.New("something else, it was"),
	} {
		if got := databaseHint(err); !strings.Contains(got.Error(), want) || !errors.Is(got, err) {
			t.Errorf("%v, want %q", got, want)
		}
	}
	if databaseHint(nil) != nil {
		t.Error("nothing is an error")
	}
}
