// Package redistest runs real Redis servers for tests, each on a free port of this
// machine, with a folder of its own.
package redistest

import (
	"errors"
	"testing"

	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/redisproc"
)

// Server is a redis-server. Its methods end the test where they fail.
type Server struct {
	*redisproc.Server
	t testing.TB
}

// Start runs redis-server, Debian's package of that name, until the test ends. args are
// its settings, as "--requirepass", "secret". Without the program the test fails in
// continuous integration, and is skipped elsewhere.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := New(t, args...)
	s.Start()
	return s
}

// New is Start without starting: Addr and Dir are there for a file of settings.
func New(t testing.TB, args ...string) *Server {
	t.Helper()
	s, err := redisproc.New(t.TempDir(), args...)
	if errors.Is(err, redisproc.ErrMissing) {
		groundtest.Need(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return &Server{s, t}
}

// Start starts it, again after Kill, and waits until it answers.
func (s *Server) Start() { s.must(s.Server.Start()) }

// Pause stops it without closing connections, until Resume.
func (s *Server) Pause() { s.must(s.Server.Pause()) }

// Resume lets it go on.
func (s *Server) Resume() { s.must(s.Server.Resume()) }

func (s *Server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}
