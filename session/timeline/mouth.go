package timeline

import (
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

// Mouth returns what the mouth does at output time o, by what was known then.
func (t *Timeline) Mouth(o time.Duration) Mouth {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mouth(o, o)
}

// Plan returns how much of the mouth is shown at output time o, and, if any, the
// shapes of o and of n-1 times that follow step by step, by what was known at
// now: within Config.Freeze of that no dub is missing.
func (t *Timeline) Plan(now, o, step time.Duration, n int) (amount float64, shapes []inference.MouthShape) {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := t.mouth(now, o)
	if first.Amount == 0 {
		return 0, nil
	}
	shapes = make([]inference.MouthShape, n)
	for i := range shapes {
		shapes[i] = t.mouth(now, o+time.Duration(i)*step).Shape
	}
	return first.Amount, shapes
}

// mouth returns what the mouth does at output time o, by what is known at now.
func (t *Timeline) mouth(now, o time.Duration) Mouth {
	m := Mouth{Shape: rest}
	for i := range t.placed {
		p := &t.placed[i]
		if p.known > now {
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
		t.silence(now, o, &m)
	}
	return m
}

// silence adds the words of dubbed units that are said in the original with no dub over them.
func (t *Timeline) silence(now, o time.Duration, m *Mouth) {
	d := t.cfg.Delay
	for i := range t.placed {
		p := &t.placed[i]
		if p.known > now || o < p.Phrase.Start+d-blend || o >= p.Phrase.End+d+blend {
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
