package lips

import (
	"math"
	"slices"

	"livedub/inference"
)

// habits are the range of a speaker's mouth, from what was seen of it lately.
type habits struct {
	gauge  gauge
	reads  []readings // the latest, in no order
	widths []float64  // likewise
	detail details    // likewise
	next   int
	reach  float64    // contrast between lips and what is between them
	before [2]float64 // widths by colour, latest first
	jitter float64    // mean square of what sets one apart from both its neighbours

	widest                float64 // opening
	narrow, resting, wide float64 // between the corners
}

const (
	// running is how far corners come, in running speech, on the way to where a
	// sound spoken alone and clearly would take them.
	running    = .4
	seen       = 600 // frames remembered
	usualReach = 18

	usualColours = .75        // how much colours count against the tracker about corners
	steady, wild = .018, .025 // jitter of widths by colour: up to here believed, from here on not
)

// see takes in one more mouth.
func (h *habits) see(s shape, detail float64) {
	if c := s.contrast * .6; c > h.reach {
		h.reach += (c - h.reach) * .2
	} else {
		h.reach += (max(5, c) - h.reach) * max(.005, .1/float64(1+len(h.reads)))
	}
	h.jitters(s.coloured)
	h.gauge.see(s.read)
	if len(h.reads) < seen {
		h.reads, h.widths = append(h.reads, s.read), append(h.widths, s.width)
		h.detail.seen = append(h.detail.seen, detail)
	} else {
		h.reads[h.next], h.widths[h.next], h.detail.seen[h.next] = s.read, s.width, detail
	}
	h.next = (h.next + 1) % seen
	if len(h.reads) < 25 || h.next%10 == 0 {
		h.settle()
	}
}

// part sets a mouth's inner edges to what its readings mean by now.
func (h *habits) part(s *shape) {
	colour := 1 - h.gauge.sure()*(1-h.gauge.colours())
	middle := s.middles[1] + (s.middles[0]-s.middles[1])*colour
	height := h.gauge.height(s.read)
	s.upper, s.lower = middle-height/2, middle+height/2
}

// jitters takes in one more width by colour.
func (h *habits) jitters(width float64) {
	if n := len(h.reads); n >= 2 {
		d := min(square(width-2*h.before[0]+h.before[1])/6, square(2*wild))
		h.jitter += (d - h.jitter) * max(1/float64(n), .004)
	}
	h.before = [2]float64{width, h.before[0]}
}

// colours tells how much colours count against the tracker about corners. Lips
// do not jump from frame to frame: where colours say so they take something
// else for a lip, a moustache or a shade.
func (h *habits) colours() float64 {
	if len(h.reads) < 12 {
		return usualColours
	}
	return usualColours * fade(math.Sqrt(h.jitter), steady, wild)
}

func (h *habits) settle() {
	h.gauge.settle()
	hs, ws := make([]float64, len(h.reads)), slices.Clone(h.widths)
	for i, r := range h.reads {
		hs[i] = h.gauge.raw(r)
	}
	raw := slices.Clone(hs)
	slices.Sort(hs)
	slices.Sort(ws)
	at := func(v []float64, q float64) float64 { return v[int(q*float64(len(v)-1))] }
	h.gauge.closes(at(hs, .02))
	for i := range raw {
		raw[i] = max(0, raw[i]-h.gauge.shut)
	}
	h.detail.settle(raw)
	// Until much was seen, what people do on average.
	trust := min(1, float64(len(hs))/75)
	h.widest = trust*min(max(at(hs, .97)-h.gauge.shut, .14), .4) + (1-trust)*.24
	h.resting = at(ws, .5)
	h.narrow = min(trust*at(ws, .04)+(1-trust)*.8*h.resting, .88*h.resting)
	h.wide = max(trust*at(ws, .96)+(1-trust)*1.1*h.resting, 1.05*h.resting)
}

// target returns the opening and the width that a mouth shape means for this speaker.
func (h *habits) target(m inference.MouthShape) (height, width float64) {
	height = m.Open * h.widest * (1 - m.Close)
	if out := min(max(2*m.Wide-1, -running), running) / running; out > 0 {
		return height, h.resting + (h.wide-h.resting)*out
	} else {
		return height, h.resting + (h.resting-h.narrow)*out
	}
}

// shape is target turned round.
func (h *habits) shape(s shape) inference.MouthShape {
	m := inference.MouthShape{Open: min(max(s.height()/h.widest, 0), 1)}
	out := (s.width - h.resting) / (h.wide - h.resting)
	if out < 0 {
		out = (s.width - h.resting) / (h.resting - h.narrow)
	}
	m.Wide = .5 + .5*running*min(max(out, -1), 1)
	return m
}
