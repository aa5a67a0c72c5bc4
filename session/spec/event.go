package spec

import (
	"time"

	"livedub/inference"
)

// Drain tells that the server takes no new sessions and will end.
type Drain struct {
	Until time.Time // the latest end of this session
}

// Caption is a line of text in the source or a target language.
type Caption struct {
	Lang       inference.Lang
	Spoken     inference.Lang // the language itself, where Lang is inference.Auto
	ID         int            // of the phrase: the same in every language
	Text       string
	Words      []inference.Word // of a final line in the source language: as they were heard
	Final      bool
	Skipped    bool          // the phrase is not dubbed: its original sounds, or nothing where it was a dub that came back
	Start, End time.Duration // source time
}

// LadderChange is a step on the quality ladder.
type LadderChange struct {
	Lang  inference.Lang
	Level Level
	Why   string
	At    time.Duration // source time
}
