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
	Spoken  *Spoken // where Since asks for it
	Dumped  *Dumped
	Output  *OutputState // for who controls the session
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
	Spoken bool   // also how dubs are spoken
}

// Moved is the last event of a session that goes on at another node of the cluster.
type Moved struct {
	Fence int64 // of its claim there
}

// Spoken is how a phrase's dub is spoken: it has its place. One of the same phrase that
// comes later tells of further parts too, and replaces it. Times are output time.
type Spoken struct {
	Lang       inference.Lang
	ID         int // of the phrase
	Text       string
	Voice      string
	Start, End time.Duration
	Words      []inference.Word
	Marks      []inference.Mark // At is output time
}

// Dumped tells that nobody hears, sees or reads what was said and had not been put out:
// captions of Phrases are to be taken away, and none comes of what was begun before From.
type Dumped struct {
	From, To time.Duration // output time, of silence and black frames
	Phrases  []int
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
