package postgres

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var files embed.FS

// Version returns the version of the tables that this program needs.
func Version() int64 {
	found, err := fs.Glob(files, "migrations/*.sql")
	if err != nil || len(found) == 0 {
		panic("postgres: no migrations in the program")
	}
	v, err := goose.NumericComponent(found[len(found)-1])
	if err != nil {
		panic(err)
	}
	return v
}

// Migrate brings a database's tables to the version that this program needs, each step
// whole or not at all, and returns the version before. Of several that migrate at the
// same time one does it and the others wait for it. It fails as Check does; tables of
// a later version stay as they are.
func Migrate(ctx context.Context, o Options) (from int64, err error) {
	p, end, err := provider(o)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, end()) }()
	done, err := p.Up(ctx) // first, as it alone waits for others
	if err != nil {
		return 0, fmt.Errorf("postgres: migrate: %w", classify(err))
	}
	now, err := p.GetDBVersion(ctx)
	switch {
	case err != nil:
		return 0, fmt.Errorf("postgres: migrate: %w", classify(err))
	case now > Version():
		return now, fmt.Errorf("postgres: %w", &SchemaError{Have: now, Want: Version()})
	case len(done) > 0:
		return done[0].Source.Version - 1, nil
	}
	return now, nil
}

// provider returns what migrates, on a connection of its own: a step may take longer
// than a statement of the journal, but does not make others wait for long that wait for it.
func provider(o Options) (*goose.Provider, func() error, error) {
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	c, err := poolConfig(o)
	if err != nil {
		return nil, nil, err
	}
	c.ConnConfig.RuntimeParams["statement_timeout"] = "0"
	c.ConnConfig.RuntimeParams["lock_timeout"] = fmt.Sprint(o.Timeout.Milliseconds())
	steps, err := fs.Sub(files, "migrations")
	if err != nil {
		return nil, nil, err
	}
	one, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // asks every second, for 5 minutes
	if err != nil {
		return nil, nil, err
	}
	var how []stdlib.OptionOpenDB
	if c.BeforeConnect != nil {
		how = append(how, stdlib.OptionBeforeConnect(c.BeforeConnect))
	}
	db := stdlib.OpenDB(*c.ConnConfig, how...)
	p, err := goose.NewProvider(goose.DialectPostgres, db, steps, goose.WithTableName(versions), goose.WithSessionLocker(one),
		goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return p, db.Close, nil
}
