// Package lips re-renders mouths. By default it does without a neural net: it
// collects the speaker's own mouths while they talk and shows, for every frame
// of a dub, the one that fits the sound, warped by what is missing; until enough
// are known it warps the mouth that is there. With a net, the net's mouths go
// into the frame in the same way, and where it has none the others do.
package lips

import (
	"context"
	"fmt"
	"image"
	"sync/atomic"
	"time"

	"livedub/inference"
	"livedub/inference/lips/neural"
)

// Config says how mouths are made. The zero value is the default.
type Config struct {
	// Net, if set, makes the mouths. It stays the caller's.
	Net *neural.Net
	// Missed, if set, is told why the net did not make a frame that it was
	// asked for. It is called from any goroutine.
	Missed func(error)
	// Exclude, if set, forbids using the mouth of time then in the frame of
	// time now: benchmarks that loop a clip forbid the frame itself.
	Exclude func(now, then time.Duration) bool
	// Trace, if set, is called after each frame that a dub rendered, from the
	// dub's goroutine.
	Trace func(Trace)
}

// Trace tells what was done to one frame.
type Trace struct {
	PTS    time.Duration
	Method inference.LipsMethod
	Face   int             // ID of the face; 0 for none
	Mask   image.Rectangle // pixels outside were not changed
	Eyes   float64         // distance between the eyes, pixels
	Height float64         // of the opening between the lips that was asked for, in distances between the eyes
	Width  float64         // between the corners, likewise
	Close  bool            // the lips were asked to touch
	Source time.Duration   // of the own mouth that was used; 0 for none
	Opened float64         // how much farther that one was opened, in distances between the eyes; below 0 closed
	Spread float64         // how much wider it was made, likewise
	Why    Why             // none of the speaker's own mouths was shown
}

// Lips is the engine. It is safe for concurrent use.
type Lips struct {
	cfg    Config
	opened atomic.Int64
}

// New returns an engine.
func New(cfg Config) *Lips { return &Lips{cfg: cfg} }

// Open begins with one session's frame.
func (l *Lips) Open(ctx context.Context) (inference.LipsSession, error) {
	return &mouths{cfg: l.cfg, session: fmt.Sprint(l.opened.Add(1)), follower: &follower{}, seen: map[int]*activity{}}, ctx.Err()
}

// lead is how long before it is due a frame is begun, if a net is to make its
// mouth: so that its faces still rest on a FaceWindow of what follows, and the
// net hears what is planned.
const lead = 220 * time.Millisecond

// Lead implements inference.LipsLead.
func (l *Lips) Lead() time.Duration {
	if l.cfg.Net == nil {
		return 0
	}
	return lead
}

// Close implements inference.Lips.
func (l *Lips) Close() error { return nil }
