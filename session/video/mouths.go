package video

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/session/spec"
	"livedub/session/work"
)

// Mouths is what the dubs of a session share of the speaker's mouths.
type Mouths struct {
	shared *work.Shared
	config *spec.Config
	engine inference.Lips // nil for none
	learns *work.Solo
	down   atomic.Bool // the engine is too slow to learn, or fails

	lips atomic.Pointer[inference.LipsSession] // nil where none is made
	lead atomic.Int64                          // set with lips
	kept kept
}

// NewMouths returns what an engine makes, before it is opened. slow is told
// when learning falls behind, and when it keeps up again.
func NewMouths(s *work.Shared, config *spec.Config, engine inference.Lips, slow func()) *Mouths {
	m := &Mouths{shared: s, config: config, engine: engine, kept: kept{at: config.Mouths, keeps: config.KeepMouths}}
	m.learns = work.NewSolo(s.Stage("lips"), s.Pacing, func(down bool) {
		m.down.Store(down)
		slow()
	})
	return m
}

// openLimit is how long an engine may take to open.
const openLimit = 10 * time.Second

// Open opens the engine, once; without it no face is looked for and frames go untouched.
func (m *Mouths) Open(ctx context.Context) {
	if m.Made() {
		return
	}
	lips, err := work.Call(ctx, m.shared.Stage("lips"), work.Within(m.shared.Pacing.Limit(openLimit)), func(ctx context.Context) (inference.LipsSession, error) {
		lips, err := m.engine.Open(ctx)
		if err == nil && ctx.Err() != nil { // nobody waits for it any more
			return nil, errors.Join(ctx.Err(), lips.Close())
		}
		return lips, err
	})
	if err != nil {
		m.shared.Fail("lips", err)
		return
	}
	if l, ok := m.engine.(inference.LipsLead); ok {
		m.lead.Store(int64(max(0, min(l.Lead(), m.config.Delay/2, spec.LookAhead-inference.FaceWindow))))
	}
	m.lips.Store(&lips)
	m.kept.open(ctx, m.shared, lips)
}

// Kept tells what has become of mouths kept in other sessions; nil where none were asked for.
func (m *Mouths) Kept() *spec.Kept {
	known, _ := m.Known()
	return m.kept.read(known.Warm)
}

// Hear tells the engine how loud the source is around a time, dB of full scale.
func (m *Mouths) Hear(at time.Duration, level float64) {
	if lips := m.lips.Load(); lips != nil {
		if l, ok := (*lips).(inference.LipsHear); ok {
			l.Hear(at, level)
		}
	}
}

// Known tells how far the engine knows the speaker's mouths; false where it need not.
func (m *Mouths) Known() (inference.MouthsKnown, bool) {
	if lips := m.lips.Load(); lips != nil {
		if l, ok := (*lips).(inference.LipsKnows); ok {
			return l.Known(), true
		}
	}
	return inference.MouthsKnown{}, false
}

// Made tells whether mouths are made in this session.
func (m *Mouths) Made() bool { return m.lips.Load() != nil }

// Lead is how long before it is due a frame's mouth is begun.
func (m *Mouths) Lead() time.Duration { return time.Duration(m.lead.Load()) }

// Leads tells whether the engine wants mouths begun before they are due.
func (m *Mouths) Leads() bool {
	_, ok := m.engine.(inference.LipsLead)
	return ok
}

// Down tells whether the engine is too slow to learn, or fails.
func (m *Mouths) Down() bool { return m.down.Load() }

// Stage returns the stage that learns.
func (m *Mouths) Stage() *work.Stage { return m.learns.Stage }

// Dub opens the stream of one dub's mouths, at work on stage st; nil where there is none.
func (m *Mouths) Dub(ctx context.Context, st *work.Stage) inference.LipsStream {
	session := m.lips.Load()
	if session == nil {
		return nil
	}
	lips, err := work.Call(ctx, st, work.Within(m.shared.Pacing.Limit(work.MostForFrame)), func(ctx context.Context) (inference.LipsStream, error) {
		lips, err := (*session).Dub(ctx)
		if err == nil && ctx.Err() != nil { // nobody waits for it any more
			return nil, errors.Join(ctx.Err(), lips.Close())
		}
		return lips, err
	})
	if err != nil {
		m.shared.Fail("lips", err)
		return nil
	}
	return lips
}

// Close keeps the speaker's mouths, where they agreed to it, and closes the engine's part.
// Nothing of it may be at work anymore.
func (m *Mouths) Close() error {
	lips := m.lips.Load()
	if lips == nil {
		m.kept.leave(m.shared, nil)
		return nil
	}
	m.kept.leave(m.shared, *lips)
	return (*lips).Close()
}

// learned is what is known of one frame's mouths.
type learned struct {
	faces    []inference.Face
	snapshot inference.Snapshot
}

// learn completes f by whose faces are in it, and learns from their mouths.
func (m *Mouths) learn(ctx context.Context, t *faceTracking, f *Frame) {
	session := m.lips.Load()
	if t == nil || session == nil {
		return
	}
	pixels := f.Pixels
	got, how, err := work.Do(ctx, m.learns, pixels, pixels.PTS+m.config.Delay-m.Lead(), func(ctx context.Context) (out learned, err error) {
		err = m.shared.Meter.Do("learn", func() (err error) {
			if out.faces, err = t.faces(pixels); err == nil {
				out.snapshot, err = (*session).Learn(ctx, pixels, out.faces)
			}
			return err
		})
		return out, err
	}, func(learned) {})
	switch {
	case err != nil && ctx.Err() == nil:
		m.shared.Fail("learn", err) // the frame goes untouched
	case how == work.InTime:
		f.Faces, f.Snapshot = got.faces, got.snapshot
	}
}

func release(frames []*media.Frame) {
	for _, f := range frames {
		f.Release()
	}
}
