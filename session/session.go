// Package session is one live speaker being dubbed: sources in, one dub per
// target language out, all on one clock. It joins the rooms that the data passes:
// ingest, audio and video, dub, fanout.
package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/media"
	"livedub/media/pace"
	"livedub/session/audio"
	"livedub/session/dub"
	"livedub/session/fanout"
	"livedub/session/ingest"
	"livedub/session/record"
	"livedub/session/spec"
	"livedub/session/video"
	"livedub/session/work"
)

// Session is one speaker and their dubs. Ingest, decoding, recognition and face
// tracking happen once; what differs by language happens in each dub.
type Session struct {
	cfg     spec.Config
	engines spec.Engines
	shared  *work.Shared
	records *record.Stream
	audio   *audio.Input
	video   *video.Input
	mouths  *video.Mouths

	running context.Context // ends with a live session's dubs
	stop    context.CancelFunc
	buffer  *ingest.AudioBuffer // set before the dubs start; nil where there will be no sound
	opened  chan struct{}       // closed before the dubs start
	ended   atomic.Int64        // source time of a file's end, once known; 0 before

	words atomic.Pointer[glossary.Words]
	dumps dumps

	retarget sync.Mutex  // over changes of the dubs
	group    *work.Group // of a live session's dubs; guarded by retarget

	mu      sync.Mutex
	dubs    []*dub.Dub      // never changed in place
	removed []spec.DubState // of the dubs that were taken away
}

// New prepares a session. The engines stay the caller's. It fails with
// ErrInvalid; inference.ErrUnsupported comes with it where the languages are to blame.
func New(cfg spec.Config, engines spec.Engines, clock pace.Clock) (*Session, error) {
	if err := cfg.Check(engines); err != nil {
		return nil, fmt.Errorf("session: %w: %w", spec.ErrInvalid, err)
	}
	kept := record.Config{Now: clock.Now, Log: cfg.Log}
	if !cfg.Video.File {
		kept.Open = record.TempFiles(cfg.SpoolDir)
	}
	s := &Session{cfg: cfg, engines: engines, shared: work.NewShared(clock, cfg.Log, cfg.Observe.Lag), records: record.New(kept), opened: make(chan struct{})}
	s.words.Store(&cfg.Words)
	s.running, s.stop = context.WithCancel(context.Background())
	s.mouths = video.NewMouths(s.shared, &s.cfg, engines.Lips, s.eachDub((*dub.Dub).Restep))
	s.audio = audio.NewInput(audio.Env{Shared: s.shared, Config: &s.cfg, Engines: engines, Out: toDubs{s}})
	s.video = video.NewInput(video.Env{Shared: s.shared, Config: &s.cfg, Faces: engines.Faces, Mouths: s.mouths, Out: toDubs{s}})
	if !cfg.Video.File { // of a file, the source decides
		s.buffer = s.newBuffer(1)
	}
	for _, to := range cfg.To {
		s.dubs = append(s.dubs, s.newDub(to, false))
	}
	if cfg.Original {
		s.dubs = append(s.dubs, s.newDub(cfg.From, true))
	}
	return s, nil
}

func (s *Session) newBuffer(channels int) *ingest.AudioBuffer {
	return ingest.NewAudioBuffer(channels, s.cfg.Delay+5*time.Second)
}

func (s *Session) newDub(lang inference.Lang, original bool) *dub.Dub {
	return dub.New(dub.Env{Shared: s.shared, Config: &s.cfg, Engines: s.engines, Mouths: s.mouths, Words: s.Words, Tell: s.Tell}, lang, original)
}

// eachDub returns what does fn with every dub that there is then.
func (s *Session) eachDub(fn func(*dub.Dub)) func() {
	return func() {
		for _, d := range s.all() {
			fn(d)
		}
	}
}

// Subscribe lets sink have the dub in lang, from now on. The session closes the
// sink when it is detached, fails, is stuck, or the session ends; one that has
// ended takes none (ErrNotFound), as a codec that the dub does not make (ErrInvalid).
func (s *Session) Subscribe(lang inference.Lang, sink media.Sink, options ...fanout.Option) (*fanout.Subscription, error) {
	if d := s.dub(lang); d != nil {
		return d.Fanout.Subscribe(sink, options)
	}
	return nil, fmt.Errorf("session: no dub in %q: there are %v", lang, s.Languages())
}

// all returns the dubs as they are now.
func (s *Session) all() []*dub.Dub {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dubs
}

func (s *Session) dub(lang inference.Lang) *dub.Dub {
	for _, d := range s.all() {
		if d.Lang == lang {
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
		out = append(out, d.Lang)
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
		s.buffer = s.newBuffer(min(max(sound.Channels, 1), 2))
	}
	s.begin()
	s.openLips(ctx)
	close(s.opened)
	g := work.NewGroup(ctx)
	for _, d := range s.all() {
		d.Start(g, s.buffer, frame != nil)
	}
	s.feed(g, src)
	err := g.Wait()
	return s.leave(ctx, err)
}

// Run keeps the dubs of a live session going until ctx is cancelled or a part
// fails that it cannot do without. Sources come and go by Feed meanwhile. It is called once.
func (s *Session) Run(ctx context.Context) error {
	s.begin()
	s.openLips(ctx)
	g := work.NewGroup(ctx)
	g.Run("session", func(ctx context.Context) error { // languages may be added as long as it runs
		<-ctx.Done()
		return ctx.Err()
	})
	s.retarget.Lock()
	for _, d := range s.all() {
		d.Start(g, s.buffer, true)
	}
	s.group = g
	s.retarget.Unlock()
	close(s.opened)
	err := g.Wait()
	s.retarget.Lock()
	s.group = nil
	s.retarget.Unlock()
	s.stop()
	s.audio.End() // no source uses anymore what is closed now, and none will
	s.video.End()
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
	lasts := ingest.NewLasting(src, &s.shared.Loose)
	s.feed(g, lasts)
	err := g.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(err, lasts.Err())
}

// feed starts what sees and hears one source.
func (s *Session) feed(g *work.Group, src media.Source) {
	frames, sound := ingest.NewDelayBuffer(s.cfg.Delay+3*time.Second), make(chan media.Packet, 64)
	g.Run("ingest", func(ctx context.Context) error { return ingest.Copy(ctx, src, sound, frames) })
	s.audio.Start(g, src, sound, s.buffer)
	s.video.Start(g, src, frames)
}

// openLips opens what the dubs share of the speaker's mouths, where one is to be
// re-rendered: not without the speaker's consent, nor without any dub.
func (s *Session) openLips(ctx context.Context) {
	dubs := slices.ContainsFunc(s.all(), func(d *dub.Dub) bool { return !d.Original })
	if dubs && s.engines.Lips != nil && s.engines.Faces != nil && s.cfg.Consent.Given {
		s.mouths.Open(ctx)
	}
}

// SetLips switches the re-rendering of the mouth on or off in the dubs named,
// from the next frame on. It changes all of them or, with an error, none.
func (s *Session) SetLips(on map[inference.Lang]bool) error {
	for lang, on := range on {
		d := s.dub(lang)
		if d == nil {
			return fmt.Errorf("session: no dub in %q: there are %v", lang, s.Languages())
		}
		if !on {
			continue
		}
		switch d.Lips() {
		case spec.LipsNoConsent:
			return fmt.Errorf("%s: %w: no consent was recorded: create the session with consent", lang, spec.ErrNoLips)
		case spec.LipsUnavailable:
			return fmt.Errorf("%s: %w: no engine makes mouths here", lang, spec.ErrNoLips)
		case "":
			return fmt.Errorf("%s: %w: it is the original: name a dub", lang, spec.ErrNoLips)
		}
	}
	for lang, on := range on {
		s.dub(lang).SetLips(on)
		s.Tell(record.Record{Lang: lang, Lips: &record.Lips{On: on}})
	}
	return nil
}

// SetWords has what the speaker has named, which is clean, hold from the next phrase on.
func (s *Session) SetWords(w glossary.Words) {
	s.words.Store(&w)
	s.Tell(record.Record{Words: &w})
}

// Words returns what the speaker has named.
func (s *Session) Words() glossary.Words { return *s.words.Load() }

// Records returns what has happened, and what will.
func (s *Session) Records() *record.Stream { return s.records }

// Tell lets everybody who listens know of r, unless it is of what was dumped.
func (s *Session) Tell(r record.Record) {
	s.dumps.mu.Lock()
	defer s.dumps.mu.Unlock()
	if s.dumps.told(r) {
		s.records.Append(r)
	}
}

// begin records what the session begins with.
func (s *Session) begin() {
	s.Tell(record.Record{Consent: &s.cfg.Consent})
	if s.cfg.KeepMouths {
		s.Tell(record.Record{KeepMouths: &record.KeepMouths{At: s.cfg.Consent.At}})
	}
	s.Tell(record.Record{Targets: &record.Targets{To: s.Targets()}})
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
	err := work.Together(s.all(), func(d *dub.Dub) error { return d.Fanout.Close() }) // what is stuck costs its time once
	s.records.Close()
	closed := make(chan error, 1)
	left := s.shared.Loose.Wait(func() { closed <- s.mouths.Close() }) // no engine is at work anymore
	if left > 0 {
		s.cfg.Log.Error("calls of engines or sinks do not return: they are left behind; restart the server if this goes on", "calls", left, "stages", s.State().Stages)
		return err
	}
	return errors.Join(err, <-closed)
}
