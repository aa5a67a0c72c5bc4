package push

import (
	"context"
	"errors"
	"time"

	"livedub/media"
)

const (
	trackWait = 3 * time.Second  // for all tracks, once some have come: keyframes are 2 s apart
	frameWait = 10 * time.Second // for a keyframe, where there is a picture
	rateTime  = 3 * time.Second  // of which the bitrate is told
)

// connection is one stream to the far end.
type connection struct {
	*output
	stream Stream

	video  int   // place of the picture among the tracks; -1 for none
	sounds []int // so, of each language's sound
	last   []time.Duration
	rated  time.Time // when the bitrate was last told
	was    uint64    // bytes that had been sent by then
}

var errBlind = errors.New("no keyframe comes")

// send begins at a keyframe and sends until something ends.
func (c *connection) send(ctx context.Context) error {
	early, err := c.gather(ctx)
	if err != nil {
		return err
	}
	if err := c.start(); err != nil {
		return err
	}
	c.pipe.counts()
	if !c.based {
		c.based, c.base = true, early[0].DTS
	}
	for _, x := range early {
		if err := c.pass(x); err != nil {
			return c.why(err)
		}
	}
	c.set(Live, nil)
	c.rated, c.was = time.Now(), c.stream.Sent()
	looked, sent := time.Now(), time.Now()
	for {
		x, ok := c.pipe.next(ctx, c.stream.Done(), tick)
		if ok {
			if err := c.pass(x); err != nil {
				return c.why(err)
			}
			sent = time.Now()
		}
		select {
		case <-c.stream.Done():
			return c.stream.Err()
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		now := time.Now()
		if now.Sub(looked) < tick {
			continue
		}
		looked = now
		c.measure(now)
		switch {
		case c.src.away() || now.Sub(sent) > idle:
			return errIdle
		case c.grown():
			return errTracks
		}
		_ = c.attach() // what it misses may come back
	}
}

// why returns what has ended the stream, of which a failed write may be a consequence.
func (c *connection) why(err error) error {
	select {
	case <-c.stream.Done():
		return c.stream.Err()
	case <-time.After(100 * time.Millisecond): // what the far end said may be on its way
	}
	return err
}

// gather waits for all tracks, and returns what is to be sent first: from a keyframe on.
func (c *connection) gather(ctx context.Context) ([]item, error) {
	var early []item
	key := false
	for began := time.Now(); ; {
		x, ok := c.pipe.next(ctx, c.stream.Done(), 100*time.Millisecond)
		waited := time.Since(began)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case ok && x.Kind == media.Video && x.Key && !key:
			key, early = true, []item{x}
		case ok && (x.Kind == media.Audio || key):
			early = append(early, x)
		}
		select {
		case <-c.stream.Done():
			return nil, c.stream.Err()
		default:
		}
		picture := c.track(0, media.Video) != nil
		switch {
		case picture && !key && waited > frameWait || len(early) == 0 && waited > idle:
			return nil, errBlind
		case len(early) > 0 && key && (c.heard() || waited > trackWait):
			return early, nil
		case len(early) > 0 && !picture && waited > trackWait:
			return early, nil
		case len(early) > mostItems:
			early = early[1:]
		}
	}
}

// track returns one of a language's, nil while there is none.
func (c *connection) track(i int, k media.Kind) *media.Track {
	if c.taps[i] == nil {
		return nil
	}
	return c.taps[i].track(k)
}

// heard tells whether the sound of every language is known.
func (c *connection) heard() bool {
	for i := range c.taps {
		if c.track(i, media.Audio) == nil {
			return false
		}
	}
	return true
}

// start tells the far end of the tracks.
func (c *connection) start() error {
	var tracks []Track
	c.video, c.sounds = -1, make([]int, len(c.taps))
	if t := c.track(0, media.Video); t != nil {
		c.video = 0
		tracks = append(tracks, Track{Track: *t})
	}
	for i := range c.taps {
		c.sounds[i] = -1
		if t := c.track(i, media.Audio); t != nil {
			c.sounds[i] = len(tracks)
			tracks = append(tracks, Track{*t, c.Langs[i]})
		}
	}
	c.last = make([]time.Duration, len(tracks))
	for i := range c.last {
		c.last[i] = -1
	}
	return c.stream.Start(tracks)
}

// grown tells whether there is a track that the far end does not know of.
func (c *connection) grown() bool {
	if c.video < 0 && c.track(0, media.Video) != nil {
		return true
	}
	for i, at := range c.sounds {
		if at < 0 && c.track(i, media.Audio) != nil {
			return true
		}
	}
	return false
}

// pass sends a packet, whose times in the stream go on from one connection to the next.
func (c *connection) pass(x item) error {
	at := c.sounds[x.sink]
	if x.Kind == media.Video {
		at = c.video
	}
	p := x.Packet
	p.PTS, p.DTS = p.PTS-c.base, p.DTS-c.base
	if at < 0 || p.DTS < 0 || p.DTS <= c.last[at] {
		return nil
	}
	c.last[at] = p.DTS
	return c.stream.Write(at, p)
}

// measure tells how much is sent.
func (c *connection) measure(now time.Time) {
	n := c.stream.Sent()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now.Bytes = c.sent + n
	if d := now.Sub(c.rated); d >= rateTime {
		c.now.Bitrate = int(float64(n-c.was) * 8 / d.Seconds())
		c.rated, c.was = now, n
	}
}
