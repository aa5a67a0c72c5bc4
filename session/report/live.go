package report

import (
	"fmt"
	"slices"
	"time"

	"livedub/inference"
	"livedub/session/record"
	"livedub/session/spec"
)

// Whole returns the report of a live session: what it has become, st, and of its
// phrases all, as the records tell.
func Whole(cfg spec.Config, st spec.State, p *record.Phrases) *Report {
	var dubs []spec.DubState
	for _, lang := range append(slices.Clone(cfg.To), p.Languages()...) {
		known := func(d spec.DubState) bool { return d.Lang == lang }
		if slices.ContainsFunc(dubs, known) {
			continue
		}
		d := spec.DubState{Lang: lang}
		for _, all := range [][]spec.DubState{st.Gone, st.Dubs} {
			if i := slices.IndexFunc(all, known); i >= 0 {
				d = all[i]
			}
		}
		d.Records = p.Records(lang)
		dubs = append(dubs, d)
	}
	st.Dubs = dubs
	r := Build(cfg, st)
	r.Clock = "wall"
	if p.Lost > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d records of what happened are lost at most: phrases may be missing", p.Lost))
	}
	return r
}

// Cues returns the captions of what was said in a session spoken in from, or of its
// dub in lang.
func Cues(p *record.Phrases, from, lang inference.Lang) (out []Cue) {
	if lang != from {
		return DubCues(p.Records(lang))
	}
	for _, said := range p.All {
		if !said.OwnVoice {
			out = append(out, Cue{said.Start, said.End, said.Text})
		}
	}
	return out
}

// Figures is how a live dub fares.
type Figures struct {
	Late     Span
	Span     Span   // ear-voice
	AVOffset Offset // as the packets left, sound's lateness less the frame's
	Frames   Frames
}

// Live returns a live dub's figures over the phrases and frames that its state remembers.
func Live(d spec.DubState, delay time.Duration) Figures {
	var late, span, skew, size []float64
	for _, r := range d.Records {
		if r.Outcome == spec.Played {
			late = append(late, ms(r.Late))
			span = append(span, earVoice(r, delay)...)
		}
	}
	for _, s := range d.Skew {
		skew = append(skew, ms(s))
		size = append(size, ms(max(s, -s)))
	}
	return Figures{
		Late: spanOf(late), Span: spanOf(span), Frames: Frames(d.Frames),
		AVOffset: Offset{percentile(skew, 1), percentile(skew, 50), percentile(size, 99), len(skew)},
	}
}
