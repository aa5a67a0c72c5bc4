// Package postgres keeps a journal in PostgreSQL, in tables that Migrate makes.
package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"livedub/store"
)

// tries is how often a statement is tried that others stood in the way of.
const tries = 6

// Options are how a database is reached.
type Options struct {
	URL          string        // as Config reads it
	PasswordFile string        // read for each connection, instead of a password in URL; "" for none
	Connections  int           // at a time; 0 is 4
	Timeout      time.Duration // of a statement, and of all that a method does; 0 is 10 s
}

// Journal keeps rows in a database. Of each text it keeps what store.Clean leaves.
type Journal struct {
	pool    *pgxpool.Pool
	timeout time.Duration
	closed  sync.Once
}

var _ store.Journal = (*Journal)(nil)

// Open returns a journal that connects when it is asked for something: see Check. It
// fails with a SettingError where the options make no sense.
func Open(ctx context.Context, o Options) (*Journal, error) {
	o.Timeout, o.Connections = cmp.Or(o.Timeout, 10*time.Second), cmp.Or(o.Connections, 4)
	c, err := poolConfig(o)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, &SettingError{"address", err}
	}
	return &Journal{pool: pool, timeout: o.Timeout}, nil
}

// Close ends all connections, and waits for those in use.
func (j *Journal) Close() error {
	j.closed.Do(j.pool.Close)
	return nil
}

// Write is store.Journal's.
func (j *Journal) Write(ctx context.Context, b store.Batch) error {
	b, err := store.Clean(b)
	if err != nil || b.Len() == 0 {
		return err
	}
	epochs := b.Epochs()
	documents := map[string]string{}
	for _, t := range tables {
		if rows := t.rows(b); rows != nil {
			doc, err := json.Marshal(rows)
			if err != nil {
				return fmt.Errorf("postgres: rows of %s: %w: %w", t.name, store.ErrInvalid, err)
			}
			documents[t.name] = string(doc)
		}
	}
	erased := 0
	err = j.do(ctx, "write", func(ctx context.Context) error {
		// One round trip, and one transaction: each statement sees what was committed
		// before it, so that those behind the first see who was erased before it got the locks.
		batch := &pgx.Batch{}
		batch.Queue(touch, epochs)
		for _, t := range tables {
			if doc, ok := documents[t.name]; ok {
				batch.Queue(upserts[t.name], doc)
			}
		}
		batch.Queue(countErased, epochs).QueryRow(func(row pgx.Row) error { return row.Scan(&erased) })
		return j.pool.SendBatch(ctx, batch).Close()
	})
	if err == nil && erased > 0 {
		return fmt.Errorf("postgres: write: %d of %d sessions: %w", erased, len(epochs), store.ErrErased)
	}
	return err
}

// Erase is store.Journal's. What the database's log and its backups still hold goes
// when those do.
func (j *Journal) Erase(ctx context.Context, epoch string) error {
	if err := store.CheckEpoch(epoch); err != nil {
		return err
	}
	return j.do(ctx, "erase", func(ctx context.Context) error {
		batch := &pgx.Batch{}
		batch.Queue(bury, epoch)
		for _, t := range slices.Backward(tables) {
			batch.Queue(fmt.Sprintf("DELETE FROM %s WHERE %s = $1", t.name, t.epoch()), epoch)
		}
		return j.pool.SendBatch(ctx, batch).Close()
	})
}

// Session is store.Journal's.
func (j *Journal) Session(ctx context.Context, epoch string) (store.Batch, error) {
	if err := store.CheckEpoch(epoch); err != nil {
		return store.Batch{}, err
	}
	var found struct {
		Erased bool
		store.Batch
	}
	err := j.do(ctx, "read a session", func(ctx context.Context) error {
		var doc []byte
		if err := j.pool.QueryRow(ctx, whole, epoch).Scan(&doc); err != nil {
			return err
		}
		return json.Unmarshal(doc, &found)
	})
	switch {
	case err != nil:
		return store.Batch{}, err
	case found.Erased:
		return store.Batch{}, fmt.Errorf("postgres: session %s: %w", epoch, store.ErrErased)
	case found.Len() == 0:
		return store.Batch{}, fmt.Errorf("postgres: session %s: %w", epoch, store.ErrNotFound)
	}
	return tidy(found.Batch), nil
}

// tidy makes rows of JSON what they were: what is not there is nil, and times are UTC.
func tidy(b store.Batch) store.Batch {
	for i := range b.Events {
		if string(b.Events[i].Data) == "null" {
			b.Events[i].Data = nil
		}
	}
	utc := func(all ...*time.Time) {
		for _, t := range all {
			*t = t.UTC()
		}
	}
	for i := range b.Sessions {
		utc(&b.Sessions[i].Created, &b.Sessions[i].Ended)
	}
	for i := range b.Consents {
		utc(&b.Consents[i].At)
	}
	for i := range b.Recordings {
		utc(&b.Recordings[i].Created, &b.Recordings[i].Ended, &b.Recordings[i].Consent)
	}
	return b
}

// Expired is store.Journal's. The moment when a session was last written to is by the
// database's clock.
func (j *Journal) Expired(ctx context.Context, before time.Time, limit int) ([]string, error) {
	if limit < 0 {
		return nil, fmt.Errorf("postgres: %d sessions: %w: ask for 0 or more", limit, store.ErrInvalid)
	}
	var epochs []string
	err := j.do(ctx, "look for what has expired", func(ctx context.Context) error {
		rows, err := j.pool.Query(ctx, expired, before, limit)
		if err != nil {
			return err
		}
		epochs, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return epochs, err
}

// do runs f, again where another transaction stood in the way: what it did is undone
// then. what is done is for its error.
func (j *Journal) do(ctx context.Context, what string, f func(context.Context) error) error {
	asked := ctx
	ctx, cancel := context.WithTimeout(ctx, j.timeout)
	defer cancel()
	for try := 1; ; try++ {
		err := f(ctx)
		if err == nil {
			return nil
		}
		if retry(err) && try < tries {
			select {
			case <-time.After(time.Duration(try) * time.Duration(5+rand.IntN(20)) * time.Millisecond):
				continue
			case <-ctx.Done():
			}
		}
		if stale(err) { // the server has become a standby: the next connection finds the other
			j.pool.Reset()
		}
		if cause := context.Cause(asked); cause != nil && !errors.Is(err, cause) {
			err = errors.Join(err, cause)
		}
		return fmt.Errorf("postgres: %s: %w", what, classify(err))
	}
}
