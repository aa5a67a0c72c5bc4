package face

import (
	"math"

	"livedub/media"
)

const (
	minFace = 56.0 // smallest window, pixels of the frame: about 20 between the eyes
	minSide = 22.0 // the same in pixels of the search's frame
	growth  = 1.1  // from one window side to the next
	shift   = .1   // from one window to the next, in sides
	outside = .15  // how far a window may leave the frame, in its shorter sides
)

// search looks for faces all over one frame, as fast as its caller has time
// for: it keeps a small copy of the frame.
type search struct {
	c       *classifier
	gray            // with a margin around the frame
	scale   float64 // pixels here for one of the frame
	margin  int     // pixels here
	before  int     // the same in pixels of the frame
	w, h    int     // of the frame
	tables  []*table
	windows int // in all

	level int // of tables, under way
	y     float64
	found []box
}

// start begins anew with frame f.
func (s *search) start(f *media.Frame) {
	if s.w != f.Width || s.h != f.Height {
		s.prepare(f.Width, f.Height)
	}
	s.shrink(f, -s.before, -s.before, s.scale, s.gray.w, s.gray.h)
	s.level, s.y, s.found = 0, -1, s.found[:0]
}

// prepare makes the tables for frames of w by h pixels.
func (s *search) prepare(w, h int) {
	s.w, s.h = w, h
	s.scale = minSide / minFace
	short := float64(min(w, h)) * s.scale
	s.margin = int(math.Ceil(short * outside))
	s.before = int(float64(s.margin) / s.scale)
	s.size(int(float64(w)*s.scale)+2*s.margin, int(float64(h)*s.scale)+2*s.margin)
	s.tables, s.windows = nil, 0
	for side := minSide; side <= short*(1+2*outside)-2; side *= growth {
		t := newTable(s.c, side, s.gray.w)
		s.tables = append(s.tables, t)
		lo, right, bottom := s.bounds(t)
		s.windows += int(max(right-lo, 0)/t.step+1) * int(max(bottom-lo, 0)/t.step+1)
	}
}

// bounds returns where the middles of a table's windows may lie: a window may
// leave the frame by a sixth of its side, and must stay inside the margin.
func (s *search) bounds(t *table) (lo, right, bottom float64) {
	lo = max(t.side/2+1, float64(s.margin)+t.side/3)
	return lo, float64(s.gray.w) - lo, float64(s.gray.h) - lo
}

// more looks at no fewer than n windows, if so many are left, and tells whether
// the search has ended.
func (s *search) more(n int) bool {
	for n > 0 && s.level < len(s.tables) {
		t := s.tables[s.level]
		lo, right, bottom := s.bounds(t)
		if s.y < 0 {
			s.y = lo
		}
		if s.y > bottom {
			s.level, s.y = s.level+1, -1
			continue
		}
		for x := lo; x <= right; x += t.step {
			n--
			if t.passes(s.c, &s.gray, int(x), int(s.y)) {
				if q := s.c.score(&s.gray, float64(int(x)), float64(int(s.y)), t.side); q > 0 {
					s.found = append(s.found, box{float64(int(x)), float64(int(s.y)), t.side, q})
				}
			}
		}
		s.y += t.step
	}
	return s.level >= len(s.tables)
}

// faces returns what an ended search has found, in pixels of the frame, by falling score.
func (s *search) faces() []box {
	groups := merge(s.found)
	for i := range groups {
		g := &groups[i]
		// A pixel here stands for the middle of a box of 1/scale pixels.
		g.x = (g.x+.5)/s.scale - .5 - float64(s.before)
		g.y = (g.y+.5)/s.scale - .5 - float64(s.before)
		g.side /= s.scale
	}
	return groups
}
