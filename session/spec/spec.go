package spec

import (
	"context"
	"time"

	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/media"
)

// Spec is what a session is asked to be.
type Spec struct {
	ID      string // "" for one of the manager's choosing
	Epoch   string // of a session that goes on here; "" for a new one
	From    inference.Lang
	To      []inference.Lang // at first; From is none of them: the original is always there
	Profile Profile          // "" for the manager's default
	Delay   *time.Duration   // nil for the profile's own
	Consent bool             // the speaker agreed to their voice and face being used
	// ConsentAt is when a session that goes on here was agreed to; zero for now.
	ConsentAt time.Time
	NoBadge   bool           // re-rendered frames go without the manager's badge
	Words     glossary.Words // that the speaker has named, clean
	// Mouths is where the speaker's mouths of other sessions are kept; nil for nowhere. It
	// is of this node alone: no checkpoint has it.
	Mouths     Mouths `json:"-"`
	KeepMouths bool   `json:"-"` // the speaker agreed to those of this session being kept there
}

// Mouths is where a speaker's mouths are found, and kept when a session ends.
type Mouths interface {
	// Load returns those that are kept; nil where there are none.
	Load(ctx context.Context) ([]byte, error)
	// Leave keeps data, if it is not empty, and ends the session's use of the place. It
	// does not wait, and is called once.
	Leave(data []byte)
	// Gone tells whether the speaker has had them erased meanwhile.
	Gone() bool
}

// MaxText is how many bytes of text a phrase may have in any language.
const MaxText = 16 << 10

// Publisher is a source that comes over a network.
type Publisher interface {
	media.Source
	// Ready waits until the source's tracks are known.
	Ready(ctx context.Context) error
	// Silent returns how long nothing has come.
	Silent() time.Duration
	// Done is closed once the source has ended by itself.
	Done() <-chan struct{}
}
