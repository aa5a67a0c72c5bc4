package push

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"livedub/internal/guard"
	"livedub/media"
	"livedub/session/spec"
)

// Times of an output.
const (
	connectTime = 10 * time.Second
	shortWait   = time.Second      // after the first failure; twice as long after each,
	longWait    = time.Minute      // so long at most
	refusedWait = 5 * time.Second  // after the first refusal; twice as long after each,
	rareWait    = 5 * time.Minute  // so long at most
	steady      = time.Minute      // a connection that lasted so long was no failure
	keepFor     = 5 * time.Second  // the call's encode goes on through shorter waits
	tick        = time.Second      // between looks at what the call has
	idle        = 30 * time.Second // without a packet, after which the connection is closed
)

// output is one output of a session.
type output struct {
	spec.Output
	cfg    Config
	src    source
	addr   Address
	cancel context.CancelFunc
	pipe   *pipe

	// Used by run alone.
	taps   []*tap // by language; nil where none is attached
	detach []func()
	based  bool
	base   time.Duration // output time that is 0 in the stream

	mu   sync.Mutex
	now  Status
	sent uint64 // by connections that have ended
}

func newOutput(c Config, src source, o spec.Output, a Address, cancel context.CancelFunc) *output {
	return &output{
		Output: o, cfg: c, src: src, addr: a, cancel: cancel, pipe: newPipe(),
		taps: make([]*tap, len(o.Langs)), detach: make([]func(), len(o.Langs)),
		now: Status{ID: o.ID, URL: a.String(), Langs: o.Langs, State: Waiting, Since: time.Now()},
	}
}

func (o *output) status() Status {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.now
	s.Dropped = o.pipe.lost()
	return s
}

func (o *output) stats() Stats {
	s := o.status()
	return Stats{Bytes: s.Bytes, Retries: uint64(s.Retries), Dropped: s.Dropped}
}

// set takes a state, and tells it where it is another; err is why, nil for what is no failure.
func (o *output) set(s State, err error) {
	o.mu.Lock()
	was := o.now.State
	if s != was {
		o.now.State, o.now.Since = s, time.Now()
	}
	if s != Live {
		o.now.Bitrate = 0
	}
	why := o.now.LastError
	if err != nil {
		why = o.addr.hide(plain(err))
		o.now.LastError = why
	}
	o.mu.Unlock()
	if s == was {
		return
	}
	log := o.cfg.Log.Info
	if err != nil {
		log = o.cfg.Log.Warn
	} else {
		why = ""
	}
	log("an output is "+string(s), "session", o.src.id, "output", o.ID, "to", o.addr.String(), "why", why)
	if s != Ended { // which whoever removed it tells
		o.src.tell(o.ID, s)
	}
}

// plain says what an error means to whoever added the output.
func plain(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "the far end takes nothing anymore"
	case errors.Is(err, context.DeadlineExceeded):
		return "the far end does not answer"
	case errors.Is(err, media.ErrGone):
		return "the far end hung up"
	}
	return err.Error()
}

var (
	// errIdle ends a connection by which nothing was sent for a while, errTracks one to
	// which a track has come; neither is a failure.
	errIdle   = errors.New("nothing is to be seen or heard")
	errTracks = errors.New("there is a track more")
)

// run sends the output until ctx ends.
func (o *output) run(ctx context.Context) {
	defer o.set(Ended, nil)
	defer o.leave()
	failures, refusals := 0, 0
	for n := 0; ctx.Err() == nil; n++ {
		if n > 0 {
			o.mu.Lock()
			o.now.Retries++
			o.mu.Unlock()
		}
		var lasted time.Duration
		err := guard.Do("output", func() (err error) {
			lasted, err = o.once(ctx)
			return err
		})
		o.pipe.end()
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errIdle) || errors.Is(err, errTracks) {
			o.set(Waiting, nil)
			failures, refusals, n = 0, 0, n-1
			continue
		}
		if lasted >= steady {
			failures, refusals = 0, 0
		}
		state, wait := Waiting, backOff(shortWait, longWait, failures)
		if errors.As(err, new(interface{ Refused() })) {
			state, wait = Refused, backOff(refusedWait, rareWait, refusals)
			refusals++
		} else {
			failures++
		}
		o.set(state, err)
		if wait > keepFor {
			o.leave()
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// backOff returns how long to wait after so many failures: about, so that not all come
// back at once.
func backOff(first, most time.Duration, failures int) time.Duration {
	d := most
	if failures < 16 {
		d = min(first<<failures, most)
	}
	return time.Duration(float64(d) * (.8 + .4*rand.Float64()))
}

// attach takes the program of every language that is not taken yet. It fails where the
// session has none of them.
func (o *output) attach() error {
	var failed error
	some := false
	for i, lang := range o.Langs {
		if o.taps[i] != nil && o.taps[i].gone() {
			o.let(i)
		}
		if o.taps[i] == nil && !o.src.away() {
			t := &tap{to: o.pipe, sink: i, video: i == 0}
			detach, err := o.src.attach(lang, t)
			if err != nil {
				failed = fmt.Errorf("the session has no %s now", lang)
				continue
			}
			o.taps[i], o.detach[i] = t, detach
		}
		some = some || o.taps[i] != nil
	}
	if some {
		return nil
	}
	return failed
}

func (o *output) let(i int) {
	if o.taps[i] != nil {
		o.detach[i]()
	}
	o.taps[i], o.detach[i] = nil, nil
}

// leave lets go of all languages.
func (o *output) leave() {
	for i := range o.taps {
		o.let(i)
	}
}

// once waits until there is something to send, connects, and sends until that ends. It
// returns for how long it did.
func (o *output) once(ctx context.Context) (lasted time.Duration, err error) {
	o.pipe.begin()
	for {
		if o.src.away() {
			o.leave()
		}
		if err := o.attach(); err != nil {
			return 0, err
		}
		if o.pipe.wait(ctx, nil, tick) {
			break
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	o.set(Connecting, nil)
	bound, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	s, err := o.cfg.Connect(bound, o.addr)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	defer func() {
		err = errors.Join(err, s.Close())
		o.mu.Lock()
		o.sent += s.Sent()
		o.now.Bytes = o.sent
		o.mu.Unlock()
	}()
	c := connection{output: o, stream: s}
	err = c.send(ctx)
	return time.Since(began), err
}
