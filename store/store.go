// Package store holds the words of what is kept when a session is over: a journal
// of what was said and what became of it, and objects, which are the files of
// recordings. The stores stand in the packages beside it: files, postgres, s3.
package store

import (
	"context"
	"errors"
	"io"
	"time"
)

var (
	// ErrNotFound is returned for what is not there.
	ErrNotFound = errors.New("not found")
	// ErrErased is returned for a session whose words were erased: nothing more is kept of it.
	ErrErased = errors.New("erased")
	// ErrInvalid is returned for what can never be kept; trying again does not help.
	ErrInvalid = errors.New("cannot be kept")
	// ErrUnavailable is returned while a store does not answer, or not in time; what was
	// asked may have been done. Trying again may help.
	ErrUnavailable = errors.New("the store does not answer")
)

// Journal keeps rows. Its methods are safe for concurrent use.
type Journal interface {
	// Write keeps all of a batch, as Clean has it, or nothing. A row that is there already,
	// by its key, is replaced, so that a batch may be written again; but a row of a lower
	// fence replaces none of a higher one, and what a row leaves empty replaces nothing
	// (Session.Over). Rows of erased sessions are left out, and after the rest was written
	// Write fails with ErrErased.
	Write(ctx context.Context, b Batch) error
	// Session returns all rows of a session, ordered by their keys. It fails with
	// ErrNotFound, or ErrErased.
	Session(ctx context.Context, epoch string) (Batch, error)
	// Recordings returns a page of recordings, the newest first. It fails with ErrInvalid
	// where Filter.Clean does.
	Recordings(ctx context.Context, f Filter) (Page, error)
	// Erase deletes all rows of a session, and its recording's, and remembers that it did.
	// An unknown one is remembered too.
	Erase(ctx context.Context, epoch string) error
	// Expired returns sessions, limit at most, that have ended before a time, or, where
	// no end is known, have last been written to before it.
	Expired(ctx context.Context, before time.Time, limit int) (epochs []string, err error)
	// Close may be called again. What is asked after it fails.
	Close() error
}

// Objects keeps files under keys (CheckKey): relative paths. No key is the folder of
// another. Its methods fail with ErrInvalid where a key or prefix can be none, and are
// safe for concurrent use.
type Objects interface {
	// Put keeps the file at path under key, whole or not at all, in place of what was there.
	Put(ctx context.Context, key, path string, t Type) error
	// Open returns the bytes of an object from offset on, n at most; n < 0 is to its end,
	// and from there on are none. They are those of one object, also where it is replaced
	// meanwhile. The caller closes it. It fails with ErrNotFound.
	Open(ctx context.Context, key string, offset, n int64) (io.ReadCloser, Object, error)
	// List returns the objects whose keys begin with prefix, in the order of their keys.
	List(ctx context.Context, prefix string) ([]Object, error)
	// Delete deletes all objects whose keys begin with prefix, every version of them. The
	// empty prefix is refused.
	Delete(ctx context.Context, prefix string) error
	// Link returns an address at which anybody can get an object for a while; "" where
	// the store has none to give.
	Link(ctx context.Context, key string, name string, lives time.Duration) (string, error)
	Close() error
}

// Type is the media type of an object, as "video/mp4".
type Type string

// Object is an object without its bytes.
type Object struct {
	Key      string
	Size     int64 // bytes
	Type     Type
	Modified time.Time
}

// Filter says which recordings are asked for.
type Filter struct {
	Session       string // its name; "" for any
	Lang          string // a language there is; "" for any
	State         string // "" for any
	Since, Before time.Time
	Limit         int    // 1 to 1000; 0 is 50
	After         string // Page.Next of the page before; Place says what it is
}

// Page is some recordings of many.
type Page struct {
	Recordings []Recording
	Next       string // "" when this is the last one
}
