package signaling

import (
	"math"
	"time"

	"livedub/inference"
)

// DetailVisemes is what a client names to be told how dubs are spoken too.
const DetailVisemes = "visemes"

// visemeSet is the name of the set that docs/SIGNALING.md has a table of.
const visemeSet = "livedub-15"

// EventEnd is the name of the last event of a session, whose body is an End.
const EventEnd = "end"

// End is the body of the last event.
type End struct {
	Reason string `json:"reason"`
}

// Body returns an event's name and its body, which clients are told as JSON: the same
// by every endpoint. The name is "" for an event that no client is told of.
func (e Event) Body() (name string, body any) {
	switch {
	case e.Caption != nil:
		return "caption", captionOf(e.Caption)
	case e.Ladder != nil:
		l := e.Ladder
		return "ladder", ladderBody{l.Lang, l.Level, l.Why, l.At.Seconds()}
	case e.Spoken != nil:
		return "spoken", spokenOf(e.Spoken)
	case e.Dumped != nil:
		return "dumped", dumpedOf(e.Dumped)
	case e.Output != nil:
		return "output", e.Output
	case e.Drain != nil:
		return "drain", drainBody{e.Drain.Until}
	case e.Moved != nil:
		return "moved", movedBody{e.Moved.Fence}
	case e.Lost != nil:
		return "lost", lostBody{e.Lost.Records}
	}
	return "", nil
}

// Hears tells whether the caller may be told of an event: of a language, if they may watch it, and of outputs, if they control the session.
func (g Grant) Hears(e Event) bool {
	switch {
	case e.Caption != nil:
		return g.Watch(e.Caption.Lang)
	case e.Ladder != nil:
		return g.Watch(e.Ladder.Lang)
	case e.Spoken != nil:
		return g.Watch(e.Spoken.Lang)
	case e.Output != nil:
		return g.Control()
	}
	return g.Look()
}

// captionBody is that of a caption event. Times are seconds of the source.
type captionBody struct {
	Lang    inference.Lang `json:"lang"`
	Spoken  inference.Lang `json:"spoken,omitempty"`
	ID      int            `json:"id"`
	Text    string         `json:"text"`
	Final   bool           `json:"final"`
	Skipped bool           `json:"skipped,omitempty"` // it is not dubbed: the original sounds
	Start   float64        `json:"start"`
	End     float64        `json:"end"`
	Words   []heardWord    `json:"words,omitempty"`
}

// heardWord is a word of a caption in the source language, as it was heard.
type heardWord struct {
	Text       string  `json:"text"`
	Start      float64 `json:"start"`
	End        float64 `json:"end"`
	Confidence float64 `json:"confidence"` // 0 to 1
}

func captionOf(c *Caption) captionBody {
	return captionBody{c.Lang, c.Spoken, c.ID, c.Text, c.Final, c.Skipped, c.Start.Seconds(), c.End.Seconds(), heard(c.Words)}
}

// heard returns the words of a caption, where the recognizer tells how sure it is of them.
func heard(in []inference.Word) []heardWord {
	var out []heardWord
	sure := false
	for _, w := range in {
		sure = sure || w.Confidence > 0
		out = append(out, heardWord{w.Text, w.Start.Seconds(), w.End.Seconds(), math.Round(1000*w.Confidence) / 1000})
	}
	if !sure {
		return nil
	}
	return out
}

// ladderBody is that of a ladder event.
type ladderBody struct {
	Lang  inference.Lang `json:"lang"`
	Level string         `json:"level"`
	Why   string         `json:"why"`
	At    float64        `json:"at"` // s of the source
}

// drainBody is that of the event of a server that takes no new sessions and will end.
type drainBody struct {
	Until time.Time `json:"until"` // the latest end of this session
}

// movedBody is that of the last event of a session that goes on at another node.
type movedBody struct {
	Fence int64 `json:"fence"`
}

// lostBody is that of the event of events that nothing had room for.
type lostBody struct {
	Records int `json:"records"` // at most so many
}

// dumpedBody is that of a dumped event.
type dumpedBody struct {
	From    float64 `json:"from"` // s of output time: silence and black frames from here
	To      float64 `json:"to"`   // to here
	Phrases []int   `json:"phrases"`
}

func dumpedOf(d *Dumped) dumpedBody {
	out := dumpedBody{d.From.Seconds(), d.To.Seconds(), d.Phrases}
	if out.Phrases == nil {
		out.Phrases = []int{}
	}
	return out
}

// spokenBody is that of a spoken event. Times are seconds of output time.
type spokenBody struct {
	Lang     inference.Lang `json:"lang"`
	ID       int            `json:"id"`
	Text     string         `json:"text"`
	Voice    string         `json:"voice,omitempty"`
	Start    float64        `json:"start"`
	End      float64        `json:"end"`
	Visemes  string         `json:"visemes"` // the name of the set
	Words    []spokenWord   `json:"words"`
	Phonemes []phoneme      `json:"phonemes"`
}

type spokenWord struct {
	Text  string  `json:"text"`
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

type phoneme struct {
	IPA    string  `json:"ipa"`
	Viseme string  `json:"viseme"`
	Start  float64 `json:"start"`
	End    float64 `json:"end"`
}

func spokenOf(s *Spoken) spokenBody {
	out := spokenBody{
		Lang: s.Lang, ID: s.ID, Text: s.Text, Voice: s.Voice, Start: seconds(s.Start), End: seconds(s.End), Visemes: visemeSet,
		Words: []spokenWord{}, Phonemes: []phoneme{},
	}
	for _, w := range s.Words {
		out.Words = append(out.Words, spokenWord{w.Text, seconds(w.Start), seconds(w.End)})
	}
	for _, m := range s.Marks {
		out.Phonemes = append(out.Phonemes, phoneme{m.IPA, m.Viseme.String(), seconds(m.At), seconds(m.At + m.Dur)})
	}
	return out
}

// seconds rounds a time to a tenth of a millisecond: nobody hears more of it.
func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1e4) / 1e4 }
