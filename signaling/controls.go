package signaling

import "livedub/inference"

// Controls is what of a session's sound is to be changed while it runs.
type Controls struct {
	Dubs map[inference.Lang]DubChange
}

// DubChange is what of a dub is to be changed; nil is as it is.
type DubChange struct {
	Muted    *bool
	Paused   *bool
	Voice    *string  // "auto", "female" or "male"
	GainDB   *float64 // of the dub's voice
	Original *string  // "duck", "replace" or "bed"
}

// Empty tells whether nothing is to be changed.
func (c Controls) Empty() bool { return len(c.Dubs) == 0 }

// DubControls is how listeners have a dub.
type DubControls struct {
	Muted    bool    `json:"muted,omitempty"`    // the original sounds as if nothing were dubbed
	Paused   bool    `json:"paused,omitempty"`   // phrases are not translated, captioned or spoken
	Voice    string  `json:"voice,omitempty"`    // "auto", "female" or "male"; "" for the original
	GainDB   float64 `json:"gain_db,omitempty"`  // of the dub's voice
	Original string  `json:"original,omitempty"` // under the dub: "duck", "replace" or "bed"; "" for the original
}
