package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	form        = "write it as postgres://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full"
	connectTime = 5 * time.Second
)

// modes are those of sslmode.
var modes = []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

// poolConfig reads the address of a database, postgres://USER:PASSWORD@HOST:PORT/NAME,
// with the usual options behind it. No error repeats it, as it holds a password.
func poolConfig(o Options) (*pgxpool.Config, error) {
	if !strings.HasPrefix(o.URL, "postgres://") && !strings.HasPrefix(o.URL, "postgresql://") {
		return nil, &SettingError{"address", errors.New("it names no PostgreSQL: " + form)}
	}
	_, query, _ := strings.Cut(o.URL, "?")
	q, err := url.ParseQuery(query)
	if err != nil {
		return nil, &SettingError{"address", errors.New("what follows the ? cannot be read: " + form)}
	}
	if mode := q.Get("sslmode"); mode != "" && !slices.Contains(modes, mode) {
		return nil, &SettingError{"address", fmt.Errorf("sslmode %.40q: use one of %s", mode, strings.Join(modes, ", "))}
	}
	c, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		var file *fs.PathError // of a certificate, which pgx reads
		if errors.As(err, &file) {
			return nil, &SettingError{"address", fmt.Errorf("a file that it names: %w", file)}
		}
		return nil, &SettingError{"address", errors.New("it cannot be read: " + form)}
	}
	c.MaxConns = int32(min(max(o.Connections, 1), 1000))
	c.MaxConnIdleTime = 5 * time.Minute
	usual(c.ConnConfig, o.Timeout)
	if o.PasswordFile != "" {
		if u, err := url.Parse(o.URL); err == nil {
			if _, given := u.User.Password(); given {
				return nil, &SettingError{"address", errors.New("it holds a password, and a file has it too: keep one")}
			}
		}
		c.BeforeConnect = passwordFrom(o.PasswordFile)
	}
	return c, nil
}

// usual sets what the address does not.
func usual(c *pgx.ConnConfig, timeout time.Duration) {
	if c.ConnectTimeout == 0 || c.ConnectTimeout > connectTime {
		c.ConnectTimeout = connectTime
	}
	for name, value := range map[string]string{
		"application_name":  "livedub",
		"timezone":          "UTC",
		"statement_timeout": strconv.FormatInt(timeout.Milliseconds(), 10), // ms; the server's own bound, should nobody wait anymore
	} {
		if _, ok := c.RuntimeParams[name]; !ok {
			c.RuntimeParams[name] = value
		}
	}
}

// plain tells whether what is sent may leave this machine without TLS.
func plain(c *pgx.ConnConfig) bool {
	away := func(host string) bool {
		ip := net.ParseIP(host)
		return host != "localhost" && !strings.HasPrefix(host, "/") && (ip == nil || !ip.IsLoopback())
	}
	bad := c.TLSConfig == nil && away(c.Host)
	for _, f := range c.Fallbacks {
		bad = bad || f.TLSConfig == nil && away(f.Host)
	}
	return bad
}

// Check asks the database for all that the journal will need. It fails with a
// SettingError for what waiting does not mend, as a wrong password; with a SchemaError
// for tables that Migrate has not made, or a later one has; and with
// store.ErrUnavailable where the server does not answer now. warning is what goes well
// for now; "" for nothing.
func (j *Journal) Check(ctx context.Context) (warning string, err error) {
	var encoding string
	var readOnly, migrated bool
	err = j.do(ctx, "connect", func(ctx context.Context) error {
		return j.pool.QueryRow(ctx, `SELECT current_setting('server_encoding'), current_setting('transaction_read_only')::boolean, to_regclass($1) IS NOT NULL`, versions).
			Scan(&encoding, &readOnly, &migrated)
	})
	if err != nil {
		return "", err
	}
	if encoding != "UTF8" {
		return "", fmt.Errorf("postgres: %w", &SettingError{"database", fmt.Errorf("it keeps text as %s, which cannot hold all languages: make one with ENCODING 'UTF8'", encoding)})
	}
	have := int64(0)
	if migrated {
		if have, err = j.version(ctx); err != nil {
			return "", err
		}
	}
	if have != Version() {
		return "", fmt.Errorf("postgres: %w", &SchemaError{Have: have, Want: Version()})
	}
	var lacks *string
	err = j.do(ctx, "read the user's rights", func(ctx context.Context) error {
		return j.pool.QueryRow(ctx, `SELECT string_agg(r || ' on ' || t, ', ') FROM unnest($1::text[]) t, unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) r
WHERE NOT has_table_privilege(t, r)`, names()).Scan(&lacks)
	})
	switch {
	case err != nil:
		return "", err
	case lacks != nil:
		return "", fmt.Errorf("postgres: %w", &SettingError{"rights", fmt.Errorf("the user lacks %s", *lacks)})
	case readOnly:
		warning = "the database takes no writes now, as a standby does: what is kept waits until it does"
	case plain(j.pool.Config().ConnConfig):
		warning = "what goes to the database may be read on its way: add sslmode=verify-full"
	}
	return warning, nil
}

// Where says which database it is, for people: host and name.
func (j *Journal) Where() string {
	c := j.pool.Config().ConnConfig
	return c.Host + "/" + c.Database
}

// version returns that of the database's tables, where there are some.
func (j *Journal) version(ctx context.Context) (have int64, err error) {
	err = j.do(ctx, "read the version of the tables", func(ctx context.Context) error {
		return j.pool.QueryRow(ctx, "SELECT COALESCE(max(version_id), 0) FROM "+versions+" WHERE is_applied").Scan(&have)
	})
	return have, err
}

// names returns the names of all tables.
func names() []string {
	all := []string{"epochs"}
	for _, t := range tables {
		all = append(all, t.name)
	}
	return all
}
