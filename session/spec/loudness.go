package spec

import (
	"fmt"

	"livedub/media/loudness"
)

// LoudnessTargets is how loud the sound of a dub goes out, LUFS; 0 is as it comes.
type LoudnessTargets struct {
	Live    float64 // what viewers hear by WebRTC, and files of livedub dub
	Program float64 // recordings, HLS and pushes
}

func (t LoudnessTargets) check() error {
	for _, v := range []float64{t.Live, t.Program} {
		if v != 0 && !(v >= loudness.Quietest && v <= loudness.Loudest) { // NaN too
			return fmt.Errorf("loudness %v LUFS: choose %d to %d, or 0 for sound as it comes", v, loudness.Quietest, loudness.Loudest)
		}
	}
	return nil
}

// DubLoudness is how loud a dub's sound is; nil where it goes out as it comes.
type DubLoudness struct {
	Live    *Loudness `json:"live,omitempty"`    // what viewers hear by WebRTC; of a file its own
	Program *Loudness `json:"program,omitempty"` // recordings, HLS, pushes: since somebody took it last
}

// Loudness is how loud sound is that is leveled, as EBU R128 says.
type Loudness struct {
	Target     float64  `json:"target_lufs"`
	Integrated *float64 `json:"integrated_lufs"` // null: nothing was loud enough to count
	TruePeak   *float64 `json:"true_peak_dbtp"`  // the largest; null: nothing sounded
	Gain       float64  `json:"gain_db"`         // now
}
