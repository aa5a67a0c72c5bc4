package enginebench

import (
	"context"
	"sync"
	"time"

	"livedub/inference"
	"livedub/inference/engine"
)

// carrier carries frames to the device and back.
type carrier interface {
	// ask calls back once, on another goroutine or at once, with the deadline that counts.
	ask(session int, item []inference.Tensor, at time.Time, slack time.Duration, back func(deadline time.Time, err error))
	close() // waits for all that was asked
}

// batched is the engine's loop.
type batched struct {
	loop *engine.Batcher
	wg   sync.WaitGroup
}

func (b *batched) ask(session int, item []inference.Tensor, at time.Time, slack time.Duration, back func(time.Time, error)) {
	deadline := at.Add(slack)
	c, err := b.loop.Submit(inference.ModelRequest{Session: names[session%len(names)], Deadline: deadline, In: item})
	if err != nil {
		back(deadline, err)
		return
	}
	b.wg.Go(func() { back(deadline, (<-c).Err) })
}

func (b *batched) close() { b.wg.Wait() }

// names of sessions, made once: making them is not what is measured.
var names = func() (all [1024]string) {
	for i := range all {
		all[i] = "session " + string(rune('0'+i/100)) + string(rune('0'+i/10%10)) + string(rune('0'+i%10))
	}
	return all
}()

// perSession has a goroutine for each session, which runs batches of its own frames.
type perSession struct {
	ctx   context.Context
	model *shared
	batch []inference.Tensor
	size  int
	in    []chan frame
	wg    sync.WaitGroup
}

type frame struct {
	at    time.Time
	slack time.Duration
	back  func(time.Time, error)
}

func newPerSession(ctx context.Context, model *shared, sessions, size int, items [][]inference.Tensor) *perSession {
	p := &perSession{ctx: ctx, model: model, size: size}
	for i, t := range items[0] {
		all := inference.Tensor{Shape: append([]int{size}, t.Shape...)}
		for j := range size {
			all.Data = append(all.Data, items[j%len(items)][i].Data...)
		}
		p.batch = append(p.batch, all)
	}
	for s := range sessions {
		c := make(chan frame, 1024)
		p.in = append(p.in, c)
		// Sessions begin at different times: their batches do not come all at once.
		p.wg.Go(func() { p.serve(c, size-s*size/sessions) })
	}
	return p
}

func (p *perSession) ask(session int, _ []inference.Tensor, at time.Time, slack time.Duration, back func(time.Time, error)) {
	select {
	case p.in[session] <- frame{at, slack, back}:
	default:
		back(at.Add(slack), inference.ErrModelBusy)
	}
}

// serve runs batches of what one session asks for, the first when it has so many.
func (p *perSession) serve(in <-chan frame, first int) {
	var gathered []frame
	for pic := range in {
		if gathered = append(gathered, pic); len(gathered) < first {
			continue
		}
		deadline := pic.at.Add(pic.slack)
		err := error(inference.ErrModelLate)
		<-p.model.free
		if !time.Now().After(deadline) { // what is late already is not run, as in the loop
			_, err = p.model.Model.Run(p.ctx, p.batch)
		}
		p.model.free <- struct{}{}
		for _, g := range gathered {
			g.back(deadline, err)
		}
		gathered, first = gathered[:0], p.size
	}
	for _, g := range gathered { // the run ended; these are not measured
		g.back(g.at, inference.ErrModelLate)
	}
}

func (p *perSession) close() {
	for _, c := range p.in {
		close(c)
	}
	p.wg.Wait()
}
