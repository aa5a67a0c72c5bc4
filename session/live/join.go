package live

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"livedub/internal/guard"
	"livedub/media"
	"livedub/session/ingest"
	"livedub/session/record"
	"livedub/session/spec"
)

// join lets p, the speaker, take the place of a stand-in when p's first keyframe has
// come. The session goes on in the same recognizer and decoders, if they can.
func (c *Call) join(ctx context.Context, s *standing, p spec.Publisher) {
	var lead []media.Packet
	err := guard.Do("publisher", func() (err error) {
		lead, err = leadOf(ctx, p, s.StandIn)
		return err
	})
	if err == nil && c.joins(s, p, lead) {
		select {
		case <-s.splice.Left():
			c.log.Info("the speaker has come: the node before is needed no more")
			s.Replaced()
		case <-s.Done(): // it has ended by itself, or all has
		case <-ctx.Done():
			s.Close()
		}
		return
	}
	s.splice.Forgo()
	if err != nil { // the stand-in goes on
		if ctx.Err() == nil && !errors.Is(err, io.EOF) {
			c.log.Warn("publisher ended", "err", err)
		}
		p.Close()
		c.back(s, p)
		return
	}
	s.Replaced()
	c.feed(ctx, p, led{p, &lead})
}

// joins tells whether the session goes on with p in the same source. Who reads that closes p.
func (c *Call) joins(s *standing, p spec.Publisher, lead []media.Packet) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !s.splice.Join(p, lead) {
		return false
	}
	s.speaker = p
	if c.standing == s {
		c.standing = nil
	}
	return true
}

// back puts a stand-in back in its place, whose speaker has not come.
func (c *Call) back(s *standing, p spec.Publisher) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.publisher != p:
	case c.standing == s:
		c.publisher = s.StandIn
		c.Tell(record.Record{Publisher: &record.Publisher{Here: true}})
	default:
		c.gone(p)
	}
}

const (
	keyTime = 10 * time.Second // for a speaker's first keyframe; encoders may send one as rarely
	maxLead = 200              // packets before it that are kept
)

// leadOf reads a speaker's packets up to the first keyframe, which it asks for. One who
// sends no frames, or none in time, has none; nor has one when the stand-in ends.
func leadOf(ctx context.Context, p spec.Publisher, stand spec.StandIn) (lead []media.Packet, err error) {
	if err := p.Ready(ctx); err != nil {
		return nil, err
	}
	askKey(p)
	limited, cancel := context.WithTimeout(ctx, keyTime)
	defer cancel()
	var watch sync.WaitGroup
	defer watch.Wait()
	defer cancel()
	watch.Go(func() {
		select {
		case <-stand.Done():
			cancel()
		case <-limited.Done():
		}
	})
	for {
		in := limited
		if len(lead) == 0 && limited.Err() != nil {
			in = ctx
		}
		next, err := p.Read(in)
		switch {
		case err != nil && in.Err() != nil && ctx.Err() == nil && len(lead) > 0:
			return lead, nil
		case err != nil && in.Err() != nil && ctx.Err() == nil:
			continue
		case err != nil:
			return nil, err
		case next.Kind == media.Video && !next.Key:
			continue
		}
		lead = append(lead, next)
		if next.Kind == media.Video || limited.Err() != nil {
			return lead, nil
		}
		lead = lead[max(0, len(lead)-maxLead):]
	}
}

func askKey(p spec.Publisher) {
	if p, ok := p.(interface{ Keyframe() }); ok {
		p.Keyframe()
	}
}

// led is a publisher's source of which some was read before.
type led struct {
	spec.Publisher
	lead *[]media.Packet
}

func (l led) Read(ctx context.Context) (media.Packet, error) {
	if lead := *l.lead; len(lead) > 0 {
		*l.lead = lead[1:]
		return lead[0], nil
	}
	return l.Publisher.Read(ctx)
}

// Tap gives out the call's newest packets and those that come, until stop. It does
// nothing where none are kept.
func (c *Call) Tap(out ingest.Outlet) (stop func()) {
	if c.tap == nil {
		return func() {}
	}
	if !c.tap.Open(out) {
		c.Keyframe()
	}
	return func() { c.tap.Close(out) }
}

// Keyframe asks the speaker for one, if that can be asked.
func (c *Call) Keyframe() {
	c.mu.Lock()
	p := c.publisher
	c.mu.Unlock()
	askKey(p)
}
