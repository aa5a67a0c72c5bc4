// Package stalls breaks one part of a live session at a time, with fakes, and
// measures what the rest notices: the original, other dubs, other sinks. A test
// runs it in false time, `livedub bench stalls` by the wall's clock.
package stalls

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/session/live"
	"livedub/session/spec"
)

// Stages that can be broken, and the ways in which.
var (
	Stages = []string{"recognizer", "translator", "speaker", "face", "lips", "sink"}
	Kinds  = []string{"0.5s", "2s", "6s", "60s", "forever", "slow", "panic", "garbage", "killed"}
)

// Fault is one part of a session that breaks.
type Fault struct {
	Stage string `json:"stage"`
	// Kind is how: it does nothing for so long without heeding its context;
	// "forever": until its context ends; "slow": a quarter slower than time;
	// "panic", "garbage" and "killed" for 4 s: each call panics, gives nonsense, or
	// fails as where the worker process was killed.
	Kind string `json:"kind"`
}

// Result is what was noticed of a fault.
type Result struct {
	Fault
	OriginalSilentBlocks int `json:"original_silent_blocks"` // of 20 ms, in which the original's tone is missing
	OriginalDropped      int `json:"original_dropped"`       // its frames
	// OthersTouched counts what other dubs and sinks lost: frames, and phrases
	// where the fault is not in a part that all dubs share.
	OthersTouched int `json:"others_touched"`
	// RecoveredS is how long after the fault's end its last trace was seen: a phrase
	// that began and was not dubbed, a mouth that was not made, a new sink that
	// waits for its first frame. -1: it did not recover.
	RecoveredS float64 `json:"recovered_s"`
	Detached   bool    `json:"detached,omitempty"` // the broken sink was taken away
	// Felt counts what the broken stage itself lost: failures, work left out. A
	// fault of which nothing was felt proves nothing.
	Felt int `json:"felt"`
}

// failing names a stage's failures as the session counts them.
var failing = map[string][]string{
	"recognizer": {"recognize"}, "translator": {"translate"}, "speaker": {"speak"}, "face": {"face", "learn"}, "lips": {"lips"}, "sink": {"sink"},
}

const (
	begins = 7 * time.Second // when the fault begins, on the session clock
	brief  = 4 * time.Second // how long faults last that no kind bounds
	after  = 9 * time.Second // how long the speaker goes on after the fault's end
)

// lasts returns how long the fault lasts.
func (f Fault) lasts() time.Duration {
	if d, err := time.ParseDuration(f.Kind); err == nil {
		return d
	}
	switch f.Kind {
	case "slow": // a quarter of it is what the stage falls behind
		return 20 * time.Second
	case "forever":
		return 6 * time.Second
	}
	return brief
}

// Run breaks one part of a session and returns what was noticed. It takes 20 s
// and more of the clock's time.
func Run(ctx context.Context, f Fault) (Result, error) {
	if !slices.Contains(Stages, f.Stage) || !slices.Contains(Kinds, f.Kind) {
		return Result{}, fmt.Errorf("no fault %q of a %q: choose from %v and %v", f.Kind, f.Stage, Kinds, Stages)
	}
	video, audio, err := loops()
	if err != nil {
		return Result{}, err
	}
	l := &lab{Fault: f}
	m := live.NewManager(live.ManagerConfig{
		Engines: l.engines(), Max: 1, Idle: time.Hour,
		Base: spec.Config{
			Profile: spec.Sync, BackgroundGain: .15, Delay: spec.Sync.DefaultDelay(),
			Video: spec.VideoConfig{MaxWidth: width, MaxHeight: height, Hardware: "off"},
		},
	})
	defer m.Close()
	call, err := m.Create(spec.Spec{ID: "stalls", From: "en", To: []inference.Lang{"es", "ca"}, Consent: true})
	if err != nil {
		return Result{}, err
	}
	l.now.Store(&now{call.Clock.Now})
	original, second, dub, other, broken := newSink(nil), newSink(nil), newSink(nil), newSink(nil), newSink(l)
	for _, s := range []struct {
		lang inference.Lang
		to   *sink
	}{{"en", original}, {"en", second}, {"es", dub}, {"ca", other}, {"es", broken}} {
		if s.to == broken && f.Stage != "sink" {
			continue
		}
		if _, err := call.Subscribe(s.lang, s.to); err != nil {
			return Result{}, err
		}
	}
	end := begins + f.lasts()
	p := newPublisher(call.Clock, video, audio, end+after)
	if err := call.Publish(p); err != nil {
		return Result{}, err
	}
	delay := spec.Sync.DefaultDelay()
	if err := call.Clock.Wait(ctx, end); err != nil {
		return Result{}, err
	}
	fresh := newSink(nil)
	if _, err := call.Subscribe("es", fresh); err != nil {
		return Result{}, err
	}
	if err := call.Clock.Wait(ctx, end+after+delay+time.Second); err != nil {
		return Result{}, err
	}
	st := call.State()
	r := Result{Fault: f, Detached: broken.closed.Load()}
	if r.OriginalSilentBlocks, err = original.silent(delay+time.Second, end+after+delay-time.Second); err != nil {
		return r, err
	}
	heard, err := second.silent(delay+time.Second, end+after+delay-time.Second)
	if err != nil {
		return r, err
	}
	r.OthersTouched = heard
	for _, d := range st.Dubs {
		switch {
		case d.Lang == "en":
			r.OriginalDropped = d.Frames.Dropped
		case d.Lang == "ca":
			r.OthersTouched += d.Frames.Dropped
			if f.Stage != "recognizer" {
				r.OthersTouched += d.Outcomes[spec.SkippedFailed] + d.Outcomes[spec.SkippedLate]
			}
		case f.Stage == "sink": // the other sink of the broken one's dub
			r.OthersTouched += d.Frames.Dropped
		}
	}
	r.Felt = st.Stages[f.Stage].Dropped
	for _, name := range failing[f.Stage] {
		r.Felt += st.Failures[name]
	}
	r.RecoveredS, err = recovered(f, st, dub, fresh, end, delay)
	return r, err
}

// recovered returns how long after the fault's end its last trace was seen, in seconds.
func recovered(f Fault, st spec.State, dub, fresh *sink, end, delay time.Duration) (float64, error) {
	last := end
	switch f.Stage {
	case "sink":
		first, ok := fresh.firstFrame()
		if !ok {
			return -1, nil
		}
		last = first
	case "face", "lips":
		bare, ok, err := dub.bare(end+delay, end+after+delay-2*time.Second)
		if err != nil || !ok {
			return -1, err
		}
		if bare > 0 {
			last = bare - delay
		}
	default:
		// All is said without a pause: what no played phrase covers was lost.
		covered, ok := end, false
		for _, d := range st.Dubs {
			if d.Lang != "es" {
				continue
			}
			for _, r := range d.Records {
				if r.Outcome != spec.Played || r.Phrase.End <= end {
					continue
				}
				if gap := r.Phrase.Start - covered; gap > 500*time.Millisecond {
					last = r.Phrase.Start
				}
				covered, ok = r.Phrase.End, true
			}
		}
		if !ok || covered < end+after-4*time.Second {
			return -1, nil
		}
	}
	return max(0, (last - end).Seconds()), nil
}

// lab is the broken part.
type lab struct {
	Fault
	now   atomic.Pointer[now]
	slept atomic.Bool // the one call that sleeps has begun
}

type now struct{ read func() time.Duration }

var errKilled = errors.New("the worker was killed")

// breaks does what the fault does at this moment to a call that works on step of
// the media's time. garbage: the caller gives nonsense.
func (l *lab) breaks(ctx context.Context, step time.Duration) (garbage bool, err error) {
	clock := l.now.Load()
	if clock == nil {
		return false, nil
	}
	at := clock.read()
	if at < begins || at >= begins+l.lasts() {
		return false, nil
	}
	switch l.Kind {
	case "forever":
		<-ctx.Done()
		return false, ctx.Err()
	case "slow":
		time.Sleep(step + step/4)
	case "panic":
		panic("the engine broke")
	case "garbage":
		return true, nil
	case "killed":
		return false, errKilled
	default:
		if l.slept.CompareAndSwap(false, true) {
			time.Sleep(l.lasts())
		}
	}
	return false, nil
}

func (l *lab) engines() spec.Engines {
	e := spec.Engines{
		Recognizer: &fake.Recognizer{}, Translator: &fake.Translator{}, Synthesizer: &fake.Synthesizer{}, Faces: fake.Faces{}, Lips: &fake.Lips{},
	}
	switch l.Stage {
	case "recognizer":
		e.Recognizer = &recognizer{e.Recognizer, l}
	case "translator":
		e.Translator = &translator{e.Translator, l}
	case "speaker":
		e.Synthesizer = &synthesizer{e.Synthesizer, l}
	case "face":
		e.Faces = &faces{e.Faces, l}
	case "lips":
		e.Lips = &lips{Lips: e.Lips, l: l}
	}
	return e
}

// frame is the time between two frames.
const frame = time.Second / fps

// breaksFrame is breaks for an engine that sees each frame: a slow one takes five
// frames for each, as patience with frames is larger than with sound.
func (l *lab) breaksFrame(ctx context.Context) (bool, error) { return l.breaks(ctx, 4*frame) }
