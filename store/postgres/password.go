package postgres

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
)

// passwordFrom takes the password of each new connection from a file, so that one that
// is changed while the program runs, as RDS does by itself, needs no restart.
// Connections that stand are not asked again.
func passwordFrom(path string) func(context.Context, *pgx.ConnConfig) error {
	return func(_ context.Context, c *pgx.ConnConfig) error {
		text, err := os.ReadFile(path)
		if err != nil {
			return &SettingError{"password file", err}
		}
		if c.Password = strings.TrimRight(string(text), "\r\n"); c.Password == "" {
			return &SettingError{"password file", errors.New(path + " is empty: write the password into it")}
		}
		return nil
	}
}
