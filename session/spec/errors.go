package spec

import "errors"

var (
	// ErrNotFound is returned for a session that is not there.
	ErrNotFound = errors.New("no such session")
	// ErrFull is returned when no place is left.
	ErrFull = errors.New("no place is left")
	// ErrExists is returned when a session's name is taken.
	ErrExists = errors.New("the name is taken")
	// ErrInvalid is returned for a session that cannot be as it is asked for.
	ErrInvalid = errors.New("invalid settings")
)

// ErrBusy is returned to a publisher who comes while another one is live.
var ErrBusy = errors.New("a live publisher is there already")

// ErrEmpty is returned by Dub for a source without a single sample.
var ErrEmpty = errors.New("the source holds neither a frame nor a sample of sound")

// ErrNoLips is returned where mouths cannot be re-rendered.
var ErrNoLips = errors.New("the mouth cannot be re-rendered")
