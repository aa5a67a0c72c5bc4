package spec

import (
	"fmt"
	"math"

	"livedub/inference"
	"livedub/session/timeline"
)

// Controls is how listeners have one dub; the zero value is as it comes.
type Controls struct {
	Muted    bool                `json:"muted,omitempty"`    // the original sounds as if nothing were dubbed; captions go on
	Paused   bool                `json:"paused,omitempty"`   // phrases are not translated, captioned or spoken
	Voice    VoiceKind           `json:"voice,omitempty"`    // "": as the speaker's pitch says
	Gain     float64             `json:"gain_db,omitempty"`  // of the dub's voice, dB
	Original timeline.Background `json:"original,omitempty"` // "" is timeline.Duck
}

// MaxGain is how much louder or softer a dub may be made, dB.
const MaxGain = 24

// VoiceKind is which of a language's voices speaks.
type VoiceKind string

const (
	FemaleVoice VoiceKind = "female"
	MaleVoice   VoiceKind = "male"
)

// Gender is what a synthesizer is asked for.
func (v VoiceKind) Gender() inference.Gender {
	switch v {
	case FemaleVoice:
		return inference.Female
	case MaleVoice:
		return inference.Male
	}
	return inference.Unspecified
}

// Check returns what is wrong with the controls.
func (c Controls) Check() error {
	switch {
	case !(math.Abs(c.Gain) <= MaxGain): // NaN too
		return fmt.Errorf("gain %v dB: choose -%d to %d", c.Gain, MaxGain, MaxGain)
	case c.Voice != "" && c.Voice != FemaleVoice && c.Voice != MaleVoice:
		return fmt.Errorf("unknown voice %.20q: choose auto, female or male", c.Voice)
	}
	switch c.Original {
	case "", timeline.Duck, timeline.Replace, timeline.Bed:
		return nil
	}
	return fmt.Errorf("original %.20q: choose duck, replace or bed", c.Original)
}

// Levels is how loud the dub and the original are with them.
func (c Controls) Levels() timeline.Levels {
	original := c.Original
	if original == "" {
		original = timeline.Duck
	}
	return timeline.Levels{Muted: c.Muted, Gain: math.Pow(10, c.Gain/20), Original: original}
}
