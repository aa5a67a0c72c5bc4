package spec

import (
	"time"

	"livedub/inference"
	"livedub/session/timeline"
	"livedub/session/work"
)

// Record is what became of one phrase in one dub. Times are source time, which
// is output time less D, unless they say otherwise.
type Record struct {
	Phrase  inference.Phrase `json:"-"`
	Text    string           `json:",omitempty"` // translated
	Outcome Outcome          `json:",omitempty"`
	Err     string           `json:",omitempty"` // why it was skipped

	DubStart, DubEnd time.Duration    `json:",omitempty"`
	Late             time.Duration    `json:",omitempty"`
	Rate             float64          `json:",omitempty"`
	Voice            string           `json:",omitempty"`
	Marks            []inference.Mark `json:",omitempty"` // relative to DubStart
	Words            []inference.Word `json:",omitempty"` // relative to DubStart
	Probe            []int16          `json:"-"`          // the dub's first second, mono, ProbeRate; of files only

	HeardAt       time.Duration // session time when the phrase was known
	ReadyAt       time.Duration `json:",omitempty"` // session time when its speech was placed
	TranslateTook time.Duration `json:",omitempty"` // wall time
	SpeakTook     time.Duration `json:",omitempty"` // wall time
	Engines       EngineNames   // that took so long
}

// ProbeRate is the rate of Record.Probe, Hz.
const ProbeRate = timeline.Rate / 3

// Frames counts a dub's frames: In = Out + Dropped, Out = Own + Warp + Net + Untouched.
type Frames struct {
	In, Out, Own, Warp, Net, Untouched, Dropped int
}

// Add counts a frame by how its mouth was made.
func (f *Frames) Add(m inference.LipsMethod) {
	switch m {
	case inference.Own:
		f.Own++
	case inference.Warp:
		f.Warp++
	case inference.Net:
		f.Net++
	default:
		f.Untouched++
	}
}

// Outcome is what became of a phrase.
type Outcome string

const (
	Played        Outcome = "played"
	SkippedFailed Outcome = "skipped_failed" // an engine failed twice
	SkippedLate   Outcome = "skipped_late"   // it would have come too late to be of use
	SkippedSame   Outcome = "skipped_same"   // it was in the dub's own language, as told by ear: the original sounds
	Dumped        Outcome = "dumped"         // it was dropped before it was heard
	OwnVoice      Outcome = "own_voice"      // it was a dub, which came back by the speaker's microphone
)

// Level is a step of the quality ladder; a call never breaks, it steps down.
type Level string

const (
	Lips        Level = "lips"        // dubbed voice, and the mouth follows it
	Voice       Level = "voice"       // dubbed voice over the untouched frame
	Captions    Level = "captions"    // the original with translated captions
	Passthrough Level = "passthrough" // the original
)

// LipsState tells whether a dub re-renders the mouth.
type LipsState string

const (
	LipsOn          LipsState = "on"
	LipsOff         LipsState = "off"           // by SetLips
	LipsNoConsent   LipsState = "no consent"    // none was recorded
	LipsUnavailable LipsState = "not available" // no engine
)

// DubState is what a dub has done so far.
type DubState struct {
	Lang     inference.Lang
	Level    Level
	Why      string        // it stands at that level, where that is known
	Lips     LipsState     // "" for the original
	Steps    map[Level]int // how often each level was stepped to
	Frames   Frames
	Retries  int
	Outcomes map[Outcome]int
	Missed   int      // terms of the glossary that translations lacked
	Records  []Record // in the order spoken, as many as are remembered
	Viewers  int      // recordings do not count
	Controls Controls
	Loudness DubLoudness
	Skew     []time.Duration // sound's lateness less the frame's as they left, newest last
}

// KeptState tells what has become of mouths that are kept of the speaker.
type KeptState string

const (
	KeptLoading    KeptState = "loading"       // they are being read
	KeptNone       KeptState = "none"          // there are none under this key
	KeptWaiting    KeptState = "waiting"       // for the face that they are of
	KeptWarm       KeptState = "warm"          // they are this face's
	KeptUnreadable KeptState = "unreadable"    // Kept.Why tells more
	KeptErased     KeptState = "erased"        // while the session was under way
	KeptNot        KeptState = "not available" // nothing makes mouths in this session, or such as can be kept
)

// Kept is what has become of mouths that are kept of the speaker, and will.
type Kept struct {
	State KeptState
	Why   string
	Keeps bool // this session's will be kept
}

// State is what a session has done so far.
type State struct {
	Heard    int // final phrases
	OwnVoice int // phrases left out: dubs that came back by the microphone
	Ended    time.Duration
	Failures map[string]int           // by stage
	CPU      map[string]time.Duration // by stage; engines in other processes are not in it
	Dumps    int                      // how often what had been said was dropped before it was heard
	Consent  Consent
	Badge    bool                   // re-rendered frames carry it
	Mouths   *inference.MouthsKnown // nil where no mouth is made, or none need be known
	Kept     *Kept                  // nil where no mouths are found or kept
	Dubs     []DubState
	Gone     []DubState                 // of languages that were taken away: counts only
	Stages   map[string]work.StageState // by stage: recognizer, translator, speaker, face, lips, sink
}
