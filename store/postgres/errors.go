package postgres

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"livedub/store"
)

// SettingError says that a part of how a database is reached is wrong, which waiting
// does not mend: "address", "host", "user", "password", "database", "rights", "certificate".
type SettingError struct {
	Setting string
	Err     error
}

// Error says what and why. No password is in it.
func (e *SettingError) Error() string { return e.Setting + ": " + e.Err.Error() }

// Unwrap returns why.
func (e *SettingError) Unwrap() error { return e.Err }

// SchemaError says that the tables are none that this program knows.
type SchemaError struct {
	Have int64 // version of the database's tables; 0 without any
	Want int64 // of this program's
}

// Error says what is there, and what ought to be.
func (e *SchemaError) Error() string {
	switch {
	case e.Have == 0:
		return fmt.Sprintf("the database has no tables of livedub: migrate it to version %d", e.Want)
	case e.Have > e.Want:
		return fmt.Sprintf("the database's tables are of version %d, and this program knows %d: take a newer one", e.Have, e.Want)
	}
	return fmt.Sprintf("the database's tables are of version %d, and this program needs %d: migrate it", e.Have, e.Want)
}

// Unwrap returns store.ErrUnavailable: once the database is migrated, all goes on.
func (e *SchemaError) Unwrap() error { return store.ErrUnavailable }

// settings are codes of errors about how the server was asked.
var settings = map[string]string{
	"28000": "user",     // invalid_authorization_specification: or an address that may not come in, or not without TLS
	"28P01": "password", // invalid_password
	"3D000": "database", // invalid_catalog_name
	"42501": "rights",   // insufficient_privilege
}

// classify tells what an error means for who asked: that trying again may help
// (store.ErrUnavailable), or not (store.ErrInvalid), and which setting it is about.
func classify(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		var dns *net.DNSError
		if errors.As(err, &dns) && dns.IsNotFound { // it may be back, as where a standby takes over
			return fmt.Errorf("%w: %w", store.ErrUnavailable, &SettingError{"host", err})
		}
		if untrusted(err) {
			return fmt.Errorf("%w: %w", store.ErrUnavailable, &SettingError{"certificate", err})
		}
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	if setting, ok := settings[pg.Code]; ok {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, &SettingError{setting, err})
	}
	switch pg.Code {
	case "42P01", "42703", "3F000": // no such table, column, schema
		return fmt.Errorf("the database's tables are not those that this program needs: migrate it: %w: %w", store.ErrUnavailable, err)
	case "25006": // read_only_sql_transaction
		return fmt.Errorf("the database takes no writes now, as a standby does: %w: %w", store.ErrUnavailable, err)
	case "53100": // disk_full
		return fmt.Errorf("the database's disk is full: %w: %w", store.ErrUnavailable, err)
	case "54000", "54001", "21000": // what is asked for is too much, or makes no sense
		return fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "22", "23": // data that cannot be kept, or break a rule
		return fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// untrusted tells whether an error is about the server's certificate, or about TLS altogether.
func untrusted(err error) bool {
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.As(err, &verify) || errors.As(err, &record) || strings.Contains(err.Error(), "server refused TLS connection")
}

// retry tells whether another transaction stood in the way: it was undone, and may
// well succeed the next time.
func retry(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40P01" || pg.Code == "40001") // deadlock_detected, serialization_failure
}

// stale tells whether the connections lead to a server that does not take writes anymore.
func stale(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "25006"
}
