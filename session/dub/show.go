package dub

import (
	"context"
	"time"

	"livedub/inference"
	"livedub/internal/guard"
	"livedub/session/video"
	"livedub/session/work"
)

// Offer hands a frame to the dub; where time goes on without us, one that is
// late or finds the dub busy is dropped and counted. A dub that nobody watches
// gets none.
func (d *Dub) Offer(ctx context.Context, p video.Frame, late bool) {
	if !d.Fanout.Watched() {
		return
	}
	taken := false
	p.Pixels.Retain()
	if d.env.Pacing.Drops() {
		taken = !late && d.push(p)
	} else {
		select {
		case d.frames <- p:
			taken = true
		case <-ctx.Done():
		}
	}
	if !taken {
		p.Pixels.Release()
	}
	d.count(func(c *counts) {
		c.frames.In++
		if !taken {
			c.frames.Dropped++
		}
	})
}

// push puts a frame where show takes it, if there is room and show still runs.
func (d *Dub) push(p video.Frame) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.blind {
		return false
	}
	select {
	case d.frames <- p:
		return true
	default:
		return false
	}
}

// onItsWay is a frame between the beginning of its mouth and its end.
type onItsWay struct {
	video.Frame
	step time.Duration // from the frame before
	lips inference.LipsStream
}

// mostOnTheirWay is how many frames of a dub wait for their mouths at most.
const mostOnTheirWay = 32

// show is a frame's way through one dub: its mouth, its encoding, its sinks.
func (d *Dub) present(ctx context.Context) error {
	defer d.discard()
	room := 0 // a frame that nothing is begun for waits in d.frames
	if d.env.Mouths.Leads() {
		room = mostOnTheirWay
	}
	m := &mouth{begins: d.solo(), renders: d.solo()}
	ready := make(chan onItsWay, room)
	g := work.NewGroup(ctx)
	g.Run("begin "+string(d.Lang), func(ctx context.Context) error {
		defer close(ready)
		return d.begin(ctx, m, ready)
	})
	g.Run("end "+string(d.Lang), func(ctx context.Context) error { return d.end(ctx, m, ready) })
	err := g.Wait()
	for p := range ready {
		p.Pixels.Release()
	}
	if m.lips != nil { // an engine at work outlives us: it is closed behind it
		m.begins.Close(func() { m.renders.Close(func() { _ = guard.Do("lips", m.lips.Close) }) })
	}
	return err
}

// mouth is what makes one dub's mouths.
type mouth struct {
	begins, renders *work.Solo
	lips            inference.LipsStream // opened with the first frame after the session's mouths; used by begin
	opened          bool
}

func (d *Dub) solo() *work.Solo { return work.NewSolo(d.lipping, d.env.Pacing, d.lipsSlow) }

// begin has the mouth of each frame begun, where the engine wants that.
func (d *Dub) begin(ctx context.Context, m *mouth, ready chan<- onItsWay) error {
	step := time.Second / 30
	last := time.Duration(-1)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case p, ok := <-d.frames:
			if !ok {
				return nil
			}
			if last >= 0 {
				step = min(max(p.Pixels.PTS-last, time.Second/120), time.Second/5)
			}
			last = p.Pixels.PTS
			if !m.opened && d.env.Mouths.Made() {
				m.opened = true
				if !d.Original {
					m.lips = d.env.Mouths.Dub(ctx, d.lipping)
				}
			}
			if ahead, ok := m.lips.(inference.LipsAhead); ok {
				d.beginLips(ctx, m.begins, ahead, p, step)
			}
			select {
			case ready <- onItsWay{p, step, m.lips}:
			case <-ctx.Done():
				p.Pixels.Release()
				return ctx.Err()
			}
		}
	}
}

// end shows each frame when it is due.
func (d *Dub) end(ctx context.Context, m *mouth, ready <-chan onItsWay) error {
	for p := range ready {
		due := p.Pixels.PTS + d.env.Config.Delay
		if err := d.env.Clock.Wait(ctx, due); err != nil {
			p.Pixels.Release()
			return err
		}
		if d.env.Pacing.Late(due) {
			p.Pixels.Release()
			d.count(func(c *counts) { c.frames.Dropped++ })
			continue
		}
		if err := d.presentOne(ctx, m.renders, p); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// discard gives back what waits to be shown, when show ends.
func (d *Dub) discard() {
	d.mu.Lock()
	d.blind = true
	d.mu.Unlock()
	if d.env.Config.Video.File { // until EndFrames
		for p := range d.frames {
			p.Pixels.Release()
		}
		return
	}
	for {
		select {
		case p := <-d.frames:
			p.Pixels.Release()
		default: // Offer finds that nobody looks anymore
			return
		}
	}
}

// showOne shows one frame and gives its reference back.
func (d *Dub) presentOne(ctx context.Context, renders *work.Solo, p onItsWay) error {
	defer p.Pixels.Release()
	frame, method := d.render(ctx, renders, p.lips, p.Frame, p.step)
	due := frame.PTS + d.env.Config.Delay
	if due < time.Duration(d.silent.Load()) {
		frame, method = blackened(frame), inference.Untouched
	}
	defer frame.Release()
	whole := false
	err := d.env.Meter.Do("encode_video", func() (err error) {
		whole, err = d.Fanout.Frame(frame, due, p.FPS)
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
		c.frames.Add(method)
	})
	return nil
}
