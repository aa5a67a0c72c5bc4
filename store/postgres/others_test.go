package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/pgtest"
	"livedub/store"
	"livedub/store/spool"
)

// connected returns a connection of somebody else to a journal's database.
func connected(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(t.Context()) })
	return c
}

func exec(t *testing.T, c *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := c.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// TestDeadlock: a write that the database undoes, so that somebody else who holds the
// same locks in another order goes on, is done again.
func TestDeadlock(t *testing.T) {
	url := migrated(t)
	j := opened(t, Options{URL: url, Timeout: patience})
	both := some("a", 1)
	both.Add(some("b", 1))
	keep(t, j, both)
	other := connected(t, url)
	exec(t, other, "SET deadlock_timeout = '1min'") // who waits longest finds it, and gives way: not this one
	exec(t, other, "BEGIN")
	exec(t, other, "UPDATE epochs SET written = now() WHERE epoch = 'b'")
	wrote := make(chan error, 1)
	go func() { wrote <- j.Write(t.Context(), both) }() // has a, waits for b
	waiting(t, connected(t, url))
	exec(t, other, "UPDATE epochs SET written = now() WHERE epoch = 'a'") // waits for a
	exec(t, other, "COMMIT")
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	if log := pgtest.Shared(t).Log(); !strings.Contains(log, "deadlock detected") {
		t.Errorf("there was no deadlock: %s", log)
	}
}

// waiting returns when some transaction waits for a lock.
func waiting(t *testing.T, c *pgx.Conn) {
	t.Helper()
	for start := time.Now(); time.Since(start) < patience; time.Sleep(5 * time.Millisecond) {
		var n int
		if err := c.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
	}
	t.Fatal("nobody waits for a lock")
}

// TestLocked: a lock that somebody holds on makes a write fail in time.
func TestLocked(t *testing.T) {
	url := migrated(t)
	j := opened(t, Options{URL: url, Timeout: 300 * time.Millisecond})
	keep(t, j, some("e", 1))
	other := connected(t, url)
	exec(t, other, "BEGIN")
	exec(t, other, "LOCK TABLE phrases")
	if err := j.Write(t.Context(), some("e", 2)); !errors.Is(err, store.ErrUnavailable) {
		t.Error(err)
	}
	exec(t, other, "ROLLBACK")
	keep(t, j, some("e", 2))
}

// TestTwoNodes: of two nodes that both believe that a session is theirs, the one with
// the higher fence says what is kept, in whatever order both write.
func TestTwoNodes(t *testing.T) {
	url := migrated(t)
	var all sync.WaitGroup
	for fence := int64(1); fence <= 2; fence++ {
		j := opened(t, Options{URL: url})
		all.Go(func() {
			for i := range 40 {
				b := some("e", 20)
				b.Sessions[0].Node, b.Sessions[0].Fence = fmt.Sprint("n", fence), fence
				for p := range b.Phrases {
					b.Phrases[p].Text, b.Phrases[p].Fence = fmt.Sprint(fence, "/", i), fence
				}
				keep(t, j, b)
			}
		})
	}
	all.Wait()
	got, err := opened(t, Options{URL: url}).Session(t.Context(), "e")
	if err != nil || got.Sessions[0].Node != "n2" {
		t.Errorf("%+v, %v", got.Sessions, err)
	}
	for _, p := range got.Phrases {
		if p.Text != "2/39" || p.Fence != 2 {
			t.Errorf("phrase %d is %q", p.ID, p.Text)
		}
	}
}

// TestReadOnly: a database that has become a standby is one that is away, and when
// another takes over all goes on, on new connections.
func TestReadOnly(t *testing.T) {
	url := migrated(t)
	name := url[strings.LastIndex(url, "/")+1 : strings.Index(url, "?")]
	s := pgtest.Shared(t)
	s.Do("postgres", "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
	j := opened(t, Options{URL: url})
	if warning, err := j.Check(t.Context()); err != nil || !strings.Contains(warning, "standby") {
		t.Errorf("%q, %v", warning, err)
	}
	for range 2 {
		if err := j.Write(t.Context(), some("e", 1)); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "standby") {
			t.Error(err)
		}
	}
	s.Do("postgres", "ALTER DATABASE "+name+" RESET default_transaction_read_only")
	if failed := keep(t, j, some("e", 1)); failed > 1 {
		t.Errorf("it wrote to a standby %d times more", failed)
	}
}

// TestDiskFull: a full disk is one that is away, too, until there is room.
func TestDiskFull(t *testing.T) {
	s := pgtest.Start(t)
	small := filepath.Join(s.Dir, "small")
	if err := os.Mkdir(small, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=16m"); err != nil {
		groundtest.Skip(t, "no small disk to fill: mount: %v", err)
	}
	t.Cleanup(func() {
		s.Kill()
		if err := syscall.Unmount(small, 0); err != nil {
			t.Error(err)
		}
	})
	if err := s.Give(small); err != nil {
		t.Fatal(err)
	}
	s.Do("postgres", "CREATE TABLESPACE small LOCATION '"+small+"'")
	s.Do("postgres", "CREATE DATABASE full_disk TABLESPACE small")
	url := s.URL("full_disk")
	if _, err := Migrate(t.Context(), Options{URL: url}); err != nil {
		t.Fatal(err)
	}
	j := opened(t, Options{URL: url})
	var err error
	written := 0
	for ; err == nil && written < 1000; written++ {
		err = j.Write(t.Context(), some(fmt.Sprint("e", written), 500))
	}
	if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "disk is full") {
		t.Fatalf("after %d batches: %v", written, err)
	}
	for i := range written - 1 {
		if got, err := j.Session(t.Context(), fmt.Sprint("e", i)); err != nil || len(got.Phrases) != 500 {
			t.Fatalf("batch %d: %d phrases, %v", i, len(got.Phrases), err)
		}
	}
	if err := syscall.Mount("tmpfs", small, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	keep(t, j, some("last", 500))
}

// TestRestored: a database that is restored from an older backup has what came after
// it, too, once the spool has written it again, and has it once.
func TestRestored(t *testing.T) {
	s := pgtest.Shared(t)
	url := migrated(t)
	name := url[strings.LastIndex(url, "/")+1 : strings.Index(url, "?")]
	behind := opened(t, Options{URL: url})
	j, err := spool.Open(spool.Config{Dir: t.TempDir(), To: behind, Again: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	shipped := func(b store.Batch) {
		t.Helper()
		if err := errors.Join(j.Write(t.Context(), b), j.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	shipped(some("before", 10))
	shipped(some("on", 10))
	dump := filepath.Join(s.Dir, name+".dump")
	if _, err := s.Run("pg_dump", "-Fc", "-f", dump, url); err != nil {
		t.Fatal(err)
	}
	shipped(some("on", 20))
	shipped(some("after", 10))
	s.Do("postgres", "DROP DATABASE "+name+" WITH (FORCE)")
	for i := range 6 { // longer than what is no more than a broken connection
		if err := j.Write(t.Context(), some(fmt.Sprint("meanwhile", i), 10)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
	}
	s.Do("postgres", "CREATE DATABASE "+name)
	if _, err := s.Run("pg_restore", "-d", url, dump); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := j.Flush(ctx); err != nil {
		t.Fatalf("%v: %+v", err, j.Stats())
	}
	if warning, err := behind.Check(t.Context()); warning != "" || err != nil {
		t.Errorf("%q, %v", warning, err)
	}
	for epoch, want := range map[string]int{"before": 10, "on": 20, "after": 10, "meanwhile0": 10, "meanwhile5": 10} {
		if got, err := j.Session(t.Context(), epoch); err != nil || len(got.Phrases) != want || len(got.Sessions) != 1 {
			t.Errorf("%s: %d phrases of %d, %v", epoch, len(got.Phrases), want, err)
		}
	}
}
