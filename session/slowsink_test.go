package session_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"livedub/media"
	"livedub/media/pace"
	"livedub/session/fanout"
	"livedub/session/spec"
	"livedub/session/work"
)

// lateness is a viewer that remembers how late the latest of its packets came.
type lateness struct {
	memory
	clock pace.Clock
	worst atomic.Int64 // ns
}

func (v *lateness) Write(p media.Packet) error {
	v.worst.Store(max(v.worst.Load(), int64(v.clock.Now()-p.PTS)))
	return v.memory.Write(p)
}

// onceAfter blocks for d at the first packet of output time at or later. Who
// closes release ends the block.
func onceAfter(at, d time.Duration, release <-chan struct{}) func(media.Packet) error {
	var done atomic.Bool
	return func(p media.Packet) error {
		if p.PTS >= at && !done.Swap(true) {
			select {
			case <-time.After(d):
			case <-release:
			}
		}
		return nil
	}
}

// TestSlowSinkTouchesNoOther has one sink's write take 1.5 s, which leaves nothing
// out, 2 s, and 60 s: another viewer's lateness and frames are what they are without it.
func TestSlowSinkTouchesNoOther(t *testing.T) {
	src := speaker(t, seconds(14), said, true, true)
	var usual time.Duration
	for _, block := range []time.Duration{0, 1500 * time.Millisecond, 2 * time.Second, 60 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.cfg.Delay = seconds(1)
			l := r.live(t)
			slow := l.attach("es")
			release := make(chan struct{})
			defer close(release)
			slow.fail = onceAfter(seconds(4), block, release)
			viewer := &lateness{clock: l.Clock}
			l.add("es", viewer)
			other := l.attach("en")
			l.publish(src)
			time.Sleep(seconds(16))
			worst := time.Duration(viewer.worst.Load())
			if block == 0 {
				usual = worst
			}
			if worst != usual {
				t.Errorf("a sink blocks %v: another's packets are %v late, else %v", block, worst, usual)
			}
			st := l.State()
			for _, d := range st.Dubs {
				if d.Frames.Out != 350 || d.Frames.Dropped != 0 || d.Lang == "es" && d.Level != spec.Voice {
					t.Errorf("a sink blocks %v: %s at %s, frames %+v", block, d.Lang, d.Level, d.Frames)
				}
			}
			for name, m := range map[string]*memory{"viewer": &viewer.memory, "original": other} {
				if n := len(shownFrames(t, m)); n != 350 {
					t.Errorf("a sink blocks %v: the %s saw %d frames", block, name, n)
				}
			}
			if n := len(shownFrames(t, slow)); block < fanout.MaxQueued && (n < 350-2 || st.Failures["sink"] != 0) {
				t.Errorf("a block of %v cost %d frames, failures %v", block, 350-n, st.Failures)
			}
		})
	}
}

// TestSlowSinkIsDetached has writes take 60 s, and a close wait for the write or not.
func TestSlowSinkIsDetached(t *testing.T) {
	src := speaker(t, seconds(20), nil, true, true)
	for _, stubborn := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.cfg.Delay = seconds(1)
			l := r.live(t)
			stuck := &strict{video: media.H264, audio: media.Opus, fail: onceAfter(seconds(4), 60*time.Second, nil)}
			var sink media.Sink = stuck
			if stubborn {
				sink = oneAtATime{stuck, make(chan struct{}, 1)}
			}
			l.add("es", sink)
			l.attach("es")
			l.publish(src)
			time.Sleep(seconds(4) + fanout.MaxWrite - seconds(.1))
			st := l.State()
			if st.Failures["sink"] != 0 || st.Dubs[0].Viewers != 2 || stuck.closes() != 0 {
				t.Errorf("before %v: failures %v, %d viewers, closed %d times", fanout.MaxWrite, st.Failures, st.Dubs[0].Viewers, stuck.closes())
			}
			if lag := st.Stages["sink"].Lag; lag < seconds(4) {
				t.Errorf("a sink stands for almost 5 s, and the stage's lag is %v", lag)
			}
			time.Sleep(seconds(.2))
			st = l.State()
			if st.Failures["sink"] != 1 || st.Dubs[0].Viewers != 1 || stuck.closes() == 0 != stubborn {
				t.Errorf("after %v: failures %v, %d viewers, closed %d times", fanout.MaxWrite, st.Failures, st.Dubs[0].Viewers, stuck.closes())
			}
			began := time.Now()
			if err := l.m.Delete("a"); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > work.Patience+seconds(1) {
				t.Errorf("the session's end took %v", took)
			}
			time.Sleep(time.Minute) // the write returns
			if stuck.closes() != 1 || stuck.breach() != "" {
				t.Errorf("closed %d times; %q", stuck.closes(), stuck.breach())
			}
		})
	}
}

// TestSlowSinkHasNoWriteAfterItsClose has a detached sink's write return while
// the session goes on: by itself, or with an error because the sink was closed.
func TestSlowSinkHasNoWriteAfterItsClose(t *testing.T) {
	src := speaker(t, seconds(20), nil, true, true)
	for _, breaks := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.cfg.Delay = seconds(1)
			l := r.live(t)
			block := onceAfter(seconds(4), 7*time.Second, nil)
			stuck := &strict{video: media.H264, audio: media.Opus}
			stuck.fail = func(p media.Packet) error {
				err := block(p)
				if breaks && stuck.closes() > 0 {
					return errors.New("use of a closed connection")
				}
				return err
			}
			l.add("es", stuck)
			l.publish(src)
			time.Sleep(seconds(15))
			// What the sink did not get is no failure of its own: it was detached for one.
			if f := l.State().Failures["sink"]; f != 1 || stuck.closes() != 1 || stuck.breach() != "" {
				t.Errorf("write breaks %v: %d failures, closed %d times; %q", breaks, f, stuck.closes(), stuck.breach())
			}
		})
	}
}

// TestSlowSinksEndTogether: several sinks that do not return cost the session's
// end no more than one does.
func TestSlowSinksEndTogether(t *testing.T) {
	src := speaker(t, seconds(9), nil, true, true)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.cfg.Delay = seconds(1)
		l := r.live(t)
		release := make(chan struct{})
		defer close(release)
		for i := range 6 {
			sink := l.attach(l.Languages()[i%2])
			sink.fail = onceAfter(seconds(4), time.Hour, release)
		}
		l.publish(src)
		time.Sleep(seconds(5))
		began := time.Now()
		l.m.Close()
		if took := time.Since(began); took > 2*work.Patience+seconds(1) {
			t.Errorf("the session's end took %v with six stuck sinks", took)
		}
	})
}

// oneAtATime closes only when no write is under way, as a sink with one lock does.
type oneAtATime struct {
	*strict
	lock chan struct{}
}

func (o oneAtATime) Write(p media.Packet) error {
	o.lock <- struct{}{}
	defer func() { <-o.lock }()
	return o.strict.Write(p)
}

func (o oneAtATime) Close() error {
	o.lock <- struct{}{}
	defer func() { <-o.lock }()
	return o.strict.Close()
}

// TestSlowSinkLosesFramesUpToTheKeyframe has a sink that is a third too
// slow for everything, though not for the sound, and one that stands still for 3 s.
func TestSlowSinkLosesFramesUpToTheKeyframe(t *testing.T) {
	src := speaker(t, seconds(20), nil, true, true)
	for name, slow := range map[string]func(media.Packet) error{
		"always": func(media.Packet) error {
			time.Sleep(18 * time.Millisecond) // 75 packets come in a second, 50 of them sound
			return nil
		},
		"once": onceAfter(seconds(4), 3*time.Second, nil),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.cfg.Delay = seconds(1)
				l := r.live(t)
				out := l.attach("es")
				out.fail = slow
				viewer := l.attach("es")
				l.publish(src)
				time.Sleep(seconds(22))
				all := seen(viewer)
				if len(all) != 500 {
					t.Errorf("the other viewer saw %d frames", len(all))
				}
				got, gaps, longest, at := seen(out), 0, 0, 0
				for _, p := range got {
					missed := 0
					for ; at < len(all) && all[at].PTS < p.PTS; at++ {
						missed++
					}
					at++
					if missed == 0 {
						continue
					}
					gaps++
					longest = max(longest, missed)
					if !p.Key {
						t.Errorf("after %d frames left out the next, at %v, is no keyframe", missed, p.PTS)
					}
				}
				if gaps == 0 {
					t.Fatal("no frame was left out")
				}
				if f := l.State(); f.Failures["sink"] != 0 || f.Stages["sink"].Dropped == 0 {
					t.Errorf("failures %v, stage %+v", f.Failures, f.Stages["sink"])
				}
				// It is back when the sink is: at the next keyframe.
				if limit := int(seconds(3)+fanout.KeyApart+seconds(.2)) * testFPS / int(time.Second); name == "once" && (gaps > 1 || longest > limit) {
					t.Errorf("%d gaps, the longest of %d frames, want one of at most %d", gaps, longest, limit)
				}
				if len(shownFrames(t, out)) != len(got) {
					t.Errorf("of %d frames %d can be decoded", len(got), len(shownFrames(t, out)))
				}
			})
		})
	}
}

// seen returns the frames that a sink got.
func seen(m *memory) []media.Packet {
	return slices.DeleteFunc(m.got(), func(p media.Packet) bool { return p.Kind != media.Video })
}

// TestSlowSinkSeesAgain has a sink that for 8 s is too slow even for the sound,
// and then as fast as others, or just fast enough for the sound and no faster:
// frames come back from a keyframe on. Meanwhile the others do not pay for it
// with keyframes.
func TestSlowSinkSeesAgain(t *testing.T) {
	src := speaker(t, seconds(30), nil, true, true)
	const from, to = 4 * time.Second, 12 * time.Second
	for name, afterwards := range map[string]time.Duration{"fast": 0, "just fast enough": 20 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.cfg.Delay = seconds(1)
				l := r.live(t)
				out := l.attach("es")
				out.fail = func(p media.Packet) error {
					switch at := l.Clock.Now(); {
					case at >= from && at < to:
						time.Sleep(30 * time.Millisecond) // 50 packets of sound come in a second
					case at >= to && p.Kind == media.Audio:
						time.Sleep(afterwards)
					}
					return nil
				}
				viewer := l.attach("es")
				l.publish(src)
				time.Sleep(to)
				before := len(seen(out))
				time.Sleep(seconds(32) - to)
				all, got := seen(viewer), seen(out)
				if len(all) != 750 {
					t.Errorf("the other viewer saw %d frames", len(all))
				}
				keys := 0
				for _, p := range all {
					if p.Key {
						keys++
					}
				}
				if keys > 6 {
					t.Errorf("the slow sink cost the other %d keyframes in 30 s", keys)
				}
				back := got[before:]
				if len(back) == 0 {
					t.Fatal("the sink sees nothing although it keeps up")
				}
				first, last := back[0], back[len(back)-1]
				if late := first.PTS - to; !first.Key || late > fanout.MaxQueued+seconds(4) {
					t.Errorf("it sees again from %v on, key %v", first.PTS, first.Key)
				}
				if want := int((last.PTS-first.PTS).Seconds()*testFPS+.5) + 1; last.PTS < seconds(28) || len(back) != want {
					t.Errorf("from %v to %v it saw %d frames, want %d", first.PTS, last.PTS, len(back), want)
				}
				if n := len(shownFrames(t, out)); n != len(got) {
					t.Errorf("of %d frames %d can be decoded", len(got), n)
				}
				if st := l.State(); st.Failures["sink"] != 0 || st.Stages["sink"].Dropped == 0 {
					t.Errorf("failures %v, stage %+v", st.Failures, st.Stages["sink"])
				}
			})
		})
	}
}
