package main

import (
	"encoding/json"
	"math"

	"livedub/inference"
	"livedub/inference/lips"
	"livedub/internal/bench/lipseval"
)

// lipsByEye returns the openings that an eye has read in a clip, by frame; nil for most clips.
func lipsByEye(name string) ([]float64, error) {
	var known map[string][]float64
	err := json.Unmarshal(lipsHeights, &known)
	return known[name], err
}

// taken returns how high and wide the own mouth was that a frame was given: as the
// truth about the frame that it came from has it, and what the engine added to it.
// Where colours deceive the estimator about dubbed frames, or there are none, this
// still tells whether the right mouths were taken. NaN where none was, or nothing is known.
func (r *lipsRun) taken(t lips.Trace, eyes lipseval.Eyes) (height, width float64) {
	if t.Method != inference.Own {
		return math.NaN(), math.NaN()
	}
	of := r
	if r.truth != nil {
		of = r.truth
	}
	n := int((t.Source+r.clip.step()/2)/r.clip.step()) % len(r.clip.frames)
	m, ok := of.judged[n]
	if !ok {
		m.Height, m.Width = math.NaN(), math.NaN()
		if e, seen := of.eyesIn(n, 0); seen {
			m = of.est.Read(lipseval.View{Frame: of.clip.frames[n], Eyes: e})
		}
		if n < len(of.byEye) {
			m.Height = of.byEye[n]
		}
		of.judged[n] = m
	}
	unit := t.Eyes / eyes.Distance()
	return max(m.Height+t.Opened*unit, 0), m.Width + t.Spread*unit
}

// follow tells how the mouths that were taken follow their targets; NaN where
// less than half of the frames were given one.
func (r *lipsRun) follow(target, taken []float64) figure {
	known := 0
	for _, v := range taken {
		if !math.IsNaN(v) {
			known++
		}
	}
	if 2*known < len(taken) || known == 0 {
		return figure(math.NaN())
	}
	return figure(lipseval.Correlation(target, taken))
}
