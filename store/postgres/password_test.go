package postgres

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"livedub/internal/testkit/pgtest"
	"livedub/store"
)

// TestPasswordChanges: when the password is changed at the server, as RDS does, new
// connections are refused until the file has the new one, and no longer; those that
// stand go on.
func TestPasswordChanges(t *testing.T) {
	server := pgtest.Shared(t)
	database := migrated(t)
	name := database[strings.LastIndex(database, "/")+1 : strings.Index(database, "?")]
	server.Do(name, "CREATE ROLE rotated LOGIN PASSWORD 'first/hush'; GRANT ALL ON ALL TABLES IN SCHEMA public TO rotated")
	t.Cleanup(func() { server.Do("postgres", "DROP ROLE IF EXISTS rotated") })
	t.Cleanup(func() { server.Do(name, "DROP OWNED BY rotated") })
	path := filepath.Join(t.TempDir(), "password")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first/hush\n")
	o := Options{URL: "postgres://rotated@" + server.Addr + "/" + name + "?sslmode=disable", PasswordFile: path}
	j := opened(t, o)
	if _, err := j.Check(t.Context()); err != nil {
		t.Fatal(err)
	}

	server.Do("postgres", "ALTER ROLE rotated PASSWORD 'second:hush'")
	if err := j.Write(t.Context(), some("a", 1)); err != nil {
		t.Errorf("a connection that stands: %v", err)
	}
	j.pool.Reset() // as when they have stood for long
	err := j.Write(t.Context(), some("b", 1))
	var s *SettingError
	if !errors.As(err, &s) || s.Setting != "password" || !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), "hush") {
		t.Fatalf("by the old password: %v", err)
	}
	write("second:hush")
	if err := j.Write(t.Context(), some("b", 1)); err != nil {
		t.Errorf("by the new password: %v", err)
	}
	if from, err := Migrate(t.Context(), o); err != nil || from != Version() {
		t.Errorf("migrate, which has nothing to do: from %d, %v", from, err)
	}

	for text, want := range map[string]string{"\n": "is empty", "": "is empty"} {
		write(text)
		_, err := opened(t, o).Check(t.Context())
		if !errors.As(err, &s) || s.Setting != "password file" || !strings.Contains(err.Error(), want) {
			t.Errorf("a file of %q: %v", text, err)
		}
	}
	o.PasswordFile = filepath.Join(t.TempDir(), "missing")
	if _, err := opened(t, o).Check(t.Context()); !errors.As(err, &s) || s.Setting != "password file" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	o.URL = strings.Replace(o.URL, "rotated@", "rotated:hush@", 1)
	if _, err := Open(t.Context(), o); !errors.As(err, &s) || !strings.Contains(err.Error(), "keep one") || strings.Contains(err.Error(), "hush") {
		t.Errorf("two passwords: %v", err)
	}
}
