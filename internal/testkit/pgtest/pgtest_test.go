package pgtest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := End(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// TestServer: what a server has kept outlives a stop and a crash.
func TestServer(t *testing.T) {
	s := Start(t)
	name := s.Database()
	s.Do(name, "CREATE TABLE t (n int)")
	for i, end := range []func(){s.Stop, s.Kill, s.Kill} {
		s.Do(name, "INSERT INTO t VALUES (1)")
		end()
		if _, err := do(s.Server, name, "SELECT 1"); err == nil {
			t.Fatalf("end %d: it still answers", i)
		}
		if i < 2 {
			s.Start()
		}
	}
	s.Start()
	s.Restart()
	if got := strings.TrimSpace(s.Do(name, "SELECT count(*) FROM t")); got != "3" {
		t.Errorf("it kept %s rows of 3", got)
	}
	dir := s.Dir
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s stays: %v", dir, err)
	}
}

func TestShared(t *testing.T) {
	if one, two := Database(t), Database(t); one == two {
		t.Errorf("two tests have %s", one)
	}
}
