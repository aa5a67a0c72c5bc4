package recordbench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"livedub/internal/testkit/pgproc"
	"livedub/store"
	"livedub/store/postgres"
	"livedub/store/spool"
)

const (
	rate    = 50              // phrases a second, of all calls together
	calls   = 10              // sessions that they are of
	well    = 2 * time.Second // before and after
	catchUp = 5 * time.Minute // bounds what the spool takes to write the rest
)

// DBOutage is what was noticed of a database that was away.
type DBOutage struct {
	DBMin       float64 `json:"db_min"`  // how long it was away
	Phrases     int     `json:"phrases"` // that were written, before, meanwhile and after
	PhrasesLost int     `json:"phrases_lost"`
	WaitMS      float64 `json:"wait_max_ms"` // the longest that a call waited for a write
	WaitP99MS   float64 `json:"wait_p99_ms"`
	WaitingMB   float64 `json:"waiting_mb"`  // in the spool when the database came back
	CaughtUpS   float64 `json:"caught_up_s"` // from then until all was in the database
}

// Outage writes phrases of several calls to a real PostgreSQL by a spool, kills that
// server for a while, starts it again, and counts what is in it when all is well. It
// fails with pgproc.ErrMissing where there is no PostgreSQL.
func Outage(ctx context.Context, away time.Duration) (o DBOutage, err error) {
	o.DBMin = away.Minutes()
	server, err := pgproc.New("fsync=on", "full_page_writes=on", "autovacuum=on")
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	dir, err := os.MkdirTemp("", "livedub-outage-")
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := server.Start(); err != nil {
		return o, err
	}
	where := postgres.Options{URL: server.URL("postgres")}
	if _, err := postgres.Migrate(ctx, where); err != nil {
		return o, err
	}
	behind, err := postgres.Open(ctx, where)
	if err != nil {
		return o, err
	}
	j, err := spool.Open(spool.Config{Dir: filepath.Join(dir, "spool"), To: behind, Again: 10 * time.Minute}) // as a server has it
	if err != nil {
		return o, errors.Join(err, behind.Close())
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	return o, o.measure(ctx, server, j, away)
}

func (o *DBOutage) measure(ctx context.Context, server *pgproc.Server, j *spool.Journal, away time.Duration) error {
	w := writer{to: j}
	if err := w.run(ctx, well); err != nil {
		return err
	}
	server.Kill()
	if err := w.run(ctx, away); err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	o.WaitingMB = float64(j.Stats().Bytes) / (1 << 20)
	back := time.Now()
	if err := w.run(ctx, well); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	late := j.Flush(bounded) // what is not there then is lost
	o.CaughtUpS = time.Since(back).Seconds()
	if late != nil && ctx.Err() != nil {
		return late
	}
	slices.Sort(w.took)
	o.WaitMS, o.WaitP99MS = ms(w.took[len(w.took)-1]), ms(w.took[len(w.took)*99/100])
	o.Phrases = w.written
	found := 0
	for c := range calls {
		got, err := j.Session(ctx, epoch(c))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		found += len(got.Phrases)
	}
	o.PhrasesLost = w.written - found
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func epoch(call int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", call) }

// writer writes phrases at a steady rate, as calls do.
type writer struct {
	to      store.Journal
	written int
	took    []time.Duration
}

func (w *writer) run(ctx context.Context, length time.Duration) error {
	tick := time.NewTicker(time.Second / rate)
	defer tick.Stop()
	for end := time.Now().Add(length); time.Now().Before(end); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		start := time.Duration(w.written) * time.Second
		p := store.Phrase{Epoch: epoch(w.written % calls), Lang: "es", ID: w.written, SourceLang: "en", SourceText: "Good morning, and welcome to the third lecture of this course.",
			Text: "Buenos días, y bienvenidos a la tercera lección de este curso.", Start: start, End: start + 1800*time.Millisecond, Outcome: "played", Fence: 1}
		at := time.Now()
		if err := w.to.Write(ctx, store.Batch{Phrases: []store.Phrase{p}}); err != nil {
			return fmt.Errorf("a call could not write a phrase: %w", err)
		}
		w.took = append(w.took, time.Since(at))
		w.written++
	}
	return nil
}
