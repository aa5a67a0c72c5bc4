package fanout

import (
	"errors"
	"fmt"
	"slices"

	"livedub/media"
	"livedub/session/spec"
	"livedub/session/work"
)

// maxEarly is how many packets wait for the slower track before a file starts without it.
const maxEarly = 4096

// fileFan feeds sinks that are there from beginning to end: they start when all
// of the dub's tracks are known, and the dub waits for their writes.
type fileReceivers struct {
	roster
	want    int // tracks that the sinks wait for
	tracks  []media.Track
	started bool
	early   []media.Packet // before all tracks are known
	leaving []media.Sink   // to be closed once the lock is given back
}

func (r *fileReceivers) add(a *Subscription) error {
	if a.program {
		return fmt.Errorf("session: %w: a file's dub is encoded as its sinks take it and has no program", spec.ErrInvalid)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.enter(a)
}

func (r *fileReceivers) remove(a *Subscription) {
	r.mu.Lock()
	defer r.unlock()
	if r.leave(a) {
		r.leaving = append(r.leaving, a.sink)
	}
}

func (r *fileReceivers) state() work.StageState { return work.StageState{} }

func (r *fileReceivers) expect(sound, frame bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.want = 0
	for _, w := range []bool{sound, frame} {
		if w {
			r.want++
		}
	}
}

// audioCodec is the one that the first sink takes.
func (r *fileReceivers) audioCodec() media.Codec {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.subscriptions {
		if a.audio != "" {
			return a.audio
		}
	}
	return media.Opus
}

func (r *fileReceivers) broken(err error) error { return err }

// write hands packets to the sinks that take them; they start once all tracks are known.
func (r *fileReceivers) write(e encode, t *media.Track, packets ...media.Packet) error {
	r.mu.Lock()
	defer r.unlock()
	if !r.started && media.FindTrack(r.tracks, t.Kind) == nil {
		if r.tracks = append(r.tracks, *t); len(r.tracks) == r.want {
			if err := r.start(); err != nil {
				return err
			}
		}
	}
	for _, p := range packets {
		var err error
		if r.started {
			err = r.feed(e, p)
		} else if r.early = append(r.early, p); len(r.early) > maxEarly {
			err = r.start()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *fileReceivers) start() error {
	r.started = true
	if err := r.each(func(a *Subscription) error { return a.sink.Start(r.tracks) }); err != nil {
		return err
	}
	early := r.early
	r.early = nil
	for _, p := range early {
		if err := r.feed(encode{}, p); err != nil {
			return err
		}
	}
	return nil
}

func (r *fileReceivers) feed(e encode, p media.Packet) error {
	if media.FindTrack(r.tracks, p.Kind) == nil {
		return nil // the file started without it
	}
	return r.each(func(a *Subscription) error {
		if !a.takes(e, p) {
			return nil
		}
		return a.sink.Write(p)
	})
}

// each calls fn for every sink. One that is gone leaves; one that fails leaves
// too, or ends the session where the configuration says so.
func (r *fileReceivers) each(fn func(*Subscription) error) error {
	var fatal error
	for _, a := range slices.Clone(r.subscriptions) {
		err := fn(a)
		switch {
		case err == nil:
		case r.env.SinkErrorsEnd && !errors.Is(err, media.ErrGone):
			fatal = err
		default:
			if !errors.Is(err, media.ErrGone) {
				r.env.Fail("sink", err)
			}
			r.leave(a)
			r.leaving = append(r.leaving, a.sink)
		}
	}
	return fatal
}

// unlock gives the lock back and closes the sinks that have left meanwhile:
// that may take as long as their networks want.
func (r *fileReceivers) unlock() {
	leaving := r.leaving
	r.leaving = nil
	r.mu.Unlock()
	for _, sink := range leaving {
		sink.Close()
	}
}

// close ends all sinks; a file without one of its tracks gets what there is.
func (r *fileReceivers) close() error {
	last, first := r.end()
	for _, a := range last {
		if err := a.sink.Close(); first == nil {
			first = err
		}
	}
	return first
}

func (r *fileReceivers) end() (last []*Subscription, err error) {
	r.mu.Lock()
	defer r.unlock()
	r.closed = true
	if !r.started && len(r.tracks) > 0 {
		err = r.start()
	}
	last, r.subscriptions = r.subscriptions, nil
	r.counted()
	return last, err
}
