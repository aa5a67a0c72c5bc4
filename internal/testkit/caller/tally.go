package caller

import "time"

// SpeakerTally is what a speaker did.
type SpeakerTally struct {
	Began     time.Time // material time 0; zero: it was never connected
	ConnectMS float64   // the first time
	Frames    int
	Packets   int
	Keyframes int // asked for by the server
	Lost      int // connections
	Away      time.Duration
	Lag       Series // how late frames left, ms
	Failed    error  // why it is not connected
}

// Tally returns what the speaker did until now.
func (s *Speaker) Tally() SpeakerTally {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := SpeakerTally{s.began, s.connectMS, s.frames, s.packets, s.keyframes, s.lost, s.away, s.lag, s.failed}
	if !s.connected && !s.sinceAway.IsZero() {
		t.Away += time.Since(s.sinceAway)
	}
	return t
}

// ViewerTally is what a viewer got.
type ViewerTally struct {
	Lang       string
	Codec      string
	Reached    bool // it was connected once
	ConnectMS  float64
	FirstMS    float64 // to the first whole frame; none came where Frames is 0
	Lost       int     // connections
	Moved      int     // connections that another took the place of before they ended
	Frames     int
	Freezes    int
	Frozen     time.Duration
	Damaged    int
	LostFrames int // packets
	Keyframes  int // asked for
	Sounds     int // packets
	LostSounds int
	Gaps       int
	GapMax     time.Duration
	Arrival    Series // how much later than sound of the same time a frame comes, ms
	Failed     error  // why it is not connected
	Judged     *Judge // nil: nothing was decoded
}

// Tally returns what the viewer got until now.
func (v *Viewer) Tally() ViewerTally {
	v.mu.Lock()
	defer v.mu.Unlock()
	return ViewerTally{v.to.Lang, v.codec, v.reached, v.connectMS, v.firstMS, v.lost, v.moved, v.frames, v.freezes, v.frozen, v.damaged, v.lostFrames,
		v.plis, v.sounds, v.lostSounds, v.gaps, v.gapMax, v.arrival, v.failed, v.judge}
}

// JudgeTally is what a judge found.
type JudgeTally struct {
	Glass, Offset  Series // ms
	Missing, Twice int    // frames
	Misread        int
	LeftOut        int // not judged, for want of time
	Sounded        int // phrases that somebody was heard in
	Silent         int // and those that were silent
}

// Tally returns what the judge found. Run has returned.
func (j *Judge) Tally() JudgeTally {
	return JudgeTally{j.glass, j.offset, j.missing, j.twice, j.misread, j.leftOut, j.phrases.sounded, j.phrases.silent}
}
