package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"livedub/internal/cli"
	"livedub/internal/config"
	"livedub/store"
	"livedub/store/postgres"
)

// runMigrate makes a database's tables, or brings them to what this livedub needs.
func runMigrate(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := cli.NewFlags("migrate")
	status := flags.Bool("status", false, "change nothing, and fail where there is something to do")
	cfg, rest, err := cli.Settings(flags, "migrate [--status] --database-url URL", args, stdout, "database")
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return cli.Usagef("migrate: takes no arguments, got %q: see livedub migrate --help", rest[0])
	case cfg.Database.URL == "":
		return cli.Usagef("migrate: name the database with --database-url, LIVEDUB_DATABASE_URL or database.url in a file: postgres://USER:PASSWORD@HOST/NAME")
	}
	o := databaseOptions(cfg.Database)
	if *status {
		return tellSchema(ctx, o, stdout, stderr)
	}
	from, err := postgres.Migrate(ctx, o)
	switch {
	case err != nil:
		return databaseHint(err)
	case from == postgres.Version():
		_, err = fmt.Fprintf(stdout, "migrate: the tables are of version %d already\n", from)
	default:
		_, err = fmt.Fprintf(stdout, "migrate: the tables are of version %d now; they were of %d\n", postgres.Version(), from)
	}
	return err
}

// tellSchema tells what a server would say to the database.
func tellSchema(ctx context.Context, o postgres.Options, stdout, stderr io.Writer) (err error) {
	j, err := postgres.Open(ctx, o)
	if err != nil {
		return databaseHint(err)
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	warning, err := j.Check(ctx)
	if err != nil {
		return databaseHint(err)
	}
	if warning != "" {
		fmt.Fprintln(stderr, "migrate: "+warning)
	}
	_, err = fmt.Fprintf(stdout, "migrate: the tables are of version %d, which this livedub needs\n", postgres.Version())
	return err
}

// databaseOptions returns how the settings reach the database.
func databaseOptions(c config.Database) postgres.Options {
	return postgres.Options{URL: c.URL, PasswordFile: c.PasswordFile, Connections: c.Connections, Timeout: c.Timeout}
}

// databaseHint adds to an error of the database what to do about it.
func databaseHint(err error) error {
	var schema *postgres.SchemaError
	var setting *postgres.SettingError
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &schema) && schema.Have > schema.Want:
		return fmt.Errorf("%w: install the livedub that has migrated it, or a later one", err)
	case errors.As(err, &schema):
		return fmt.Errorf("%w: run livedub migrate --database-url with the same address", err)
	case errors.As(err, &setting) && setting.Setting == "rights":
		return fmt.Errorf("%w: grant them, or check the user in --database-url", err)
	case errors.As(err, &setting):
		return fmt.Errorf("%w: check --database-url", err)
	case errors.Is(err, store.ErrUnavailable):
		return fmt.Errorf("%w: is PostgreSQL there, and does --database-url name it?", err)
	}
	return err
}
