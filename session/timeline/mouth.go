package timeline

import (
	"cmp"
	"slices"
	"time"

	"livedub/inference"
	"livedub/inference/viseme"
)

// Voice tells whose voice the mouth follows.
type Voice uint8

const (
	Original Voice = iota // the original at full gain
	Dub                   // the dub
	Nobody                // ducked words of the original with no dub over them: the mouth is closed
)

// blend is how long the speaker's mouth and the dub's pass into each other, 3
// to 5 frames, before a dubbed stretch and after it.
const blend = 140 * time.Millisecond

// rest is the mouth where no dub says otherwise.
var rest = inference.MouthShape{Wide: .5}

// Mouth is what the mouth does at one output time.
type Mouth struct {
	Voice Voice
	// Shape is the mouth's where any of it is shown: a closed mouth at rest
	// away from the dub, the dub's first and last shape while it comes and goes.
	Shape inference.MouthShape
	// Amount is how much of the shape is shown: 1 over each stretch of Dub or
	// Nobody, a smoothstep before it and after it, 0 where the frame stays
	// untouched. Where the plan was known less than a blend before a stretch,
	// the rise begins when it was known.
	Amount float64
}

// Mouth returns what the mouth does at output time o, by what was known then, if all
// that is dubbed was said by one person.
func (t *Timeline) Mouth(o time.Duration) Mouth {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mouth(o, o, nil)
}

// Part is what the mouth of one person does from an output time on.
type Part struct {
	Person inference.Person
	Voice  Voice
	Amount float64                // at that time, over 0
	Shapes []inference.MouthShape // at that time and at those that follow step by step
}

// Plan returns, for each person of whose mouth any is shown at output time o, how much
// of it that is, and the shapes of o and of n-1 times that follow, by what was known at
// now: within Config.Freeze of that no dub is missing. The one whose dub sounds comes
// first. whose tells who said a phrase; nil: all were said by Anyone.
func (t *Timeline) Plan(now, o, step time.Duration, n int, whose func(inference.Phrase) inference.Person) []Part {
	t.mu.Lock()
	defer t.mu.Unlock()
	people := make([]inference.Person, len(t.placed))
	for i := range t.placed {
		if p := &t.placed[i]; whose != nil && p.known <= now && t.near(p, o, time.Duration(n)*step) {
			people[i] = whose(p.Phrase)
		}
	}
	var parts []Part
	for i, who := range people {
		if !t.near(&t.placed[i], o, 0) || slices.ContainsFunc(parts, func(p Part) bool { return p.Person == who }) {
			continue
		}
		of := func(i int) bool { return people[i] == who }
		first := t.mouth(now, o, of)
		if first.Amount == 0 {
			continue
		}
		p := Part{who, first.Voice, first.Amount, make([]inference.MouthShape, n)}
		for k := range p.Shapes {
			p.Shapes[k] = t.mouth(now, o+time.Duration(k)*step, of).Shape
		}
		parts = append(parts, p)
	}
	slices.SortStableFunc(parts, func(a, b Part) int {
		return cmp.Or(cmp.Compare(b.heard(), a.heard()), cmp.Compare(b.Amount, a.Amount))
	})
	return parts
}

// heard is 1 where the person's dub sounds.
func (p Part) heard() int {
	if p.Voice == Dub {
		return 1
	}
	return 0
}

// near tells whether a phrase may move a mouth between output time o and a while later.
func (t *Timeline) near(p *Placement, o, while time.Duration) bool {
	start, end := p.Start, p.End
	if t.cfg.DuckUnits {
		start, end = min(start, p.Phrase.Start+t.cfg.Delay), max(end, p.Phrase.End+t.cfg.Delay)
	}
	return o+while >= start-blend && o < end+blend
}

// mouth returns what the mouth does at output time o, by what is known at now, as far
// as it is moved by what of says of the placements; nil: by all.
func (t *Timeline) mouth(now, o time.Duration, of func(i int) bool) Mouth {
	m := Mouth{Shape: rest}
	for i := range t.placed {
		p := &t.placed[i]
		if p.known > now || of != nil && !of(i) {
			continue
		}
		in, amount := reach(o, p.Start, p.End, p.known)
		if in || m.Voice != Dub && amount > m.Amount {
			m.Shape = viseme.At(p.marks, min(max(o, p.Start), p.End-1)-p.Start)
		}
		if in {
			m.Voice = Dub
		}
		m.Amount = max(m.Amount, amount)
	}
	if t.cfg.DuckUnits {
		t.silence(now, o, of, &m)
	}
	return m
}

// silence adds the words of dubbed units that are said in the original with no dub over them.
func (t *Timeline) silence(now, o time.Duration, of func(i int) bool, m *Mouth) {
	d := t.cfg.Delay
	for i := range t.placed {
		p := &t.placed[i]
		if p.known > now || of != nil && !of(i) || o < p.Phrase.Start+d-blend || o >= p.Phrase.End+d+blend {
			continue
		}
		for _, w := range p.Phrase.Words {
			in, amount := reach(o, w.Start+d, min(w.End, p.Phrase.End)+d, p.known)
			if m.Voice != Dub && (in || amount > m.Amount) {
				m.Shape = rest
			}
			if in && m.Voice == Original {
				m.Voice = Nobody
			}
			m.Amount = max(m.Amount, amount)
		}
	}
}

// reach tells whether o lies in the stretch from start to end, which was known
// at known, and how much of its mouth is shown then.
func reach(o, start, end, known time.Duration) (in bool, amount float64) {
	rise := smoothstep(o - max(start-blend, known))
	fall := smoothstep(end + blend - o)
	return start <= o && o < end, min(rise, fall)
}

// smoothstep rises from 0 to 1 over one blend.
func smoothstep(d time.Duration) float64 {
	x := min(1, max(0, d.Seconds()/blend.Seconds()))
	return x * x * (3 - 2*x)
}
