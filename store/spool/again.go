package spool

import "time"

const (
	// mostPast is how many files are kept of what the journal behind has taken.
	mostPast = 64
	// restart is how long it must have been away to come back without what it had:
	// what is undone and tried again, and a connection that breaks, take less.
	restart = 5 * time.Second
)

// old tells whether a segment is to be written to no more, so that what was shipped of
// it is not kept for longer than the rest; the caller has the lock, as of the others.
func (j *Journal) old(s *segment) bool {
	return j.cfg.Again > 0 && s.size > 0 && time.Since(s.began) > j.cfg.Again/2
}

// retire keeps the first segment, of which nothing waits, as one of the past.
func (j *Journal) retire() {
	j.past, j.segments = append(j.past, j.segments[0]), j.segments[1:]
	if len(j.past) > mostPast {
		j.remove(j.past[0])
		j.past = j.past[1:]
	}
}

// age forgets what was shipped too long ago to be written again. While the journal
// behind is away nothing ages: it has what it had when that began, or less.
func (j *Journal) age() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.cfg.Again <= 0 || j.failing {
		return
	}
	for len(j.past) > 0 && time.Since(j.past[0].shipped) > j.cfg.Again {
		j.remove(j.past[0])
		j.past = j.past[1:]
	}
	if len(j.segments) == 1 {
		if s := j.segments[0]; s.size > 0 && s.read == s.size && time.Since(s.shipped) > j.cfg.Again {
			s.clear()
		}
	}
}

// clear empties the segment that is written to, of which nothing waits.
func (s *segment) clear() {
	if s.file.Truncate(0) == nil {
		s.size, s.read, s.total, s.began = 0, 0, 0, time.Now()
	}
}

// again has all that is kept written once more, now that the journal behind is back
// from having been away for so long.
func (j *Journal) again(away time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failing = false
	if j.cfg.Again <= 0 || away < restart {
		return
	}
	all, bytes, batches := append(j.past, j.segments...), int64(0), 0
	for _, s := range all {
		bytes, batches = bytes+s.size, batches+s.total-s.batches
	}
	if bytes > j.cfg.Max/2 { // what comes needs the room
		j.cfg.Log.Warn("what the journal took before it was away is not written to it again, for want of room", "batches", batches)
		return
	}
	j.segments, j.past = all, nil
	for _, s := range all {
		s.read, s.batches = 0, s.total
	}
	j.stats.Batches += batches
	j.stats.Again += batches
	j.cfg.Log.Info("the journal is back: what it took before is written again, should it lack it", "batches", batches, "away", away)
	j.changed()
}
