package session

import (
	"errors"
	"slices"

	"livedub/media"
)

// maxEarly is how many packets wait for the slower track before a file starts without it.
const maxEarly = 4096

// fileFan feeds sinks that are there from beginning to end: they start when all
// of the dub's tracks are known, and the dub waits for their writes.
type fileFan struct {
	roster
	want    int // tracks that the sinks wait for
	tracks  []media.Track
	started bool
	early   []media.Packet // before all tracks are known
	leaving []media.Sink   // to be closed once the lock is given back
}

func (f *fileFan) attach(a *Attachment) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.add(a)
}

func (f *fileFan) detach(a *Attachment) {
	f.mu.Lock()
	defer f.unlock()
	if f.remove(a) {
		f.leaving = append(f.leaving, a.sink)
	}
}

func (f *fileFan) state() StageState { return StageState{} }

func (f *fileFan) expect(sound, picture bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.want = 0
	for _, w := range []bool{sound, picture} {
		if w {
			f.want++
		}
	}
}

// audioCodec is the one that the first sink takes.
func (f *fileFan) audioCodec() media.Codec {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.attached {
		if a.audio != "" {
			return a.audio
		}
	}
	return media.Opus
}

func (f *fileFan) broken(err error) error { return err }

// write hands packets to the sinks that take them; they start once all tracks are known.
func (f *fileFan) write(c media.Codec, t *media.Track, packets ...media.Packet) error {
	f.mu.Lock()
	defer f.unlock()
	if !f.started && track(f.tracks, t.Kind) == nil {
		if f.tracks = append(f.tracks, *t); len(f.tracks) == f.want {
			if err := f.start(); err != nil {
				return err
			}
		}
	}
	for _, p := range packets {
		var err error
		if f.started {
			err = f.feed(c, p)
		} else if f.early = append(f.early, p); len(f.early) > maxEarly {
			err = f.start()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *fileFan) start() error {
	f.started = true
	if err := f.each(func(a *Attachment) error { return a.sink.Start(f.tracks) }); err != nil {
		return err
	}
	early := f.early
	f.early = nil
	for _, p := range early {
		if err := f.feed("", p); err != nil {
			return err
		}
	}
	return nil
}

func (f *fileFan) feed(c media.Codec, p media.Packet) error {
	if track(f.tracks, p.Kind) == nil {
		return nil // the file started without it
	}
	return f.each(func(a *Attachment) error {
		if !a.takes(c, p) {
			return nil
		}
		return a.sink.Write(p)
	})
}

// each calls fn for every sink. One that is gone leaves; one that fails leaves
// too, or ends the session where the configuration says so.
func (f *fileFan) each(fn func(*Attachment) error) error {
	var fatal error
	for _, a := range slices.Clone(f.attached) {
		err := fn(a)
		switch {
		case err == nil:
		case f.s.cfg.SinkErrorsEnd && !errors.Is(err, media.ErrGone):
			fatal = err
		default:
			if !errors.Is(err, media.ErrGone) {
				f.s.fail("sink", err)
			}
			f.remove(a)
			f.leaving = append(f.leaving, a.sink)
		}
	}
	return fatal
}

// unlock gives the lock back and closes the sinks that have left meanwhile:
// that may take as long as their networks want.
func (f *fileFan) unlock() {
	leaving := f.leaving
	f.leaving = nil
	f.mu.Unlock()
	for _, sink := range leaving {
		sink.Close()
	}
}

// close ends all sinks; a file without one of its tracks gets what there is.
func (f *fileFan) close() error {
	last, first := f.end()
	for _, a := range last {
		if err := a.sink.Close(); first == nil {
			first = err
		}
	}
	return first
}

func (f *fileFan) end() (last []*Attachment, err error) {
	f.mu.Lock()
	defer f.unlock()
	f.closed = true
	if !f.started && len(f.tracks) > 0 {
		err = f.start()
	}
	last, f.attached = f.attached, nil
	f.counted()
	return last, err
}
