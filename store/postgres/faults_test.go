package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"livedub/internal/testkit/netem"
	"livedub/internal/testkit/pgproc"
	"livedub/internal/testkit/pgtest"
	"livedub/store"
)

// patience is how long a test waits for a server to be well again.
const patience = 60 * time.Second

// keep writes a batch until it is kept, as whoever has it on disk does, and returns
// how often that failed. Nothing may fail in another way than by being away.
func keep(t testing.TB, j store.Journal, b store.Batch) (failed int) {
	t.Helper()
	for start := time.Now(); ; failed++ {
		err := j.Write(t.Context(), b)
		if err == nil {
			return failed
		}
		if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInvalid) || strings.Contains(err.Error(), pgproc.Password) {
			t.Errorf("a write failed as it must not: %v", err)
			return failed
		}
		if time.Since(start) > patience {
			t.Errorf("still away after %v: %v", patience, err)
			return failed
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// writers writes batches of 50 phrases from several goroutines until stop is called,
// which returns how many batches each wrote, and how often they failed.
func writers(t testing.TB, j store.Journal) (stop func() (batches []int, failed int)) {
	const count = 3
	done := make(chan struct{})
	batches, fails := make([]int, count), make([]int, count)
	var all sync.WaitGroup
	for w := range count {
		all.Go(func() {
			for ; ; batches[w]++ {
				select {
				case <-done:
					return
				default:
				}
				fails[w] += keep(t, j, some(fmt.Sprintf("w%d-b%d", w, batches[w]), 50))
			}
		})
	}
	return func() ([]int, int) {
		close(done)
		all.Wait()
		failed := 0
		for _, n := range fails {
			failed += n
		}
		return batches, failed
	}
}

// complete wants every phrase of these batches.
func complete(t testing.TB, j *Journal, batches []int) {
	t.Helper()
	total := 0
	for w, n := range batches {
		for b := range n {
			got, err := j.Session(t.Context(), fmt.Sprintf("w%d-b%d", w, b))
			if err != nil || len(got.Phrases) != 50 {
				t.Fatalf("writer %d, batch %d of %d: %d phrases, %v", w, b, n, len(got.Phrases), err)
			}
			total += 50
		}
	}
	// Nothing is there that nobody wrote, as half of a batch.
	var rows int
	if err := j.pool.QueryRow(t.Context(), "SELECT count(*) FROM phrases").Scan(&rows); err != nil || rows != total {
		t.Errorf("%d phrases in the tables, want %d: %v", rows, total, err)
	}
	t.Logf("%d phrases in %v batches", total, batches)
}

// TestServerEnds: a server that is stopped, restarted and killed in mid-batch costs no
// phrase, and no batch is kept by half.
func TestServerEnds(t *testing.T) {
	s := pgtest.Start(t, "fsync=on", "full_page_writes=on")
	url := s.URL(s.Database())
	if _, err := Migrate(t.Context(), Options{URL: url}); err != nil {
		t.Fatal(err)
	}
	j := opened(t, Options{URL: url, Timeout: 5 * time.Second})
	stop := writers(t, j)
	for _, end := range []func(){s.Stop, s.Kill, s.Kill, s.Restart} {
		time.Sleep(300 * time.Millisecond)
		end()
		time.Sleep(200 * time.Millisecond)
		if s.Running() {
			continue
		}
		s.Start()
	}
	time.Sleep(300 * time.Millisecond)
	batches, failed := stop()
	if failed == 0 {
		t.Error("no write failed: the server was not away")
	}
	complete(t, j, batches)
}

// TestConnectionsEnd: connections that are cut in mid-batch, time and again, cost nothing.
func TestConnectionsEnd(t *testing.T) {
	relay, j := relayed(t, 5*time.Second)
	stop := writers(t, j)
	for range 15 {
		time.Sleep(60 * time.Millisecond)
		relay.Kill()
		time.Sleep(20 * time.Millisecond)
		relay.Restore()
	}
	batches, failed := stop()
	if failed == 0 {
		t.Error("no write failed: nothing was cut")
	}
	complete(t, j, batches)
}

// TestBlackHole: a database that does not answer makes nobody wait longer than the
// settings say, and all goes on when it does.
func TestBlackHole(t *testing.T) {
	const bound = 500 * time.Millisecond
	relay, j := relayed(t, bound)
	keep(t, j, some("e", 1))
	relay.Blackhole()
	for range 3 {
		start := time.Now()
		err := j.Write(t.Context(), some("e", 2))
		if took := time.Since(start); !errors.Is(err, store.ErrUnavailable) || took > 20*bound {
			t.Errorf("after %v: %v", took, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), bound/10)
	defer cancel()
	if err := j.Write(ctx, some("e", 2)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("whoever asked does not want it anymore: %v", err)
	}
	relay.Restore()
	keep(t, j, some("e", 2))
	if got, err := j.Session(t.Context(), "e"); err != nil || len(got.Phrases) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

// relayed returns a journal that reaches its database through a relay.
func relayed(t *testing.T, timeout time.Duration) (*netem.TCP, *Journal) {
	t.Helper()
	url := migrated(t)
	addr := pgtest.Shared(t).Addr
	relay, err := netem.NewTCP(0, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { relay.Close() })
	return relay, opened(t, Options{URL: strings.Replace(url, addr, relay.Addr(), 1), Timeout: timeout})
}

// TestPaused: a server that hangs is one that is away.
func TestPaused(t *testing.T) {
	s := pgtest.Start(t)
	url := s.URL(s.Database())
	if _, err := Migrate(t.Context(), Options{URL: url}); err != nil {
		t.Fatal(err)
	}
	j := opened(t, Options{URL: url, Timeout: 500 * time.Millisecond})
	keep(t, j, some("e", 1))
	s.Pause()
	defer s.Resume()
	if err := j.Write(t.Context(), some("e", 2)); !errors.Is(err, store.ErrUnavailable) {
		t.Error(err)
	}
	s.Resume()
	keep(t, j, some("e", 2))
}
