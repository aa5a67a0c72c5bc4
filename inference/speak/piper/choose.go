package piper

import (
	"context"
	"errors"
	"math"

	"livedub/inference"
	"livedub/inference/pitch"
	"livedub/inference/speak/spoken"
)

// speaker is one who speaks a language.
type speaker struct {
	net   *net
	id    int
	name  string
	pitch float64 // median fundamental frequency, Hz; 0: unknown
}

// maxTried bounds the speakers of one net that are tried and chosen from: each
// takes a run at the start. Of more, as many are taken at equal distances.
const maxTried = 8

// try has the net's speakers say a few syllables, and returns those that do.
func (n *net) try(ctx context.Context) (out []speaker, err error) {
	part := n.Info.trial()
	if len(part) == 0 {
		return nil, errors.New("phoneme_id_map: lacks m, n, l and a")
	}
	ids, at := n.Info.encode(part)
	tried := min(len(n.Info.Speakers), maxTried)
	for i := range tried {
		s := speaker{net: n, id: i * len(n.Info.Speakers) / tried, name: "Piper " + n.Name}
		if label := n.Info.Speakers[s.id]; label != "" {
			s.name += " " + label
		}
		got, err := n.turns.Run(ctx, len(part), n.Info.inputs(ids, s.id))
		if err != nil {
			return nil, err
		}
		heard := spoken.New(n.Info.Rate)
		err = heard.Add(nil, nil, got[0].Data)
		if err == nil {
			err = heard.Finish()
		}
		if err == nil && n.exact() {
			_, err = places(got[1].Data, at, len(got[0].Data))
		}
		if err != nil {
			return nil, err
		}
		s.pitch = pitch.Median(got[0].Data, n.Info.Rate)
		out = append(out, s)
	}
	return out, nil
}

// Pitches, in Hz.
const (
	lowest, highest = 50, 600 // of anybody
	divide          = 155     // from which a voice counts as a woman's
	woman, man      = 200, 110
)

// choose returns the speaker whose pitch is nearest to the person's, of the
// person's gender where that is asked for and there is one; the first where
// nothing is known of the person.
func choose(all []speaker, r inference.SpeechRequest) speaker {
	want := r.Pitch.Median
	if !(want >= lowest && want <= highest) {
		switch r.Gender {
		case inference.Female:
			want = woman
		case inference.Male:
			want = man
		default:
			return all[0]
		}
	}
	best, least := all[0], math.Inf(1)
	for _, s := range all {
		off := 1. // octaves, of a pitch that is not known
		if s.pitch > 0 {
			off = math.Abs(math.Log2(s.pitch / want))
		}
		if r.Gender != inference.Unspecified && s.pitch > 0 && (s.pitch >= divide) != (r.Gender == inference.Female) {
			off += 10 // no pitch outweighs it
		}
		if off < least {
			best, least = s, off
		}
	}
	return best
}
