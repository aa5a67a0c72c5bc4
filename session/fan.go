package session

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"livedub/media"
)

// fan feeds the sinks of one dub.
type fan interface {
	attach(a *Attachment) error
	detach(a *Attachment)
	sinks() int32   // how many are attached
	viewers() int32 // those of them that somebody looks at
	state() StageState

	// expect tells which tracks the dub will have.
	expect(sound, picture bool)
	// demands returns one demand for each video codec in use, of a picture for
	// output time at, and takes the requests for keyframes that it grants.
	demands(at time.Duration, lastKey func(media.Codec) (time.Duration, bool)) []demand
	// audioCodec is the one that all sinks take.
	audioCodec() media.Codec
	// write hands packets of track t to the sinks that take them; pictures are of codec c.
	write(c media.Codec, t *media.Track, packets ...media.Packet) error
	// broken takes note of an encoder's failure and returns an error where the session ends by it.
	broken(err error) error
	close() error
}

// roster is who is attached to a dub.
type roster struct {
	s     *Session
	count atomic.Int32 // of attached
	seen  atomic.Int32 // of those, not counting recordings

	mu       sync.Mutex // over what follows
	attached []*Attachment
	closed   bool
}

func (r *roster) sinks() int32   { return r.count.Load() }
func (r *roster) viewers() int32 { return r.seen.Load() }

// add takes a sink in; the caller has the lock.
func (r *roster) add(a *Attachment) error {
	if r.closed {
		return fmt.Errorf("session: %w: it has ended: open another", ErrNotFound)
	}
	r.attached = append(r.attached, a)
	r.counted()
	return nil
}

// remove takes a sink out, and tells whether it was in; the caller has the lock.
func (r *roster) remove(a *Attachment) bool {
	i := slices.Index(r.attached, a)
	if i < 0 {
		return false
	}
	r.attached = slices.Delete(r.attached, i, i+1)
	r.counted()
	return true
}

func (r *roster) counted() {
	seen := 0
	for _, a := range r.attached {
		if !a.records {
			seen++
		}
	}
	r.count.Store(int32(len(r.attached)))
	r.seen.Store(int32(seen))
}

// demand is what all sinks of one video codec want of the next picture.
type demand struct {
	codec media.Codec
	key   bool
	room  int // bit/s of the slowest that still sees; 0 for unknown
}

func (r *roster) demands(at time.Duration, lastKey func(media.Codec) (time.Duration, bool)) []demand {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []demand
	for _, a := range r.attached {
		room := int(a.room.Load())
		if a.video == "" || room > 0 && room < minRoom {
			continue
		}
		i := slices.IndexFunc(out, func(d demand) bool { return d.codec == a.video })
		if i < 0 {
			i = len(out)
			out = append(out, demand{codec: a.video})
		}
		d := &out[i]
		if last, ok := lastKey(a.video); !ok || at-last >= keyApart {
			d.key = a.key.Swap(false) || d.key
		}
		if room > 0 && (d.room == 0 || room < d.room) {
			d.room = room
		}
	}
	return out
}

// liveFan feeds sinks that come and go, each from a queue and on a goroutine of
// its own. A sink that fails or is stuck is detached; the rest goes on.
type liveFan struct {
	roster
	left StageState // of sinks that have left; guarded by mu
}

func (f *liveFan) expect(bool, bool)       {}
func (f *liveFan) audioCodec() media.Codec { return media.Opus }

func (f *liveFan) broken(err error) error {
	f.s.fail("encode_video", err)
	return nil
}

func (f *liveFan) attach(a *Attachment) error {
	if err := refuse(a.video, a.audio); err != nil {
		return err
	}
	a.feeder = newFeeder(f.s, a)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.add(a); err != nil {
		return err
	}
	f.s.loose.run(func() { f.gone(a, a.feeder.run()) })
	return nil
}

// gone takes note that a sink has ended: by itself, or by a failure.
func (f *liveFan) gone(a *Attachment, err error) {
	f.mu.Lock()
	f.remove(a)
	left := a.feeder.stage.read()
	f.left.Dropped += left.Dropped
	told := a.stuck
	f.mu.Unlock()
	if err != nil && !told && !errors.Is(err, media.ErrGone) {
		f.s.fail("sink", err)
	}
}

func (f *liveFan) detach(a *Attachment) {
	f.mu.Lock()
	f.remove(a)
	f.mu.Unlock()
	a.feeder.end()
	_ = a.feeder.wait(patience)
}

func (f *liveFan) write(c media.Codec, t *media.Track, packets ...media.Packet) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range packets {
		for _, a := range slices.Clone(f.attached) {
			if a.takes(c, p) && a.feeder.offer(parcel{p, t}) {
				f.remove(a)
				a.stuck = true
				a.feeder.end()
				a.feeder.queue.rest() // it is closed: nothing more is written
				f.s.fail("sink", fmt.Errorf("a sink took more than %v for one write: it was detached", maxWrite))
				f.s.loose.run(a.feeder.close) // which may end that write
			}
		}
	}
	return nil
}

func (f *liveFan) state() StageState {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.left
	for _, a := range f.attached {
		out = out.add(a.feeder.stage.read())
	}
	return out
}

// close gives each sink what is queued for it and closes it.
func (f *liveFan) close() error {
	f.mu.Lock()
	f.closed = true
	all := f.attached
	f.attached = nil
	f.counted()
	f.mu.Unlock()
	for _, a := range all {
		a.feeder.end()
	}
	return together(all, func(a *Attachment) error { return a.feeder.wait(patience) })
}

// together does fn with each of all at once and returns their errors.
func together[T any](all []T, fn func(T) error) error {
	var wg sync.WaitGroup
	errs := make([]error, len(all))
	for i, x := range all {
		wg.Go(func() { errs[i] = fn(x) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
