package engine

import (
	"math"
	"slices"
	"time"
)

// forget is the half-life of what is known of a bucket that is not used: its
// time falls back to the best ever seen, so that one slow run neither keeps a
// bucket from being tried again nor has all requests refused for ever.
const forget = 2 * time.Second

// speed is how long batches of one size take.
type speed struct {
	size  int
	mean  time.Duration
	dev   time.Duration // mean deviation
	floor time.Duration // the best seen
	at    time.Time     // last measured
}

// speeds is what is known of all buckets, smallest first. At least one.
type speeds struct{ all []speed }

// newSpeed makes one of at least one first run.
func newSpeed(size int, runs []time.Duration, now time.Time) speed {
	s := speed{size: size, floor: max(slices.Min(runs), time.Nanosecond), at: now}
	for _, r := range runs {
		s.mean += max(r, time.Nanosecond) / time.Duration(len(runs))
	}
	s.mean = max(s.mean, s.floor)
	for _, r := range runs {
		s.dev += (r - s.mean).Abs() / time.Duration(len(runs))
	}
	return s
}

// observe learns from one more run.
func (s *speed) observe(took time.Duration, now time.Time) {
	took = max(took, time.Nanosecond)
	mean, dev := s.now(now)
	// One hiccup says little: it must not have another size look faster. A device
	// that has become slower says it again.
	took = min(took, 8*mean+time.Millisecond)
	s.dev = dev + ((took-mean).Abs()-dev)/4
	s.mean = mean + (min(took, mean+mean/2+100*time.Microsecond)-mean)/5
	s.floor = min(took, s.floor+s.floor/100+1)
	s.at = now
}

// now returns mean and deviation as they are to be believed at a time.
func (s *speed) now(at time.Time) (mean, dev time.Duration) {
	age := at.Sub(s.at)
	if age < forget/4 {
		return s.mean, s.dev
	}
	f := math.Exp2(-float64(age) / float64(forget))
	return s.floor + time.Duration(f*float64(s.mean-s.floor)), time.Duration(f * float64(s.dev))
}

func (s *speed) time(at time.Time) time.Duration {
	mean, _ := s.now(at)
	return max(mean, time.Nanosecond)
}

// bound is a time that few runs exceed: beyond what is allowed, a run is in vain.
func (s *speed) bound(at time.Time) time.Duration {
	mean, dev := s.now(at)
	return mean + 3*dev
}

// of returns the bucket of a size.
func (s *speeds) of(size int) *speed {
	for i := range s.all {
		if s.all[i].size == size {
			return &s.all[i]
		}
	}
	return nil
}

// fit returns the smallest bucket that n items fit, or the largest.
func (s *speeds) fit(n int) *speed {
	for i := range s.all {
		if s.all[i].size >= n {
			return &s.all[i]
		}
	}
	return s.largest()
}

func (s *speeds) largest() *speed { return &s.all[len(s.all)-1] }

// least is the time of the smallest batch.
func (s *speeds) least(at time.Time) time.Duration { return s.all[0].bound(at) }

// rate returns how many of n items a second the best bucket carries, and that bucket.
func (s *speeds) rate(n int, at time.Time) (float64, *speed) {
	var best float64
	var which *speed
	for i := range s.all {
		b := &s.all[i]
		if r := float64(min(n, b.size)) / b.time(at).Seconds(); which == nil || r > best*worth {
			best, which = r, b
		}
	}
	return best, which
}

// worth is how much faster a larger batch must be before its longer run is taken for it.
const worth = 1.03

// lower takes away the buckets of size and above; false if none would be left.
func (s *speeds) lower(size int) bool {
	n := len(s.all)
	for n > 0 && s.all[n-1].size >= size {
		n--
	}
	if n == 0 {
		return false
	}
	s.all = s.all[:n]
	return true
}
