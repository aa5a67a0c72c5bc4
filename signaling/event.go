package signaling

import (
	"context"
	"time"

	"livedub/inference"
)

// Event is something that happened in a session; one of the pointers is set.
type Event struct {
	Seq     uint64 // its number in the session, which rises; 0: the next event on the same supersedes it
	Caption *Caption
	Ladder  *LadderChange
	Drain   *Drain
	Moved   *Moved
	Lost    *Lost
}

// Events are what happens in a session, one after the other. One goroutine reads them.
type Events interface {
	// Next waits for the next event; io.EOF after the last one.
	Next(ctx context.Context) (Event, error)
	Close()
}

// Since says where events begin.
type Since struct {
	Resume bool   // behind After; else with what happens from now on
	After  uint64 // number of the last event that the client has had
	All    bool   // also what was long ago
}

// Moved is the last event of a session that goes on at another node of the cluster.
type Moved struct {
	Fence int64 // of its claim there
}

// Lost stands for events that nothing had room for.
type Lost struct {
	Records int // at most so many
}

// Caption is a line of text in the source or a target language.
type Caption struct {
	Lang       inference.Lang
	Spoken     inference.Lang // the language itself, where Lang is inference.Auto
	ID         int            // of the phrase: the same in every language
	Text       string
	Words      []inference.Word // of a final line in the source language: as they were heard
	Final      bool
	Skipped    bool          // the phrase is not dubbed: its original sounds
	Start, End time.Duration // source time
}

// LadderChange is a step on the quality ladder.
type LadderChange struct {
	Lang  inference.Lang
	Level string // lips, voice, captions, passthrough
	Why   string
	At    time.Duration // source time
}

// Drain tells that the server takes no new sessions and will end.
type Drain struct {
	Until time.Time // the latest end of this session
}
