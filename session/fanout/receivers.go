package fanout

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"livedub/media"
	"livedub/session/spec"
	"livedub/session/work"
)

// fan feeds the sinks of one dub.
type receivers interface {
	add(a *Subscription) error
	remove(a *Subscription)
	sinks() int32    // how many are attached
	viewers() int32  // those of them that somebody looks at
	programs() int32 // those that take the program
	films() int32    // those of them that take its frames
	state() work.StageState

	// expect tells which tracks the dub will have.
	expect(sound, frame bool)
	// demands returns one demand for each video codec in use, of a frame for
	// output time at, and takes the requests for keyframes that it grants.
	demands(at time.Duration, lastKey func(media.Codec) (time.Duration, bool)) []demand
	// audioCodec is the one that all sinks take.
	audioCodec() media.Codec
	// write hands packets of track t, which came out of one encode, to the sinks that take them.
	write(e encode, t *media.Track, packets ...media.Packet) error
	// broken takes note of an encoder's failure and returns an error where the session ends by it.
	broken(err error) error
	close() error
}

// roster is who is attached to a dub.
type roster struct {
	env   Env
	count atomic.Int32 // of attached
	seen  atomic.Int32 // of those, not counting recordings
	kept  atomic.Int32 // of those, the program's
	film  atomic.Int32 // of those, the ones that take its frames

	mu            sync.Mutex // over what follows
	subscriptions []*Subscription
	closed        bool
}

func (r *roster) sinks() int32    { return r.count.Load() }
func (r *roster) viewers() int32  { return r.seen.Load() }
func (r *roster) programs() int32 { return r.kept.Load() }
func (r *roster) films() int32    { return r.film.Load() }

// add takes a sink in; the caller has the lock.
func (r *roster) enter(a *Subscription) error {
	if r.closed {
		return fmt.Errorf("session: %w: it has ended: open another", spec.ErrNotFound)
	}
	r.subscriptions = append(r.subscriptions, a)
	r.counted()
	return nil
}

// remove takes a sink out, and tells whether it was in; the caller has the lock.
func (r *roster) leave(a *Subscription) bool {
	i := slices.Index(r.subscriptions, a)
	if i < 0 {
		return false
	}
	r.subscriptions = slices.Delete(r.subscriptions, i, i+1)
	r.counted()
	return true
}

func (r *roster) counted() {
	seen, kept, film := 0, 0, 0
	for _, a := range r.subscriptions {
		if a.program {
			kept++
			if a.video != "" {
				film++
			}
		}
		if !a.records {
			seen++
		}
	}
	r.count.Store(int32(len(r.subscriptions)))
	r.kept.Store(int32(kept))
	r.film.Store(int32(film))
	if was := r.seen.Swap(int32(seen)); int(was) != seen && r.env.Viewers != nil {
		r.env.Viewers(seen)
	}
}

// encode is which of a dub's encodes packets came out of.
type encode struct {
	codec   media.Codec // of frames; "" for whichever the sinks take
	program bool
}

// demand is what all sinks of one video codec want of the next frame.
type demand struct {
	codec      media.Codec
	key        bool
	maxBitrate int // bit/s of the slowest that still sees; 0 for unknown
}

func (r *roster) demands(at time.Duration, lastKey func(media.Codec) (time.Duration, bool)) []demand {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []demand
	for _, a := range r.subscriptions {
		room := int(a.maxBitrate.Load())
		if a.program || a.video == "" || room > 0 && room < MinBitrate {
			continue
		}
		i := slices.IndexFunc(out, func(d demand) bool { return d.codec == a.video })
		if i < 0 {
			i = len(out)
			out = append(out, demand{codec: a.video})
		}
		d := &out[i]
		if last, ok := lastKey(a.video); !ok || at-last >= KeyApart {
			d.key = a.key.Swap(false) || d.key
		}
		if room > 0 && (d.maxBitrate == 0 || room < d.maxBitrate) {
			d.maxBitrate = room
		}
	}
	return out
}

// liveFan feeds sinks that come and go, each from a queue and on a goroutine of
// its own. A sink that fails or is stuck is detached; the rest goes on.
type liveReceivers struct {
	roster
	left work.StageState // of sinks that have left; guarded by mu
}

func (r *liveReceivers) expect(bool, bool)       {}
func (r *liveReceivers) audioCodec() media.Codec { return media.Opus }

func (r *liveReceivers) broken(err error) error {
	r.env.Fail("encode_video", err)
	return nil
}

func (r *liveReceivers) add(a *Subscription) error {
	if err := a.refuse(); err != nil {
		return err
	}
	a.feeder = newFeeder(r.env, a)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.enter(a); err != nil {
		return err
	}
	r.env.Loose.Run(func() { r.gone(a, a.feeder.run()) })
	return nil
}

// gone takes note that a sink has ended: by itself, or by a failure.
func (r *liveReceivers) gone(a *Subscription, err error) {
	r.mu.Lock()
	r.leave(a)
	left := a.feeder.stage.Read()
	r.left.Dropped += left.Dropped
	told := a.stuck
	r.mu.Unlock()
	if err != nil && !told && !errors.Is(err, media.ErrGone) {
		r.env.Fail("sink", err)
	}
}

func (r *liveReceivers) remove(a *Subscription) {
	r.mu.Lock()
	r.leave(a)
	r.mu.Unlock()
	a.feeder.end()
	_ = a.feeder.wait(work.Patience)
}

func (r *liveReceivers) write(e encode, t *media.Track, packets ...media.Packet) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range packets {
		for _, a := range slices.Clone(r.subscriptions) {
			if a.takes(e, p) && a.feeder.offer(trackPacket{p, t}) {
				r.leave(a)
				a.stuck = true
				a.feeder.end()
				a.feeder.queue.Rest() // it is closed: nothing more is written
				r.env.Fail("sink", fmt.Errorf("a sink took more than %v for one write: it was detached", MaxWrite))
				r.env.Loose.Run(a.feeder.close) // which may end that write
			}
		}
	}
	return nil
}

func (r *liveReceivers) state() work.StageState {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.left
	for _, a := range r.subscriptions {
		out = out.Add(a.feeder.stage.Read())
	}
	return out
}

// close gives each sink what is queued for it and closes it.
func (r *liveReceivers) close() error {
	r.mu.Lock()
	r.closed = true
	all := r.subscriptions
	r.subscriptions = nil
	r.counted()
	r.mu.Unlock()
	for _, a := range all {
		a.feeder.end()
	}
	return work.Together(all, func(a *Subscription) error { return a.feeder.wait(work.Patience) })
}
