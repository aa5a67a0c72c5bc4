package fanout

import (
	"context"
	"time"

	"livedub/internal/guard"
	"livedub/media"
	"livedub/session/work"
)

// ProgramKey is how far apart the keyframes of a program are: one stands at every
// multiple of it in output time.
const ProgramKey = 2 * time.Second

const (
	maxFrames  = 4               // that wait for the program's encoder
	maxPending = 128             // frames and blocks of sound that do: 2 s and more
	idle       = 5 * time.Second // without a frame and without a sound, after which a program pauses
)

// program is a dub's second encode, for those who keep what they get or pass it on:
// fixed in size and rate, on the grid of output time, whoever else looks. It takes
// frames and sound without ever keeping the call waiting, and encodes them on a
// goroutine of its own.
//
// While there is nothing to see and nothing to hear it pauses: what comes then is
// on the same grid, and its first packets tell the gap.
type program struct {
	env   *Env
	stage *work.Stage
	queue *work.Queue[toProgram]
	room  chan struct{} // holds one for each frame that waits
	done  chan struct{} // closed when the goroutine has ended

	// Used by the goroutine alone.
	picture     picture
	sound       tone
	running     bool
	seen, heard time.Duration // output times of the last frame and the last sound
}

// toProgram is what waits for the program's encoders: a frame, a block of sound, or
// neither, which has the sound end.
type toProgram struct {
	frame *media.Frame
	fps   float64
	at    time.Duration
	sound media.Samples
}

// startProgram returns a running program that levels its sound by level and hands its
// packets to write.
func startProgram(e *Env, stage *work.Stage, level *leveled, write func(*media.Track, ...media.Packet)) *program {
	p := &program{
		env: e, stage: stage, queue: work.NewQueue(work.AtMost[toProgram](maxPending)),
		room: make(chan struct{}, maxFrames), done: make(chan struct{}),
	}
	p.picture = newPicture(e, write)
	p.sound = tone{write: write, level: level}
	e.Loose.Run(p.run)
	return p
}

// show takes a frame for output time at, which the caller keeps. One that finds too
// many waiting is left out, and counted.
func (p *program) show(f *media.Frame, at time.Duration, fps float64) {
	select {
	case p.room <- struct{}{}:
		p.offer(toProgram{frame: f.Retain(), fps: fps, at: at})
	default:
		p.stage.Drop(1)
	}
}

// play takes a block of sound, which the caller keeps.
func (p *program) play(s media.Samples) {
	s.Data = append([]int16(nil), s.Data...)
	p.offer(toProgram{sound: s, at: s.PTS})
}

// flush has the sound so far end.
func (p *program) flush() { p.offer(toProgram{}) }

func (p *program) offer(x toProgram) {
	dropped := p.queue.Force(x)
	p.stage.Drop(len(dropped))
	p.forget(dropped)
}

// forget gives back what is not encoded.
func (p *program) forget(dropped []toProgram) {
	for _, x := range dropped {
		if x.frame != nil {
			x.frame.Release()
			<-p.room
		}
	}
}

// end lets what waits be encoded, and returns when it is, or it takes too long.
func (p *program) end() {
	p.flush()
	p.queue.End()
	timer := time.NewTimer(work.Patience)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.abandon()
	}
}

// abandon ends the program at once, without what waits.
func (p *program) abandon() { p.forget(p.queue.Rest()) }

func (p *program) run() {
	defer close(p.done)
	defer p.close()
	for {
		x, err := p.queue.Next(context.Background())
		if err != nil {
			return // its end
		}
		p.stage.Begin(max(0, x.at))
		err = p.env.Meter.Do("encode_program", func() error {
			return guard.Do("program", func() error { return p.take(x) })
		})
		p.stage.Done()
		if err != nil {
			p.env.Fail("encode_program", err)
		}
	}
}

func (p *program) take(x toProgram) error {
	switch {
	case x.frame != nil:
		defer func() {
			x.frame.Release()
			<-p.room
		}()
		if err := p.silence(x.at); err != nil {
			return err
		}
		p.begin(x.at)
		p.seen = x.at
		return p.picture.show(x.frame, x.at, x.fps)
	case len(x.sound.Data) > 0:
		return p.listen(x.sound)
	}
	return p.sound.flush()
}

// listen encodes sound, by which the program also knows that time goes on.
func (p *program) listen(s media.Samples) error {
	sounds := sounds(s)
	if sounds {
		p.begin(s.PTS)
		p.heard = s.End()
	}
	if err := p.silence(s.End()); err != nil || !p.running {
		return err
	}
	if err := p.picture.hold(s.End()); err != nil {
		return err
	}
	return p.sound.put(s)
}

// begin ends a pause, or begins the program, at output time at.
func (p *program) begin(at time.Duration) {
	if !p.running {
		p.running = true
		p.picture.begin(at)
		p.sound.gap = true
	}
}

// silence has the program pause where nothing has come for long before output time at.
func (p *program) silence(at time.Duration) error {
	if !p.running || at-max(p.seen, p.heard) <= idle {
		return nil
	}
	p.running = false
	return p.sound.flush()
}

func (p *program) close() {
	p.picture.close()
	p.sound.close()
	p.sound.level.close()
}

// sounds tells whether s is more than silence, with its last bit's noise.
func sounds(s media.Samples) bool {
	for _, v := range s.Data {
		if v < -1 || v > 1 {
			return true
		}
	}
	return false
}
