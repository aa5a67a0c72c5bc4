// Package pgtest gives tests databases of real PostgreSQL servers: one server for those
// of a package, and servers of their own for tests that break them.
package pgtest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/pgproc"
)

// Server is a PostgreSQL server. Its methods end the test where they fail.
type Server struct {
	*pgproc.Server
	t testing.TB
}

// Start runs a server until the test ends. args are its settings, as "fsync=on". Without
// PostgreSQL, Debian's package of that name, the test fails in continuous integration and
// is skipped elsewhere.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := New(t, args...)
	s.Start()
	return s
}

// New is Start without starting.
func New(t testing.TB, args ...string) *Server {
	t.Helper()
	s, err := pgproc.New(args...)
	if errors.Is(err, pgproc.ErrMissing) {
		groundtest.Need(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Server{s, t}
}

// Start starts it, again after Stop or Kill, and waits until it answers.
func (s *Server) Start() { s.must(s.Server.Start()) }

// Stop ends it in order.
func (s *Server) Stop() { s.must(s.Server.Stop()) }

// Restart stops and starts it.
func (s *Server) Restart() { s.must(s.Server.Restart()) }

// Do runs SQL in a database, as its superuser, and returns what psql prints: lines of
// values with "|" between them.
func (s *Server) Do(database, sql string) string {
	s.t.Helper()
	out, err := do(s.Server, database, sql)
	s.must(err)
	return out
}

// Database makes an empty database and returns its name.
func (s *Server) Database() string {
	s.t.Helper()
	name := fmt.Sprintf("test%d", count.Add(1))
	s.Do("postgres", "CREATE DATABASE "+name)
	return name
}

func (s *Server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func do(s *pgproc.Server, database, sql string) (string, error) {
	return s.Run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", s.URL(database), "-c", sql)
}

var (
	count  atomic.Int64
	shared struct {
		sync.Mutex
		server *pgproc.Server
	}
)

// Database returns the address of an empty database of the server that all tests of a
// package share. Their TestMain calls End.
func Database(t testing.TB) string {
	t.Helper()
	s := Shared(t)
	name := s.Database()
	t.Cleanup(func() { s.Do("postgres", "DROP DATABASE "+name+" WITH (FORCE)") })
	return s.URL(name)
}

// Shared returns that server, which is started for the first test that wants it.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		s, err := pgproc.New()
		if errors.Is(err, pgproc.ErrMissing) {
			groundtest.Need(t, "%v", err)
		}
		if err == nil {
			shared.server = s // whatever comes, End removes it
			err = s.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return &Server{shared.server, t}
}

// End ends the server that tests share, if there is one.
func End() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		return nil
	}
	err := shared.server.Close()
	shared.server = nil
	return err
}
