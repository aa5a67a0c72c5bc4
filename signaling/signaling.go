// Package signaling holds what the endpoints of the server share: the words of a
// session as a client sees it, the errors with their status, CORS, and limits.
// The endpoints stand in the packages beside it: api, whip, ws.
package signaling

import (
	"fmt"
	"slices"
	"time"

	"livedub/inference"
	"livedub/inference/glossary"
)

// Request asks for a session.
type Request struct {
	ID      string // "" for one of the manager's choosing
	From    inference.Lang
	To      []inference.Lang
	Profile string // "sync", "live", or "" for the manager's default
	DelayMS *int   // source to output; nil for the profile's own
	Consent bool   // the speaker agreed to their voice and face being used
	Badge   *bool  // re-rendered frames say "AI dubbed"; nil for the operator's choice, which true does not overrule
	Words   glossary.Words
	Source  string // address that the speaker is pulled from; "" for one who comes

	KeepMouths bool   // the speaker agreed to their mouths being kept for their next session
	MouthsKey  string // of those that are kept of them; "" for none. It is told to nobody
}

// Info is a session as it stands.
type Info struct {
	ID       string
	Epoch    string // tells it from others that have borne its name; capabilities are bound to it
	From     inference.Lang
	To       []inference.Lang
	Profile  string
	DelayMS  int
	State    string         // "new", "live", "idle"
	Consent  *time.Time     // when it was given; nil where it was not
	Badge    bool           // re-rendered frames say "AI dubbed"
	Words    glossary.Words // that the speaker has named
	Created  time.Time
	Now      *float64 // seconds on the session clock; nil while it does not run
	OwnVoice int      // phrases left out: dubs that came back by the microphone
	Dumps    int      // how often what had been said was dropped before it was heard
	Dubs     map[inference.Lang]DubInfo
	Stages   map[string]StageInfo // by stage: recognizer, translator, speaker, face, lips, sink

	Fence         int64      // of its claim in a cluster; 0 outside of one
	DrainingUntil *time.Time // the server takes no new sessions and ends this one by then; nil while it does not drain

	Mouths    *MouthsInfo     // nil where no mouth is made
	Recording *RecordingState // nil where the server records nothing
	Outputs   []OutputInfo    // that it is sent on to

	Kept      *KeptMouths // nil where no mouths are found or kept
	MouthsKey string      // made for a session that was just created; "" in any other
}

// KeptMouths is what has become of mouths that are kept of the speaker, and will.
type KeptMouths struct {
	State string     `json:"state"`         // "loading", "none", "waiting", "warm", "unreadable", "erased", "not available", "off"
	Why   string     `json:"why,omitempty"` // in words
	Keeps bool       `json:"keeps"`         // those of this session will be kept
	Since *time.Time `json:"consent_at,omitempty"`
}

// MouthsInfo is how far the speaker's mouths are known. Until there are enough, the mouth
// in the picture is warped.
type MouthsInfo struct {
	Known  int      `json:"known"`
	Enough int      `json:"enough"`
	Speech float64  `json:"speech_s"` // that the face was seen to speak
	Ready  *float64 `json:"ready_s"`  // of it when they were enough; null while they are not
}

// RecordingState tells whether a session is being recorded.
type RecordingState struct {
	State     string   `json:"state"`               // "on"; "failing": nothing can be written now; "off"
	Why       string   `json:"why,omitempty"`       // it is off or failing
	Languages []string `json:"languages,omitempty"` // that are recorded
}

// StageInfo is how one stage of the chain keeps up.
type StageInfo struct {
	LagMS   float64 `json:"lag_ms"`  // from when its work was known until it was done, or until now
	Dropped int     `json:"dropped"` // pieces of work left out because it was too slow
}

// Figures are percentiles by name, as "p50"; nil where nothing was measured.
type Figures map[string]*float64

// DubInfo is how one language of a session does.
type DubInfo struct {
	Ladder string `json:"ladder"`        // "lips", "voice", "captions", "passthrough"
	Why    string `json:"why,omitempty"` // it stands there, where that is known
	DubControls
	Lips           string         `json:"lips,omitempty"` // "on", "off", "no consent", "not available"; "" for the original
	LateMS         Figures        `json:"late_ms"`
	EarVoiceSpanMS Figures        `json:"ear_voice_span_ms"`
	AVOffsetMS     Figures        `json:"av_offset_ms"`
	Frames         map[string]int `json:"frames"`                 // frames by what became of them
	TermsMissed    int            `json:"terms_missed,omitempty"` // of the glossary, by translations
	Viewers        int            `json:"viewers"`
	Phrases        []Phrase       `json:"phrases,omitempty"` // the last few, oldest first
}

// Phrase is what became of one phrase in one dub. Times are seconds of source
// time, which is the session clock; a dub is heard D later than its dub times,
// which are nil where it was not dubbed.
type Phrase struct {
	ID          int      `json:"id"`
	SourceText  string   `json:"source_text"`
	Text        string   `json:"text"`
	SourceStart float64  `json:"source_start"`
	SourceEnd   float64  `json:"source_end"`
	DubStart    *float64 `json:"dub_start"`
	DubEnd      *float64 `json:"dub_end"`
	LateMS      *float64 `json:"late_ms"`
	Fate        string   `json:"fate"`
	Steps       Steps    `json:"steps"`
	Slowest     *Slowest `json:"slowest,omitempty"`
}

// Slowest is the engine that a phrase waited for longest.
type Slowest struct {
	Stage  string  `json:"stage"`  // "recognizer", "translator" or "voice"
	Engine string  `json:"engine"` // by its name in the settings
	MS     float64 `json:"ms"`
}

// Steps is where a phrase's time went.
type Steps struct {
	HeardAt     float64 `json:"heard_at"` // s: the recognizer had it whole
	ReadyAt     float64 `json:"ready_at"` // s: its dub existed
	TranslateMS float64 `json:"translate_ms"`
	SpeakMS     float64 `json:"speak_ms"`
}

// PairInfo is a direction that works here and now.
type PairInfo struct {
	From    inference.Lang `json:"from"`
	To      inference.Lang `json:"to"`
	Quality string         `json:"quality"` // in words, for people
}

// Peer is one media connection. Its answer holds all of our candidates. Its methods are safe for concurrent use.
type Peer interface {
	// AddCandidate takes one ICE candidate of the client's, as "candidate:1 1 udp ...",
	// or "" for the end of candidates.
	AddCandidate(candidate string) error
	// Close ends the connection and waits for all of it. It may be called more than once.
	Close() error
	// Done is closed when the connection has ended, whoever ended it, Close included.
	Done() <-chan struct{}
}

// has refuses a language that the session does not have; its own is one of them.
func (i Info) has(lang inference.Lang) error {
	if lang == i.From || slices.Contains(i.To, lang) {
		return nil
	}
	return &Error{
		Kind:    ErrNotFound,
		Message: fmt.Sprintf("session %q has no %q: it has %s", i.ID, clip(string(lang)), i.Languages()),
		Hint:    "watch one of those, or create a session with that language",
	}
}

// Languages lists what can be watched, the original first.
func (i Info) Languages() string {
	out := string(i.From)
	for _, l := range i.To {
		out += ", " + string(l)
	}
	return out
}
