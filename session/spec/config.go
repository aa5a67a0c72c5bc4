// Package spec holds the words of a session: what it is asked to be, what it
// has done, what happened in it, and the errors it fails with.
package spec

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/media"
	"livedub/media/badge"
	"livedub/media/codec"
	"livedub/session/timeline"
)

// Profile is how time is treated.
type Profile string

const (
	Sync Profile = "sync" // fixed delay, the dub stands where the speaker spoke
	Live Profile = "live" // conversation: the dub sounds as soon as it exists
)

// DefaultDelay is D where the user names none.
func (p Profile) DefaultDelay() time.Duration {
	if p == Live {
		return 120 * time.Millisecond
	}
	return 4 * time.Second
}

// Freeze is how long before it plays a placement is final.
func (p Profile) Freeze() time.Duration {
	if p == Live {
		return 200 * time.Millisecond
	}
	return 500 * time.Millisecond
}

// DefaultMaxLag is Config.MaxLag where the user names none: listeners of a
// broadcast lose the thread sooner than the two ends of a conversation.
func (p Profile) DefaultMaxLag() time.Duration {
	if p == Live {
		return 4 * time.Second
	}
	return 2500 * time.Millisecond
}

// NeuralTime is what nets that hear and speak need longer than engines without, at most.
const NeuralTime = 2 * time.Second

// DefaultPolicy is Config.Policy where the user names none: where the dub sounds
// as soon as it exists, nobody waits for the end of a unit.
func (p Profile) DefaultPolicy() inference.Policy {
	if p == Live {
		return inference.LocalAgreement
	}
	return inference.UnitPolicy
}

// MaxLate is how long after its place a dub may start before it is left out.
func (c *Config) MaxLate() time.Duration {
	lag := cmp.Or(c.MaxLag, c.Profile.DefaultMaxLag())
	if c.Profile == Live {
		if c.Neural && c.MaxLag == 0 {
			lag += NeuralTime
		}
		return max(0, lag-c.Delay)
	}
	return lag
}

// Among returns the languages that are told from one another where From is
// inference.Auto and to are the targets: those that can be dubbed to one of them,
// and those of them that are heard, whose speakers need no dub; nil otherwise.
func (c *Config) Among(e Engines, to []inference.Lang) (out []inference.Lang) {
	if c.From != inference.Auto {
		return nil
	}
	for _, p := range e.Pairs() {
		if slices.Contains(to, p.To) && !slices.Contains(out, p.From) {
			out = append(out, p.From)
		}
	}
	heard := e.Recognizer.Languages()
	for _, l := range to {
		if slices.Contains(heard, l) && !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

// LookAhead is how long before it is due a frame is decoded, for the mouth's sake.
const LookAhead = 400 * time.Millisecond

// Decoder returns what decodes frames: the CPU where there is no time for those
// that NVDEC holds back.
func (c Config) Decoder() string {
	if c.Delay < 2*LookAhead {
		return "cpu"
	}
	return c.Video.Decoder
}

// Config is one session's settings. Every field but the noted ones must be set.
type Config struct {
	From    inference.Lang
	To      []inference.Lang
	Profile Profile
	Delay   time.Duration // D: output time = source time + D
	// Neural says that the engines are nets: where no MaxLag is named, a dub may lag
	// NeuralTime more in profile live.
	Neural bool
	// MaxLag is how long after its words a dub may start in profile live, and how
	// long after its place in sync; a later one is left out. 0: DefaultMaxLag.
	MaxLag         time.Duration
	Policy         inference.Policy // when words are final; "": DefaultPolicy
	BackgroundGain float64          // of the original under the dub, 0..1
	Loudness       LoudnessTargets
	Video          VideoConfig
	Consent        Consent
	Mouths         Mouths         // where the speaker's mouths are kept; nil for nowhere
	KeepMouths     bool           // those of this session are to be kept there: the speaker agreed
	Badge          badge.Config   // the zero value is none
	Original       bool           // the original can be attached to as well, by From: live sessions
	Words          glossary.Words // that the speaker has named, at first; clean. None need be
	KeepRecords    int            // how many phrases State remembers of each dub, for its figures; 0: all
	SpoolDir       string         // where records go that memory has no room for; "": the system's folder for temporary files

	Observe Observe // of all sessions together

	// SinkErrorsEnd makes the first error of any sink the end of the session,
	// as for files; otherwise a failing sink is detached and the rest goes on.
	SinkErrorsEnd bool
	Log           *slog.Logger // nil for none
}

// Observe is told of measurements as they are taken, by many goroutines at once. Any may be nil.
type Observe struct {
	Lag    func(stage string, lag time.Duration) // from when a piece of a stage's work was known until it was done
	Late   func(time.Duration)                   // dub start less its place, of each phrase that is placed
	Offset func(time.Duration)                   // audio's lateness less the frame's, of each frame that leaves; positive: audio is late
}

// Consent records that the speaker agreed to their voice and face being used.
// Without it no mouth is re-rendered.
type Consent struct {
	Given bool
	At    time.Time // when it was recorded
}

// VideoConfig is how frames are decoded and encoded.
type VideoConfig struct {
	MaxWidth, MaxHeight int           // larger frames are scaled down
	File                bool          // keep the first frame's size, and parameter sets out of band
	KeyInterval         time.Duration // longest distance of keyframes; 0: on demand
	Bitrate             int           // bit/s; 0: by size
	Hardware            string        // codec.VideoEncoderConfig.Hardware: "auto", "nvenc", "off"
	Decoder             string        // codec.NewVideoDecoderOn's hardware: "auto", "nvdec", "cpu"; where there is time for what NVDEC holds back
	Preset              string        // x264's
}

// Engines are the stages a session works with; they outlive it. Any may be
// nil: without the first three there is no dub, without Lips no moving mouth.
type Engines struct {
	Recognizer  inference.Recognizer
	Translator  inference.Translator
	Synthesizer inference.Synthesizer
	Faces       inference.FaceTracker
	Lips        inference.Lips
	Names       EngineNames // of the first three; where several work behind one, they tell which did (inference.Did)
}

// EngineNames are the names that engines have in the settings, as "whisper".
type EngineNames struct {
	Recognizer string `json:"recognizer"`
	Translator string `json:"translator"`
	Voice      string `json:"voice"`
}

// Speaks tells whether the engines can dub at all.
func (e Engines) Speaks() bool {
	return e.Recognizer != nil && e.Translator != nil && e.Synthesizer != nil
}

// Hears tells whether there is any use in listening for words of lang.
func (e Engines) Hears(lang inference.Lang) bool {
	return e.Speaks() && slices.Contains(e.Recognizer.Languages(), lang)
}

// Pairs returns the directions that all stages of the chain can do.
func (e Engines) Pairs() []inference.Pair {
	if !e.Speaks() {
		return nil
	}
	heard, spoken := e.Recognizer.Languages(), e.Synthesizer.Languages()
	var out []inference.Pair
	for _, p := range e.Translator.Pairs() {
		if slices.Contains(heard, p.From) && slices.Contains(spoken, p.To) {
			out = append(out, p)
		}
	}
	return out
}

// Check returns what is wrong with the settings for these engines, and sets a log where none is.
func (c *Config) Check(e Engines) error {
	if c.Profile != Sync && c.Profile != Live {
		return fmt.Errorf("unknown profile %.80q: choose sync or live", c.Profile)
	}
	if c.Delay < 0 || c.Delay > time.Minute {
		return fmt.Errorf("delay %v: choose 0 to 1m", c.Delay)
	}
	if c.BackgroundGain < 0 || c.BackgroundGain > 1 {
		return fmt.Errorf("background gain %v: choose 0 to 1", c.BackgroundGain)
	}
	if err := c.Loudness.check(); err != nil {
		return err
	}
	if c.MaxLag < 0 || c.MaxLag > time.Minute {
		return fmt.Errorf("lag %v: choose 0 to 1m", c.MaxLag)
	}
	if c.Policy != "" && !slices.Contains(inference.Policies, c.Policy) {
		return fmt.Errorf("unknown policy %.80q: choose one of %v", c.Policy, inference.Policies)
	}
	if c.From == inference.Auto && e.Speaks() {
		if !slices.Contains(e.Recognizer.Languages(), inference.Auto) {
			return fmt.Errorf("the recognizer does not tell languages by ear: %w; name the one that is spoken", inference.ErrUnsupported)
		}
		for _, to := range c.To {
			if !slices.ContainsFunc(e.Pairs(), func(p inference.Pair) bool { return p.To == to }) {
				return fmt.Errorf("nothing can be dubbed to %s: %w; these pairs work here: %v", to, inference.ErrUnsupported, e.Pairs())
			}
		}
	}
	if len(c.To) == 0 && !c.Original {
		return errors.New("no target language: name at least one")
	}
	for i, to := range c.To {
		if to == c.From {
			return fmt.Errorf("target language %q is the one spoken: name another", to)
		}
		if slices.Contains(c.To[:i], to) {
			return fmt.Errorf("target language %q is named twice: name it once", to)
		}
		if c.From == inference.Auto {
			continue
		}
		if e.Speaks() && !slices.Contains(e.Pairs(), inference.Pair{From: c.From, To: to}) {
			return fmt.Errorf("%s->%s: %w; these pairs work here: %v", c.From, to, inference.ErrUnsupported, e.Pairs())
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Listening returns what a recognizer is asked to hear for these targets.
func (c *Config) Listening(e Engines, to []inference.Lang) inference.Listening {
	return inference.Listening{Lang: c.From, Among: c.Among(e, to), Policy: cmp.Or(c.Policy, c.Profile.DefaultPolicy())}
}

// Planning returns the timeline's settings.
func (c *Config) Planning() timeline.Config {
	return timeline.Config{
		Delay: c.Delay, Freeze: c.Profile.Freeze(), MaxLate: c.MaxLate(),
		DuckUnits: c.Profile == Sync, Gain: c.BackgroundGain,
	}
}

// Rate returns the bitrate for frames of w by h, bit/s.
func (v VideoConfig) Rate(w, h int, fps float64) int {
	if v.Bitrate > 0 {
		return v.Bitrate
	}
	// A tenth of a bit a pixel is what a talking head needs at this preset; slides come seldom, and each is new.
	return max(150_000, int(.1*float64(w*h)*min(max(fps, 5), 60)))
}

// Encoder returns the settings of a video encoder for frames of w by h.
func (v VideoConfig) Encoder(c media.Codec, w, h int, fps float64) codec.VideoEncoderConfig {
	if fps <= 0 || fps > 120 {
		fps = 30
	}
	return codec.VideoEncoderConfig{
		Codec: c, Width: w, Height: h, FrameRate: fps, Bitrate: v.Rate(w, h, fps),
		KeyInterval: v.KeyInterval, OutOfBand: v.File, Hardware: v.Hardware, Preset: v.Preset,
	}
}
