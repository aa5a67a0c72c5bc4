package stores

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"livedub/internal/config"
	"livedub/store"
	"livedub/store/postgres"
	"livedub/store/spool"
)

const (
	// checkTime bounds what a start waits for a database that does not answer.
	checkTime = 15 * time.Second
	// keepShipped is for how long what the database has is kept here, should it come back
	// without that.
	keepShipped = 10 * time.Minute
)

// openDatabase opens the journal in PostgreSQL, behind a spool. A database that does not
// answer now keeps nobody from starting; one that is not as it must be does.
func (s *Stores) openDatabase(ctx context.Context, c config.Config) error {
	behind, err := postgres.Open(ctx, postgres.Options{URL: c.Database.URL, PasswordFile: c.Database.PasswordFile, Connections: c.Database.Connections, Timeout: c.Database.Timeout})
	if err != nil {
		return fmt.Errorf("database.url: %w", err)
	}
	if err := s.checkDatabase(ctx, behind); err != nil {
		return errors.Join(err, behind.Close())
	}
	j, err := spool.Open(spool.Config{Dir: filepath.Join(s.Dir, spoolDir), To: behind, Log: s.log, Timeout: 2 * c.Database.Timeout, Again: keepShipped})
	if err != nil {
		return errors.Join(fmt.Errorf("store.dir: %w", err), behind.Close())
	}
	s.Journal, s.Spool, s.Words = j, j, "PostgreSQL, "+behind.Where()
	return nil
}

func (s *Stores) checkDatabase(ctx context.Context, j *postgres.Journal) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	warning, err := j.Check(ctx)
	var schema *postgres.SchemaError
	var setting *postgres.SettingError
	switch {
	case err == nil:
		if warning != "" {
			s.log.Warn("database.url: " + warning)
		}
		return nil
	case errors.As(err, &schema), errors.As(err, &setting) && setting.Setting != "host", !errors.Is(err, store.ErrUnavailable):
		return fmt.Errorf("database.url: %w", err)
	}
	s.log.Warn("the database does not answer: what is kept waits in store.dir until it does", "database", j.Where(), "err", err)
	return nil
}
