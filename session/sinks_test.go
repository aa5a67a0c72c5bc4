package session_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"livedub/media"
	"livedub/session/fanout"
)

func TestSinksComeAndGo(t *testing.T) {
	src := speaker(t, seconds(9), nil, true, true)
	synctest.Test(t, func(t *testing.T) {
		l := newRig(t).live(t)
		l.publish(src)
		stays, goes, fails, blind, gone := &memory{}, &memory{}, &memory{}, &memory{}, &memory{}
		gone.fail = func(p media.Packet) error {
			if p.PTS > seconds(5) {
				return media.ErrGone
			}
			return nil
		}
		fails.fail = func(p media.Packet) error {
			if p.PTS > seconds(6) {
				return errors.New("the network went away")
			}
			return nil
		}
		var at [5]*fanout.Subscription
		for i, sink := range []*memory{stays, goes, fails, blind, gone} {
			at[i] = l.add("es", sink)
		}
		at[3].SetMaxBitrate(fanout.MinBitrate / 2)
		time.Sleep(seconds(6))
		at[1].Close()
		at[1].Close()
		time.Sleep(seconds(2))
		at[0].Keyframe()
		at[3].SetMaxBitrate(2 * fanout.MinBitrate)
		time.Sleep(seconds(2))
		if got := l.State().Dubs[0].Viewers; got != 2 {
			t.Errorf("%d viewers", got)
		}
		if goes.closes() != 1 || fails.closes() != 1 || gone.closes() != 1 || stays.closes() != 0 {
			t.Errorf("closed %d, %d, %d, %d times", goes.closes(), fails.closes(), gone.closes(), stays.closes())
		}
		if n := l.State().Failures["sink"]; n != 1 {
			t.Errorf("%d sinks failed, want one: the others left", n)
		}
		keys := 0
		for _, p := range stays.got() {
			if p.Kind == media.Video && p.Key {
				keys++
			}
		}
		if keys != 2 {
			t.Errorf("%d keyframes, want the first and the one asked for", keys)
		}
		saw := false
		for _, p := range blind.got() {
			if p.Kind == media.Video {
				if !saw && (!p.Key || p.PTS < seconds(7.9)) {
					t.Errorf("a viewer without room saw a frame at %v, key %v", p.PTS, p.Key)
				}
				saw = true
			}
		}
		if !saw {
			t.Error("a viewer with room again saw nothing")
		}
	})
}

// TestLeavingHoldsNobodyUp has sinks and a publisher whose end takes its time.
func TestLeavingHoldsNobodyUp(t *testing.T) {
	src := speaker(t, seconds(9), nil, true, true)
	synctest.Test(t, func(t *testing.T) {
		l := newRig(t).live(t)
		first := &slowCaller{newCaller(src, l.Clock)}
		first.hang = true
		l.speak(first)
		slow := func() { time.Sleep(time.Second) }
		stays, goes, fails := &memory{}, &memory{closing: slow}, &memory{closing: slow}
		fails.fail = func(p media.Packet) error {
			if p.PTS > seconds(7) {
				return errors.New("the network went away")
			}
			return nil
		}
		var at [3]*fanout.Subscription
		for i, sink := range []*memory{stays, goes, fails} {
			at[i] = l.add("es", sink)
		}
		time.Sleep(seconds(6))
		at[1].Close()
		got := stays.got()
		if last := got[len(got)-1].PTS; l.Clock.Now()-last > seconds(.1) {
			t.Errorf("at %v the others have seen what was due at %v", l.Clock.Now(), last)
		}
		time.Sleep(seconds(4.5))
		if goes.closes() != 1 || fails.closes() != 1 || stays.closes() != 0 {
			t.Errorf("closed %d, %d, %d times", goes.closes(), fails.closes(), stays.closes())
		}
		done := make(chan error, 1)
		go func() { done <- l.Publish(newCaller(src, l.Clock)) }()
		time.Sleep(seconds(.5))
		if l.Phase() != "live" { // while the first is being closed
			t.Errorf("phase %s", l.Phase())
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// slowCaller takes a second to close.
type slowCaller struct{ *caller }

func (c *slowCaller) Close() error {
	time.Sleep(time.Second)
	return c.caller.Close()
}

// TestNewcomersHearNothingStale has everybody leave for a while.
func TestNewcomersHearNothingStale(t *testing.T) {
	src := speaker(t, seconds(20), nil, true, true)
	synctest.Test(t, func(t *testing.T) {
		l := newRig(t).live(t)
		l.publish(src)
		first := &memory{}
		at := l.add("es", first)
		time.Sleep(seconds(8.013))
		at.Close()
		time.Sleep(seconds(15))
		joined := l.Clock.Now()
		second := l.attach("es")
		time.Sleep(seconds(1))
		got := second.got()
		if len(got) == 0 {
			t.Fatal("the newcomer got nothing")
		}
		for _, p := range got {
			if p.PTS < joined-seconds(.05) {
				t.Errorf("%s of %v for a viewer who came at %v", p.Kind, p.PTS, joined)
			}
		}
	})
}

// TestManyAskForKeyframes has so many viewers lose packets that one of them asks at every frame.
func TestManyAskForKeyframes(t *testing.T) {
	src := speaker(t, seconds(9), nil, false, true)
	synctest.Test(t, func(t *testing.T) {
		l := newRig(t).live(t)
		l.publish(src)
		var sinks [15]memory
		var at [len(sinks)]*fanout.Subscription
		for i := range sinks {
			at[i] = l.add("es", &sinks[i])
		}
		time.Sleep(seconds(5.02))
		for n := range 125 {
			at[n%len(at)].Keyframe()
			time.Sleep(time.Second / testFPS)
		}
		time.Sleep(seconds(.6))
		keys, last := 0, time.Duration(0)
		for _, p := range sinks[0].got() {
			if p.Kind != media.Video || !p.Key {
				continue
			}
			keys++
			if keys > 1 && p.PTS-last < fanout.KeyApart {
				t.Errorf("keyframes at %v and %v", last, p.PTS)
			}
			last = p.PTS
		}
		if keys < 10 || keys > 12 { // the first, and those of 5 s
			t.Errorf("%d keyframes", keys)
		}
		for i := range at {
			if at[i].Pending() {
				t.Errorf("viewer %d asked in vain", i)
			}
		}
	})
}

// TestEachCodecIsEncodedOnce has viewers of both codecs see the same frames.
func TestEachCodecIsEncodedOnce(t *testing.T) {
	src := speaker(t, seconds(3), nil, true, true)
	synctest.Test(t, func(t *testing.T) {
		l := newRig(t).live(t)
		sinks := []*memory{{}, {video: media.VP8}, {}, {video: media.VP8}}
		for _, sink := range sinks {
			l.add("es", sink)
		}
		l.publish(src)
		time.Sleep(seconds(9))
		for i, sink := range sinks {
			if got := sink.known(media.Video).Codec; got != sink.codec() {
				t.Errorf("sink %d got %s", i, got)
			}
			show := shownFrames(t, sink)
			if len(show) != 75 {
				t.Fatalf("sink %d: %d frames", i, len(show))
			}
			for n, p := range show {
				if p.number != n%16 {
					t.Errorf("sink %d: frame %d shows %d", i, n, p.number)
				}
			}
		}
		a, b := sinks[0].got(), sinks[2].got()
		for i := range a {
			if a[i].Kind == media.Video && b[i].Kind == media.Video && &a[i].Data[0] != &b[i].Data[0] {
				t.Fatal("two viewers of one codec got two encodings")
			}
		}
	})
}
