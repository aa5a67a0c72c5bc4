package fanout

import (
	"sync"

	"livedub/media"
	"livedub/media/codec"
	"livedub/media/loudness"
	"livedub/session/spec"
)

// leveled is the sound of one encode on its way to its loudness, or as it comes where
// target is 0. What fails leaves it as it comes: no call waits for a meter. State may be
// called from any goroutine, all else by one at a time.
type leveled struct {
	env    *Env
	target float64 // LUFS; 0 for none
	lead   bool    // blocks are to come out as long as they go in

	mu     sync.Mutex
	level  *loudness.Leveler // nil before the first sound, and behind the last
	of     int               // channels that level is for
	last   *loudness.State   // of the levels before
	broken bool
}

// next returns what levels the program that follows the one of l, if any: its gain is
// known then.
func (l *leveled) next(e *Env) *leveled {
	out := &leveled{env: e, target: e.Loudness.Program}
	if l != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		out.last = l.last
		if l.level != nil { // its program is still ending
			now := l.level.State()
			out.last = &now
		}
	}
	return out
}

// put returns what of the sound is ready.
func (l *leveled) put(s media.Samples) []media.Samples {
	level := l.open(s)
	if level == nil {
		return []media.Samples{s}
	}
	out, err := level.Put(s)
	if err != nil {
		l.env.Fail("loudness", err)
	}
	return out
}

// open returns what levels sound as s; nil for nothing.
func (l *leveled) open(s media.Samples) *loudness.Leveler {
	if l == nil || l.target == 0 || l.broken {
		return nil
	}
	if l.level != nil && l.of == s.Channels {
		return l.level
	}
	l.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	c := loudness.Config{Target: l.target, Rate: s.Rate, Channels: s.Channels, Lead: l.lead}
	if l.last != nil {
		c.Gain = l.last.Gain
	}
	level, err := loudness.New(c)
	if err != nil {
		l.broken = true
		l.env.Fail("loudness", err)
		return nil
	}
	l.level, l.of = level, s.Channels
	return level
}

// flush returns the rest of the sound.
func (l *leveled) flush() []media.Samples {
	if l == nil || l.level == nil {
		return nil
	}
	out, err := l.level.Flush()
	if err != nil {
		l.env.Fail("loudness", err)
	}
	return out
}

// reset forgets what has not come out.
func (l *leveled) reset() {
	if l != nil && l.level != nil {
		l.level.Reset()
	}
}

// close frees it; what it told stays.
func (l *leveled) close() {
	if l == nil || l.level == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.level.State()
	l.last = &st
	l.level.Close()
	l.level = nil
}

// state returns how loud the sound is, or was; nil where none was leveled.
func (l *leveled) state() *spec.Loudness {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.last
	if l.level != nil {
		now := l.level.State()
		st = &now
	}
	if st == nil {
		return nil
	}
	out := &spec.Loudness{Target: st.Target, Gain: st.Gain}
	if st.Integrated > codec.Silent {
		out.Integrated = new(st.Integrated)
	}
	if st.TruePeak > codec.Silent {
		out.TruePeak = new(st.TruePeak)
	}
	return out
}
