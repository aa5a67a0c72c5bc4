// Package ingest reads a session's sources: sound goes on at once, compressed
// frames wait in a delay buffer until they are wanted, and so does decoded sound
// until the dubs play it.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"livedub/internal/guard"
	"livedub/media"
	"livedub/session/work"
)

// Copy hands a source's packets on until its end: sound to sound at once, frames
// to the delay buffer. For each frame sound gets a packet without data, by which
// it knows that time has passed.
func Copy(ctx context.Context, src media.Source, sound chan<- media.Packet, frames *work.Queue[media.Packet]) error {
	defer close(sound)
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
			p.Data = nil
		}
		select {
		case sound <- p:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Lasting is a live source whose failure is its end: what has come is dubbed.
type Lasting struct {
	media.Source
	loose *work.Loose
	err   error // of Read; written by who reads
}

// NewLasting returns src as one that lasts. Where it fails it is closed at once,
// by a goroutine of loose.
func NewLasting(src media.Source, loose *work.Loose) *Lasting {
	return &Lasting{Source: src, loose: loose}
}

func (l *Lasting) Read(ctx context.Context) (media.Packet, error) {
	if l.err != nil {
		return media.Packet{}, io.EOF
	}
	p, err := l.Source.Read(ctx)
	if err == nil || errors.Is(err, io.EOF) || ctx.Err() != nil {
		return p, err
	}
	l.err = fmt.Errorf("source: %w", err)
	l.loose.Run(func() { _ = guard.Do("source", l.Source.Close) }) // it gives way
	return media.Packet{}, io.EOF
}

// Err returns why the source failed; nil where it did not. It may be asked once nobody reads.
func (l *Lasting) Err() error { return l.err }

// Turn has room for one source at a time.
type Turn chan struct{}

// NewTurn returns one that nobody has.
func NewTurn() Turn { return make(Turn, 1) }

// Take waits for the turn; leave gives it up.
func (t Turn) Take(ctx context.Context) (leave func(), err error) {
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// End waits until no source has the turn. None gets it anymore.
func (t Turn) End() { t <- struct{}{} }
