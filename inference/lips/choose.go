package lips

import (
	"math"
	"slices"
	"time"

	"livedub/inference"
)

// wanted is a mouth to be shown: opening and width in distances between the eyes.
type wanted struct {
	height, width float64
	close         float64 // 0..1: lips pressed together
}

// chooser picks own mouths for a dub, so that each fits and they follow each
// other smoothly.
type chooser struct {
	last    *entry
	entries []*entry  // those that between is of
	between []float64 // cost of showing entry j after entry i, by i*len(entries)+j
	unfit   []*entry  // turned out not to go with this frame
}

// depth is how many frames ahead are looked at.
const depth = 10

// choose returns the entry for the first of the wanted mouths: the beginning
// of the cheapest sequence for all of them, by the Viterbi algorithm. Where it
// returns none, why tells the reason.
func (c *chooser) choose(v *view, want []wanted, now time.Duration, exclude func(now, then time.Duration) bool) (e *entry, why Why) {
	c.compare(v.entries)
	states := make([]int, 0, len(v.entries)) // indices of what may be shown
	for i, e := range v.entries {
		if exclude == nil || !exclude(now, e.at) {
			states = append(states, i)
		}
	}
	if len(states) < enough {
		c.last = nil
		return nil, TooFew
	}
	states = slices.DeleteFunc(states, func(i int) bool {
		return !v.poses(v.entries[i]) || slices.Contains(c.unfit, v.entries[i])
	})
	if len(states) < enoughPosed {
		c.last = nil
		return nil, OtherPose
	}
	want = want[:min(len(want), depth)]
	all := len(v.entries)
	base := make([]float64, all)
	for _, i := range states {
		base[i] = strange(v.entries[i], v)
	}
	// From the last frame back to the first: then the first's cost is the whole sequence's.
	cost, next := make([]float64, all), make([]float64, all)
	for t := len(want) - 1; t >= 0; t-- {
		for _, i := range states {
			follow := 0.0
			if t < len(want)-1 {
				follow = math.Inf(1)
				row := c.between[i*all:][:all]
				for _, j := range states {
					follow = min(follow, row[j]+cost[j])
				}
			}
			next[i] = base[i] + misfit(v.entries[i], want[t]) + follow
		}
		cost, next = next, cost
	}
	best, least := -1, math.Inf(1)
	for _, i := range states {
		total := cost[i]
		if c.last != nil {
			total += follows(c.last, v.entries[i])
		}
		if total < least {
			best, least = i, total
		}
	}
	c.last = v.entries[best]
	return c.last, ""
}

// compare works out the cost of showing each entry after each other one, as far
// as it is not known yet. A list of entries never changes.
func (c *chooser) compare(entries []*entry) {
	if len(entries) == len(c.entries) && (len(entries) == 0 || &entries[0] == &c.entries[0]) {
		return
	}
	was := make(map[*entry]int, len(c.entries))
	for i, e := range c.entries {
		was[e] = i
	}
	n := len(entries)
	between := make([]float64, n*n)
	for i, a := range entries {
		ki, known := was[a]
		for j, b := range entries {
			if kj, too := was[b]; known && too {
				between[i*n+j] = c.between[ki*len(c.entries)+kj]
			} else {
				between[i*n+j] = follows(a, b)
			}
		}
	}
	c.entries, c.between = entries, between
}

// strange is the cost of showing a mouth in a frame, whatever is wanted: of
// another turn of the head, another light, a blur of the whole face or of the mouth alone.
func strange(e *entry, v *view) float64 {
	cost := square((e.yaw-v.turned[0])/.14) + square((e.pitch-v.turned[1])/.14)
	cost += square(math.Log2(e.pose.eyes()/v.pose.eyes()) / .5)
	cost += v.habits.detail.vagueness(e)
	return cost + 3*e.nose.unlike(v.nose) + 20*square(max(0, .9-e.sharp/max(v.sharp, 1e-6)))
}

// misfit is the cost of showing a mouth where another is wanted.
func misfit(e *entry, w wanted) float64 {
	dh, dw := e.shape.height()-w.height, e.shape.width-w.width
	reach := e.reach(w.height) - w.height
	cost := square(dh/.04) + square(reach/.015) + square(dw/.07) + square((e.spread(w.width)-w.width)/.02)
	if w.close > .5 {
		cost += 4 * square(max(0, e.shape.height())/.04)
	}
	return cost
}

// reach returns the height nearest to the wanted one to which the mouth can be warped.
func (e *entry) reach(height float64) float64 {
	h := e.shape.height()
	return max(min(max(height, .7*h-.03), 1.3*h+.03), 0)
}

// spread returns the width nearest to the wanted one to which the mouth can be warped.
func (e *entry) spread(width float64) float64 {
	return min(max(width, .8*e.shape.width), 1.2*e.shape.width)
}

// follows is the cost of showing b after a.
func follows(a, b *entry) float64 {
	if a.at == b.at {
		return 0
	}
	d := 1.8 * min(a.unlike(b), 1.5)
	if gap := (a.at - b.at).Abs(); gap < 90*time.Millisecond {
		d *= .5
	}
	return d + .2
}

func square(x float64) float64 { return x * x }

// want turns the plan into mouths of this speaker. amount below 1 leads from
// the mouth in the frame to the first of them.
func (v *view) want(plan []inference.MouthShape, amount float64) []wanted {
	out := make([]wanted, 0, len(plan))
	for _, m := range plan {
		h, w := v.habits.target(m)
		if amount < 1 {
			h = v.shape.height() + (h-v.shape.height())*amount
			w = v.shape.width + (w-v.shape.width)*amount
		}
		out = append(out, wanted{h, w, m.Close * amount})
	}
	return out
}
