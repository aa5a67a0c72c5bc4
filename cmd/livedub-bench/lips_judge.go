package main

import (
	_ "embed"
	"encoding/json"
	"math"
	"path/filepath"

	"livedub/inference/lips/opening"
	"livedub/internal/bench/lipseval"
	"livedub/media"
)

// lipsOthers holds models of openings, in base64, by the name of the clip that each has not
// seen: it was learned from all the others. `livedub bench lips --fit` writes them.
//
//go:embed lips_others.json
var lipsOthers []byte

// unseenModel returns a model of openings that was not learned from a clip.
func unseenModel(path string) (*opening.Model, error) {
	var others map[string][]byte
	if err := json.Unmarshal(lipsOthers, &others); err != nil {
		return nil, err
	}
	if b, ok := others[filepath.Base(path)]; ok {
		return opening.Parse(b)
	}
	return opening.Learned, nil // which was learned from those alone
}

// leastAgreed is how the estimator's reading of the source must correlate with that of
// edges by a model that has not seen the clip: with less, one of the two errs, and the
// estimator does not know what it says.
const leastAgreed = .7

// Who judges the heights of a clip.
const (
	judgeSure   = "sure"
	judgeUnsure = "unsure"
)

// doubt fills in how far the estimator may be believed about heights, and what is known
// without it.
func (r *lipsRun) doubt(f *lipsFigures) {
	f.EdgesAgreement = figure(lipseval.Correlation(r.sourceEdges, r.sourceHeight))
	f.EdgesCorr = figure(lipseval.Correlation(r.targetHeight, r.edges))
	f.EyeAgreement = figure(math.NaN())
	if r.byEye != nil {
		var eye []float64
		for i := range r.sourceHeight {
			eye = append(eye, r.byEye[min((r.firstScored()+i)%len(r.clip.frames), len(r.byEye)-1)])
		}
		f.EyeAgreement = figure(lipseval.Correlation(eye, r.sourceHeight))
	}
	f.Judge = judgeSure
	if f.EdgesAgreement < leastAgreed || f.EyeAgreement < leastAgreed {
		f.Judge = judgeUnsure
	}
}

// edgesIn returns the opening that edges mean, to a model that has not seen the clip,
// where the tracker has the mouth of a face; NaN where it has none.
func (r *lipsRun) edgesIn(f *media.Frame, i, id int) float64 {
	if r.unseen == nil {
		return math.NaN()
	}
	for k, face := range r.faces[i] {
		if face.ID == id || id == 0 && k == 0 {
			p, at := placeOf(f, face)
			return r.unseen.Height(p.Sample(at).Features())
		}
	}
	return math.NaN()
}
