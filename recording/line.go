package recording

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Part is a segment in the line of a language: what of it is played.
type Part struct {
	Take    Take // whose segments are not to be looked at
	Segment Segment
	// From and To are the output times that it is played from and to. From lies beyond the
	// segment's first frame, or To before its end, where another part has the rest.
	From, To time.Duration
	Cut      bool // something is missing before it, or it is of another take than the part before
}

// Line returns what is played of a language, from its takes: each moment once. Where
// two takes have a segment a whole one goes before a part, and the later one before the
// earlier; the rest of that segment's time comes from the others.
func Line(takes []Take) []Part {
	takes = slices.SortedFunc(slices.Values(takes), func(a, b Take) int { return strings.Compare(b.Name, a.Name) }) // the latest first
	by := map[int64][]Part{}
	for _, t := range takes {
		for _, s := range t.Segments {
			if p := s.span(); p.end > p.at {
				by[s.N] = append(by[s.N], Part{Take: t, Segment: s, From: p.at, To: p.end})
			}
		}
	}
	var out []Part
	for _, all := range by {
		slices.SortStableFunc(all, func(a, b Part) int { return compareTrue(a.Segment.Whole, b.Segment.Whole) })
		out = append(out, pick(all)...)
	}
	slices.SortFunc(out, func(a, b Part) int { return cmp.Compare(a.From, b.From) })
	for i := range out {
		out[i].Cut = i == 0 || out[i].Take.Name != out[i-1].Take.Name || out[i].From-out[i-1].To > touch
	}
	return out
}

// compareTrue orders true before false.
func compareTrue(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// pick returns the parts that are played of one segment's time; those before go first.
func pick(all []Part) (out []Part) {
	for _, p := range all {
		for _, q := range out {
			switch {
			case p.From >= q.From && p.To <= q.To: // all of it is there
				p.To = p.From
			case p.From < q.From:
				p.To = min(p.To, q.From) // what lies behind q too is left out: it seldom is much
			case p.From < q.To:
				p.From = q.To
			}
		}
		if p.To-p.From > touch || len(out) == 0 {
			out = append(out, p)
		}
	}
	return out
}
