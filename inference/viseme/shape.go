package viseme

import (
	"math"
	"sort"
	"time"

	"livedub/inference"
)

// shapes are the mouths at the middle of a long, clearly spoken sound. The
// order among them (a opens widest, i is the broadest, u the narrowest and
// roundest) is phonetics; the numbers are ours, set by eye.
var shapes = [...]inference.MouthShape{
	inference.VisemeRest: {Open: 0, Wide: .5},
	inference.VisemePP:   {Open: 0, Wide: .48, Close: 1},
	inference.VisemeFF:   {Open: .08, Wide: .52},
	inference.VisemeTH:   {Open: .25, Wide: .52},
	inference.VisemeDD:   {Open: .22, Wide: .52},
	inference.VisemeKK:   {Open: .3, Wide: .5},
	inference.VisemeCH:   {Open: .22, Wide: .36, Round: .55},
	inference.VisemeSS:   {Open: .14, Wide: .6},
	inference.VisemeNN:   {Open: .25, Wide: .52},
	inference.VisemeRR:   {Open: .25, Wide: .42, Round: .3},
	inference.VisemeA:    {Open: .9, Wide: .55},
	inference.VisemeE:    {Open: .55, Wide: .68},
	inference.VisemeI:    {Open: .28, Wide: .82},
	inference.VisemeO:    {Open: .6, Wide: .28, Round: .75},
	inference.VisemeU:    {Open: .25, Wide: .12, Round: 1},
}

// Shape returns the mouth of v spoken alone; rest for an unknown one.
func Shape(v inference.Viseme) inference.MouthShape {
	if int(v) >= len(shapes) {
		v = inference.VisemeRest
	}
	return shapes[v]
}

const (
	reach = 400 * time.Millisecond // a sound farther away has no influence
	touch = 25 * time.Millisecond  // half of the least time that lips meet: one frame at 25/s falls within
	ramp  = 60 * time.Millisecond  // on the way to a touch, and back
)

// strength is how firmly a sound holds the mouth to its shape against its
// neighbours: vowels and lip sounds do, what is spoken behind the teeth lets
// the vowels around it shape the lips.
func strength(v inference.Viseme) float64 {
	switch v {
	case inference.VisemeRest, inference.VisemePP, inference.VisemeFF:
		return 1
	case inference.VisemeCH, inference.VisemeU, inference.VisemeO:
		return .9
	case inference.VisemeA, inference.VisemeE, inference.VisemeI:
		return .8
	case inference.VisemeSS, inference.VisemeRR:
		return .5
	case inference.VisemeKK:
		return .15
	}
	return .3
}

// At returns the mouth at time t of a speech with these marks, which are in
// order and contiguous. The mouth rests before the first and after the last.
//
// Sounds blend by dominance functions (M. M. Cohen, D. W. Massaro, "Modeling
// coarticulation in synthetic visual speech", 1993): each pulls at the mouth
// with a strength that falls exponentially with the time to its middle, and the
// mouth is the weighted mean of all. That model lets strong vowels open a
// short p; here lips that must touch do, whatever the neighbours: at the middle
// of p, b and m they are closed, at that of f and v the lower lip is at the teeth.
func At(marks []inference.Mark, t time.Duration) inference.MouthShape {
	if len(marks) == 0 {
		return Shape(inference.VisemeRest)
	}
	end := marks[len(marks)-1].At + marks[len(marks)-1].Dur
	start := marks[0].At
	if t < start-reach || t > end+reach {
		return Shape(inference.VisemeRest)
	}
	var m mean
	// Silence holds the mouth from its edge on, not from its middle.
	m.add(inference.VisemeRest, 1, max(0, t-start), 60*time.Millisecond)
	m.add(inference.VisemeRest, 1, max(0, end-t), 60*time.Millisecond)

	first := sort.Search(len(marks), func(i int) bool { return marks[i].At+marks[i].Dur >= t-reach })
	var closed, teeth float64
	for _, k := range marks[first:] {
		if k.At > t+reach {
			break
		}
		middle := k.At + k.Dur/2
		away := (t - middle).Abs()
		switch k.Viseme {
		case inference.VisemeRest:
			long := min(1, k.Dur.Seconds()/.12) // short gaps do not shut a mouth
			m.add(k.Viseme, long, max(0, away-k.Dur/2), 60*time.Millisecond)
			continue
		case inference.VisemePP:
			closed = max(closed, contact(away, k.Dur))
		case inference.VisemeFF:
			teeth = max(teeth, contact(away, k.Dur))
		}
		m.add(k.Viseme, strength(k.Viseme), away, 30*time.Millisecond+k.Dur/3)
	}
	s := m.shape()
	s.Open += (min(s.Open, Shape(inference.VisemeFF).Open) - s.Open) * teeth
	s.Open *= 1 - closed
	s.Close = closed
	return s
}

// contact tells how far lips have come to a touch: 1 around the middle of a
// sound of length dur, 0 well away from it.
func contact(away, dur time.Duration) float64 {
	x := float64(away-max(touch, min(dur/4, 2*touch))) / float64(ramp)
	x = 1 - min(1, max(0, x))
	return x * x * (3 - 2*x)
}

// mean is a weighted mean of mouths.
type mean struct{ open, wide, round, weight float64 }

// add adds v's mouth, at a distance in time, with a dominance that falls to 1/e in fade.
func (m *mean) add(v inference.Viseme, strength float64, away, fade time.Duration) {
	w := strength * math.Exp(-float64(away)/float64(fade))
	s := Shape(v)
	m.open += w * s.Open
	m.wide += w * s.Wide
	m.round += w * s.Round
	m.weight += w
}

func (m *mean) shape() inference.MouthShape {
	if m.weight < 1e-12 {
		return Shape(inference.VisemeRest)
	}
	return inference.MouthShape{Open: m.open / m.weight, Wide: m.wide / m.weight, Round: m.round / m.weight}
}
