package recording

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"livedub/store"
)

// Config is what a Recorder works with.
type Config struct {
	// Dir is the folder that all keys lie below. What is recorded is written here first.
	Dir string
	// Original says that what was spoken is recorded beside the dubs.
	Original bool
	Node     string                     // this node's name; "" outside of a cluster
	Fence    func(session string) int64 // of a session's claim; nil outside of a cluster
	// Elsewhere tells whether another node has a session, or may take it; nil outside of a cluster. An
	// error is taken for yes.
	Elsewhere func(ctx context.Context, session string) (bool, error)
	Journal   store.Journal // nil for none
	Objects   store.Objects // what other nodes have recorded, and what is here no more; nil for none
	Upload    Uploader      // nil where files stay in Dir
	// Erased deletes what was sent of a recording, which somebody has erased at another
	// node meanwhile; nil where nothing is sent. It may be called more than once.
	Erased  func(ctx context.Context, id string) error
	Engines map[string]string // by stage
	Log     *slog.Logger      // nil for none

	// Floor is how many bytes of the disk are left free; 0 for DefaultFloor.
	Floor int64
	// Keep is how long segments stay once they are in one MP4, for those who are just
	// looking at them; 0 for DefaultKeep.
	Keep time.Duration
}

const (
	// DefaultFloor is the room that recordings leave on their disk, in bytes.
	DefaultFloor = 256 << 20
	// DefaultKeep is how long segments stay beside the MP4 that was made of them.
	DefaultKeep = time.Hour

	rowEvery   = 30 * time.Second // rows of a recording that grows
	againAfter = time.Second      // until a sink that was detached is attached again
	rowTime    = 10 * time.Second // for one write to the journal
	lastWrites = 10 * time.Second // for what is to be written when a call has ended
	lastFinish = 20 * time.Second // for films that are being made when the recorder is closed
	maxWaiting = 8 << 20          // bytes of segments that wait for the disk, of one language
)

// Uploader sends files on to where they are kept. Its methods do not wait.
type Uploader interface {
	// Add announces a file that is complete; key names it below Config.Dir. A file that is
	// announced again has changed.
	Add(key string)
	// Pending tells whether a file whose key begins with prefix has not been sent yet.
	Pending(prefix string) bool
}

func (c Config) withDefaults() Config {
	c.Floor, c.Keep = cmp.Or(c.Floor, DefaultFloor), cmp.Or(c.Keep, DefaultKeep)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Fence == nil {
		c.Fence = func(string) int64 { return 0 }
	}
	return c
}

// State is how the recording of a call that goes on is doing.
type State struct {
	State     string // one of the constants below
	Why       string // it is off or failing
	Languages []string
}

// What State.State may be.
const (
	On      = "on"
	Failing = "failing" // nothing can be written now; it goes on when it can
	Off     = "off"
)

// Stats are the figures of a recorder since it was made.
type Stats struct {
	Bytes    int64          // of segments written
	Segments int            // written
	Dropped  int            // segments that were lost: the disk was full or too slow
	Failures map[string]int // by what failed: "write", "row", "attach", "finish"
	Growing  int            // recordings now
	Waiting  int            // recordings that are to be finished
}
