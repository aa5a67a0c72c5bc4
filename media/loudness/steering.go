package loudness

import "math"

const (
	// gate is the momentary loudness from which sound counts, LUFS, before any gain: what
	// is below is a pause, and raised as the sound around it is, no more.
	gate = -45.0
	// under is how far below the mean of what counts sound does not count, LU (BS.1770).
	under = 10.0
	// window is how much of what counts is remembered, in steps.
	window = 300
	// onset is how much sound counts for nothing after a pause: its 400 ms begin in it.
	onset = 3

	mostUp   = 26.0  // dB that sound is raised at most
	mostDown = -30.0 // and lowered

	step     = .1  // s between two measurements
	settling = 2.0 // s in which two thirds of what is missing are made good
	rise     = 3.0 // dB a second at most
	fall     = 12.0
	// Until so many steps count, it is quicker: nothing is known of the sound yet.
	begun         = 30
	firstSettling = .5
	firstSpeed    = 12.0
)

// steering decides on a gain from how loud sound is: slowly, by the loudness of the
// last half minute of sound that BS.1770's gates let through. Silence changes nothing.
type steering struct {
	target float64 // LUFS
	gain   float64 // dB
	known  int     // steps that have counted, begun at most

	ring    [window]float64 // mean squares, LUFS as powers
	n, at   int
	sounded int // steps since the last pause, onset at most
}

// update is told of each step's momentary loudness, as it was before the gain.
func (s *steering) update(momentary float64) {
	if !(momentary > gate) { // NaN too
		s.pause()
		return
	}
	if s.sounded < onset {
		s.sounded++
		return
	}
	s.ring[s.at] = power(momentary)
	s.at, s.n = (s.at+1)%window, min(s.n+1, window)
	mean, least := s.loudness()
	if momentary < least {
		return
	}
	s.known = min(s.known+1, begun)
	lack := min(max(s.target-mean, mostDown), mostUp) - s.gain
	up, down, time := rise, fall, settling
	if s.known < begun {
		up, down, time = firstSpeed, firstSpeed, firstSettling
	}
	s.gain += min(max(lack*step/time, -down*step), up*step)
}

// pause is told that nothing sounds.
func (s *steering) pause() { s.sounded = 0 }

// loudness returns the mean of what counts of the window, LUFS, and what counts at least.
func (s *steering) loudness() (mean, least float64) {
	least = level(s.mean(0)) - under
	return level(s.mean(power(least))), least
}

// mean returns the mean of the window's powers from least on.
func (s *steering) mean(least float64) float64 {
	sum, n := 0., 0
	for _, p := range s.ring[:s.n] {
		if p >= least {
			sum += p
			n++
		}
	}
	return sum / float64(max(1, n))
}

func power(lufs float64) float64 { return math.Pow(10, lufs/10) }

func level(power float64) float64 { return 10 * math.Log10(max(power, 1e-20)) }
