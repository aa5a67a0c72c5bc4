// Package session is one live speaker being dubbed: a source in, one dub per
// target language out, all on one clock. A frame's journey is in video.go and
// show.go, a phrase's in hear.go and speech.go.
package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"livedub/inference"
	"livedub/internal/guard"
	"livedub/media"
	"livedub/media/pace"
	"livedub/session/fanout"
	"livedub/session/spec"
	"livedub/session/work"
)

// Session is one speaker and their dubs. Ingest, decoding, recognition and face
// tracking happen once; what differs by language happens in each Dub.
type Session struct {
	cfg      spec.Config
	engines  spec.Engines
	clock    pace.Clock
	pace     work.Pacing
	delivery delivery
	log      *slog.Logger
	meter    *work.Meter
	events   *eventHub
	loose    work.Loose

	recognizing, tracking *work.Stage
	learns                *work.Solo
	learnsDown            atomic.Bool

	hearing   chan struct{}   // has room for the one source that is heard,
	listening chan struct{}   // for the one whose words are recognized,
	seeing    chan struct{}   // and for the one whose frames are shown: D longer
	running   context.Context // ends with a live session's dubs
	stop      context.CancelFunc
	buffer    *audioBuffer                          // set before the dubs start; nil where there will be no sound
	lips      atomic.Pointer[inference.LipsSession] // nil where none is made
	ahead     atomic.Int64                          // how long before it is due a frame's mouth is begun; set with mouths
	opened    chan struct{}                         // closed before the dubs start
	ended     atomic.Int64                          // source time of the end, once known; 0 before

	retarget sync.Mutex  // over changes of the dubs
	group    *work.Group // of a live session's dubs; guarded by retarget

	mu       sync.Mutex
	dubs     []*Dub          // never changed in place
	removed  []spec.DubState // of the dubs that were taken away
	heard    int             // final phrases
	lastID   int             // of the last of them
	failures map[string]int  // by stage
}

// New prepares a session. The engines stay the caller's. It fails with
// ErrInvalid; inference.ErrUnsupported comes with it where the languages are to blame.
func New(cfg spec.Config, engines spec.Engines, clock pace.Clock) (*Session, error) {
	if err := cfg.Check(engines); err != nil {
		return nil, fmt.Errorf("session: %w: %w", spec.ErrInvalid, err)
	}
	s := &Session{
		cfg: cfg, engines: engines, clock: clock, log: cfg.Log,
		meter: work.NewMeter(), events: newEventHub(), failures: map[string]int{}, opened: make(chan struct{}),
		hearing: make(chan struct{}, 1), listening: make(chan struct{}, 1), seeing: make(chan struct{}, 1),
		pace: work.PacingOf(clock), delivery: deliveryOf(cfg.Video),
	}
	s.running, s.stop = context.WithCancel(context.Background())
	s.recognizing, s.tracking = s.newStage("recognizer"), s.newStage("face")
	s.learns = work.NewSolo(s.newStage("lips"), s.pace, s.learnsSlow)
	s.buffer = s.delivery.audioBuffer(s)
	for _, to := range cfg.To {
		s.dubs = append(s.dubs, newDub(s, to, false))
	}
	if cfg.Original {
		s.dubs = append(s.dubs, newDub(s, cfg.From, true))
	}
	return s, nil
}

// newStage returns a stage of this session.
func (s *Session) newStage(name string) *work.Stage {
	return work.NewStage(name, s.clock, s.cfg.Observe.Lag, &s.loose)
}

// fanoutEnv is what the dubs' fanouts have of the session.
func (s *Session) fanoutEnv() fanout.Env {
	return fanout.Env{
		Clock: s.clock, Video: s.cfg.Video, Offset: s.cfg.Observe.Offset, SinkErrorsEnd: s.cfg.SinkErrorsEnd,
		Stage: func() *work.Stage { return s.newStage("sink") }, Loose: &s.loose, Fail: s.fail,
	}
}

// Subscribe lets sink have the dub in lang, from now on. The session closes the
// sink when it is detached, fails, is stuck, or the session ends; one that has
// ended takes none (ErrNotFound), as a codec that the dub does not make (ErrInvalid).
func (s *Session) Subscribe(lang inference.Lang, sink media.Sink, options ...fanout.Option) (*fanout.Subscription, error) {
	if d := s.dub(lang); d != nil {
		return d.fanout.Subscribe(sink, options)
	}
	return nil, fmt.Errorf("session: no dub in %q: there are %v", lang, s.Languages())
}

// all returns the dubs as they are now.
func (s *Session) all() []*Dub {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dubs
}

func (s *Session) dub(lang inference.Lang) *Dub {
	for _, d := range s.all() {
		if d.lang == lang {
			return d
		}
	}
	return nil
}

// Has tells whether lang can be attached to.
func (s *Session) Has(lang inference.Lang) bool { return slices.Contains(s.Languages(), lang) }

// Languages returns what can be attached to: the dubs, and the original where it is offered.
func (s *Session) Languages() []inference.Lang {
	var out []inference.Lang
	for _, d := range s.all() {
		out = append(out, d.lang)
	}
	return out
}

// Dub dubs a source that has a beginning and an end, as a file has, and
// returns when the last dub has been said. Sinks are closed, and what they
// hold is playable, in every case. src stays the caller's. It is called once.
func (s *Session) Dub(ctx context.Context, src media.Source) error {
	sound, frame := media.FindTrack(src.Tracks(), media.Audio), media.FindTrack(src.Tracks(), media.Video)
	if sound == nil && frame == nil {
		s.close()
		return errors.New("session: the source has neither audio nor video")
	}
	if sound != nil {
		s.buffer = newAudioBuffer(min(max(sound.Channels, 1), 2), s.cfg.Delay+5*time.Second)
	}
	s.openLips(ctx)
	close(s.opened)
	g := work.NewGroup(ctx)
	for _, d := range s.all() {
		d.start(g, s.buffer, frame != nil)
	}
	s.feed(g, src)
	err := g.Wait()
	return s.leave(ctx, err)
}

// Run keeps the dubs of a live session going until ctx is cancelled or a part
// fails that it cannot do without. Sources come and go by Feed meanwhile. It is called once.
func (s *Session) Run(ctx context.Context) error {
	s.openLips(ctx)
	g := work.NewGroup(ctx)
	g.Run("session", func(ctx context.Context) error { // languages may be added as long as it runs
		<-ctx.Done()
		return ctx.Err()
	})
	s.retarget.Lock()
	for _, d := range s.all() {
		d.start(g, s.buffer, true)
	}
	s.group = g
	s.retarget.Unlock()
	close(s.opened)
	err := g.Wait()
	s.retarget.Lock()
	s.group = nil
	s.retarget.Unlock()
	s.stop()
	s.hearing <- struct{}{} // no source uses anymore what is closed now, and none will
	s.listening <- struct{}{}
	s.seeing <- struct{}{}
	return s.leave(ctx, err)
}

// Feed dubs a live source until its last frame was shown or ctx is cancelled,
// while Run runs, and ends with it. A second source is heard once the one before
// it has ended, and shown once all of that has been shown. A source that fails is
// closed at once; what it has sent is shown, and then its error returned.
func (s *Session) Feed(ctx context.Context, src media.Source) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.running, cancel)()
	select {
	case <-s.opened: // a publisher may be faster than Run
	case <-ctx.Done():
		return ctx.Err()
	}
	g := work.NewGroup(ctx)
	lasts := &lasting{Source: src, s: s}
	s.feed(g, lasts)
	err := g.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(err, lasts.err)
}

// lasting is a live source whose failure is its end.
type lasting struct {
	media.Source
	s   *Session
	err error // of Read; written by who reads
}

func (l *lasting) Read(ctx context.Context) (media.Packet, error) {
	if l.err != nil {
		return media.Packet{}, io.EOF
	}
	p, err := l.Source.Read(ctx)
	if err == nil || errors.Is(err, io.EOF) || ctx.Err() != nil {
		return p, err
	}
	l.err = fmt.Errorf("source: %w", err)
	l.s.loose.Run(func() { _ = guard.Do("source", l.Source.Close) }) // it gives way
	return media.Packet{}, io.EOF
}

// feed starts what looks at and listens to one source.
func (s *Session) feed(g *work.Group, src media.Source) {
	frames := newDelayBuffer(s.cfg.Delay + 3*time.Second)
	listener := newListener(s)
	audio, video := newAudioPipeline(s, src, listener), newVideoPipeline(s, src, frames)
	g.Run("ingest", func(ctx context.Context) error { return s.ingest(ctx, src, audio, frames) })
	g.Run("hear", audio.run)
	g.Run("listen", listener.run)
	g.Run("see", video.run)
}

// turn waits for a place that one source has at a time; leave gives it up.
func turn(ctx context.Context, place chan struct{}) (leave func(), err error) {
	select {
	case place <- struct{}{}:
		return func() { <-place }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// leave closes what the dubs wrote to.
func (s *Session) leave(ctx context.Context, err error) error {
	err = errors.Join(err, s.close())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (s *Session) close() error {
	err := work.Together(s.all(), func(d *Dub) error { return d.fanout.Close() }) // what is stuck costs its time once
	s.events.close()
	closed := make(chan error, 1)
	left := s.loose.Wait(func() { // no engine is at work anymore
		if m := s.lips.Load(); m != nil {
			closed <- (*m).Close()
		}
		close(closed)
	})
	if left > 0 {
		s.log.Error("calls of engines or sinks do not return: they are left behind; restart the server if this goes on", "calls", left, "stages", s.State().Stages)
		return err
	}
	return errors.Join(err, <-closed)
}

// ingest hands the source's packets on: sound to be heard at once, frames to the delay buffer.
func (s *Session) ingest(ctx context.Context, src media.Source, e *audioPipeline, frames *work.Queue[media.Packet]) error {
	defer close(e.in)
	defer frames.End()
	for {
		p, err := src.Read(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("source: %w", err)
		}
		if p.Kind == media.Video {
			if err := frames.Put(ctx, p); err != nil {
				return err
			}
			p.Data = nil // the audio only want to know that time has passed
		}
		select {
		case e.in <- p:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fail counts a failure of a stage and lets it be known.
func (s *Session) fail(stage string, err error) {
	s.mu.Lock()
	s.failures[stage]++
	n := s.failures[stage]
	s.mu.Unlock()
	if n&(n-1) == 0 { // 1, 2, 4, 8, ...: a stage that always fails does not fill the log
		s.log.Warn("stage failed", "stage", stage, "times", n, "err", err)
	}
}
