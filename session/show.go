package session

import (
	"context"
	"time"

	"livedub/inference"
)

// offer hands a picture to the dub; where time goes on without us, one that is
// late or finds the dub busy is dropped and counted. A dub that nobody watches
// gets none.
func (d *Dub) offer(ctx context.Context, p picture, late bool) {
	if !d.outlet.watched() {
		return
	}
	taken := false
	p.frame.Retain()
	if d.s.clock.Live() {
		taken = !late && d.push(p)
	} else {
		select {
		case d.pictures <- p:
			taken = true
		case <-ctx.Done():
		}
	}
	if !taken {
		p.frame.Release()
	}
	d.count(func(c *counts) {
		c.frames.In++
		if !taken {
			c.frames.Dropped++
		}
	})
}

// push puts a picture where show takes it, if there is room and show still runs.
func (d *Dub) push(p picture) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.blind {
		return false
	}
	select {
	case d.pictures <- p:
		return true
	default:
		return false
	}
}

// onItsWay is a picture between the beginning of its mouth and its end.
type onItsWay struct {
	picture
	step time.Duration // from the picture before
}

// mostOnTheirWay is how many pictures of a dub wait for their mouths at most.
const mostOnTheirWay = 32

// show is a picture's way through one dub: its mouth, its encoding, its sinks.
func (d *Dub) show(ctx context.Context) error {
	defer d.discard()
	lips := d.openLips(ctx)
	if lips != nil {
		defer lips.Close()
	}
	room := 0 // a picture that nothing is begun for waits in d.pictures
	if d.s.lead > 0 {
		room = mostOnTheirWay
	}
	ready := make(chan onItsWay, room)
	g := newGroup(ctx)
	g.run("begin "+string(d.lang), func(ctx context.Context) error {
		defer close(ready)
		return d.begin(ctx, lips, ready)
	})
	g.run("end "+string(d.lang), func(ctx context.Context) error { return d.end(ctx, lips, ready) })
	err := g.wait()
	for p := range ready {
		p.frame.Release()
	}
	return err
}

// begin has the mouth of each picture begun, where the engine wants that.
func (d *Dub) begin(ctx context.Context, lips inference.LipsStream, ready chan<- onItsWay) error {
	ahead, _ := lips.(inference.LipsAhead)
	step := time.Second / 30
	last := time.Duration(-1)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case p, ok := <-d.pictures:
			if !ok {
				return nil
			}
			if last >= 0 {
				step = min(max(p.frame.PTS-last, time.Second/120), time.Second/5)
			}
			last = p.frame.PTS
			if ahead != nil {
				d.beginLips(ctx, ahead, p, step)
			}
			select {
			case ready <- onItsWay{p, step}:
			case <-ctx.Done():
				p.frame.Release()
				return ctx.Err()
			}
		}
	}
}

// end shows each picture when it is due.
func (d *Dub) end(ctx context.Context, lips inference.LipsStream, ready <-chan onItsWay) error {
	for p := range ready {
		due := p.frame.PTS + d.s.cfg.Delay
		if err := d.s.clock.Wait(ctx, due); err != nil {
			p.frame.Release()
			return err
		}
		if d.s.late(due) {
			p.frame.Release()
			d.count(func(c *counts) { c.frames.Dropped++ })
			continue
		}
		if err := d.showOne(ctx, lips, p.picture, p.step); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// discard gives back what waits to be shown, when show ends. A file's eyes tell
// when they have ended; a live source's find that nobody looks anymore.
func (d *Dub) discard() {
	d.mu.Lock()
	d.blind = true
	d.mu.Unlock()
	if d.s.cfg.Picture.File {
		for p := range d.pictures {
			p.frame.Release()
		}
		return
	}
	for {
		select {
		case p := <-d.pictures:
			p.frame.Release()
		default:
			return
		}
	}
}

// showOne shows one picture and gives its reference back.
func (d *Dub) showOne(ctx context.Context, lips inference.LipsStream, p picture, step time.Duration) error {
	defer p.frame.Release()
	frame, method := d.render(ctx, lips, p, step)
	defer frame.Release()
	due := frame.PTS + d.s.cfg.Delay
	whole := false
	err := d.s.meter.do("encode_video", func() (err error) {
		whole, err = d.outlet.picture(frame, due, p.fps)
		return err
	})
	if err != nil {
		return err
	}
	d.count(func(c *counts) {
		if !whole {
			c.frames.Dropped++
			return
		}
		c.frames.Out++
		c.frames.add(method)
	})
	return nil
}
