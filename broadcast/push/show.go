package push

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"livedub/internal/guard"
	"livedub/media/srt"
	"livedub/session/spec"
)

// Show sends languages of a session, of which the first has the picture, to a caller by
// SRT until they leave, ctx or the session ends, or what is sent changes. It closes to. It
// fails with ErrNotFound or ErrInvalid before anything is sent.
func (p *Pusher) Show(ctx context.Context, id string, langs []string, accept func() (*srt.Pusher, error)) error {
	p.mu.Lock()
	s := p.sessions[id]
	if s == nil || s.ctx.Err() != nil {
		p.mu.Unlock()
		return ErrNotFound
	}
	if err := check(s, Address{}, langs); err != nil {
		p.mu.Unlock()
		return err
	}
	s.wg.Add(1)
	p.mu.Unlock()
	defer s.wg.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	to, err := accept()
	if err != nil {
		return err
	}
	src := s.source
	src.tell = func(string, State) {} // nobody added it
	c := Config{Log: slog.New(slog.DiscardHandler), Connect: func(context.Context, Address) (Stream, error) { return srtStream{to}, nil }}
	o := newOutput(c, src, spec.Output{Langs: slices.Clone(langs)}, Address{}, cancel)
	defer to.Close()
	defer o.leave()
	defer o.pipe.end()
	var leaves sync.WaitGroup // before there is anything to see, too
	defer leaves.Wait()
	defer cancel()
	leaves.Go(func() {
		select {
		case <-to.Done():
			cancel()
		case <-ctx.Done():
		}
	})
	err = guard.Do("output", func() error {
		_, err := o.once(ctx)
		return err
	})
	if ctx.Err() != nil || errors.Is(err, errIdle) || errors.Is(err, errTracks) {
		return nil
	}
	return err
}
