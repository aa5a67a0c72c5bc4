package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/media/pace"
)

// Session is one speaker and their dubs. Ingest, decoding, recognition and face
// tracking happen once; what differs by language happens in each Dub.
type Session struct {
	cfg     Config
	engines Engines
	clock   pace.Clock
	log     *slog.Logger
	dubs    []*Dub
	meter   *meter
	watch   *watch

	ended atomic.Int64 // source time of the end, once known; 0 before

	mu       sync.Mutex
	heard    int            // final phrases
	failures map[string]int // by stage
}

// New prepares a session; Run does the work. The engines stay the caller's.
func New(cfg Config, engines Engines, clock pace.Clock) (*Session, error) {
	if err := cfg.check(engines); err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	s := &Session{
		cfg: cfg, engines: engines, clock: clock, log: cfg.Log,
		meter: newMeter(), watch: newWatch(), failures: map[string]int{},
	}
	for _, to := range cfg.To {
		s.dubs = append(s.dubs, newDub(s, to))
	}
	return s, nil
}

// Attach lets sink have the dub in lang. It is called before Run.
func (s *Session) Attach(lang inference.Lang, sink media.Sink) error {
	for _, d := range s.dubs {
		if d.lang == lang {
			d.outlet.attach(sink)
			return nil
		}
	}
	return fmt.Errorf("session: no dub in %q: there are %v", lang, s.cfg.To)
}

// Run dubs src until it ends, ctx is cancelled or a part that the session
// cannot do without fails. Sinks are closed, and what they hold is playable,
// in every case. src stays the caller's. It is called once.
func (s *Session) Run(ctx context.Context, src media.Source) error {
	defer s.watch.close()
	tracks := src.Tracks()
	sound, picture := track(tracks, media.Audio), track(tracks, media.Video)
	if sound == nil && picture == nil {
		return errors.New("session: the source has neither sound nor picture")
	}

	g := newGroup(ctx)
	pictures := newLine(s.cfg.Delay + 3*time.Second)
	ears := newEars(s, sound)
	eyes := newEyes(s, picture, pictures)

	g.run("ingest", func(ctx context.Context) error { return s.ingest(ctx, src, ears, pictures) })
	g.run("hear", ears.run)
	if picture != nil {
		g.run("see", eyes.see)
		g.run("show", eyes.show)
	}
	for _, d := range s.dubs {
		d.start(g, ears.line, picture)
	}
	err := g.wait()

	for _, d := range s.dubs {
		err = errors.Join(err, d.outlet.close())
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// ingest hands the source's packets on: sound to be heard at once, pictures to the delay line.
func (s *Session) ingest(ctx context.Context, src media.Source, e *ears, pictures *line) error {
	defer close(e.in)
	defer pictures.end()
	for {
		p, err := src.Read(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("source: %w", err)
		}
		if p.Kind == media.Video {
			if err := pictures.put(ctx, p); err != nil {
				return err
			}
			p.Data = nil // the ears only want to know that time has passed
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

func track(tracks []media.Track, k media.Kind) *media.Track {
	for i := range tracks {
		if tracks[i].Kind == k {
			return &tracks[i]
		}
	}
	return nil
}
