package session

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"livedub/media"
	"livedub/media/codec"
)

// maxEarly is how many packets wait for the slower track before a file starts without it.
const maxEarly = 4096

// outlet encodes one dub, once for all sinks that take the same codec, and
// feeds them. A file's sinks start when all of its tracks are known; a live
// sink starts at once and gets what there is.
type outlet struct {
	s      *Session
	audio  *codec.AudioEncoder      // opened with the first sound; used by play alone
	videos map[media.Codec]*encoder // made by the first picture; used by show alone
	skew   skew
	sinks  atomic.Int32 // how many are attached

	mu       sync.Mutex // over what follows
	attached []*Attachment
	closed   bool
	want     int // tracks that a file's sinks wait for
	tracks   []media.Track
	started  bool
	early    []media.Packet // before all tracks are known
	left     []media.Sink   // to be closed once the lock is given back
}

func newOutlet(s *Session) *outlet {
	o := &outlet{s: s, videos: map[media.Codec]*encoder{}}
	o.started = !s.cfg.Picture.File
	return o
}

// attach adds a sink. What it asks for by its Attachment is done with the next picture.
func (o *outlet) attach(sink media.Sink) (*Attachment, error) {
	a := &Attachment{outlet: o, sink: sink}
	a.video, a.audio = sink.Codecs()
	a.Keyframe()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil, fmt.Errorf("session: %w: it has ended: open another", ErrNotFound)
	}
	if !o.s.cfg.Picture.File {
		if err := sink.Start(a.liveTracks()); err != nil {
			return nil, err
		}
	}
	o.attached = append(o.attached, a)
	o.sinks.Store(int32(len(o.attached)))
	return a, nil
}

// watched tells whether anybody would see or hear what is encoded.
func (o *outlet) watched() bool { return o.sinks.Load() > 0 }

// expect tells which tracks a file will have.
func (o *outlet) expect(sound, picture bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.want = 0
	for _, w := range []bool{sound, picture} {
		if w {
			o.want++
		}
	}
}

// picture encodes one picture for output time at, once for each codec that is
// wanted, and tells whether all were made. In a live session an encoder's
// failure is no error: the call goes on without the picture.
func (o *outlet) picture(f *media.Frame, at time.Duration, fps float64) (whole bool, err error) {
	whole = true
	for _, d := range o.demands(at) {
		enc := o.videos[d.codec]
		fresh := enc == nil
		if fresh {
			enc = &encoder{codec: d.codec, picture: &o.s.cfg.Picture}
			o.videos[d.codec] = enc
		}
		p, err := enc.encode(f, d, at, fps)
		if err != nil {
			err = fmt.Errorf("encode picture: %w", err)
			if o.s.cfg.Picture.File {
				return false, err
			}
			o.s.fail("encode_video", err)
			whole = false
			continue
		}
		if fresh && o.s.cfg.Picture.File {
			if err := o.track(enc.video.Track()); err != nil {
				return false, err
			}
		}
		if err := o.write(d.codec, p); err != nil {
			return false, err
		}
	}
	o.skew.picture(o.s.clock.Now() - at)
	return whole, nil
}

// sound encodes PCM that stands at its output time.
func (o *outlet) sound(s media.Samples) error {
	if o.audio == nil {
		enc, err := codec.NewAudioEncoder(codec.AudioEncoderConfig{
			Codec: o.audioCodec(), Channels: s.Channels, Bitrate: 64_000 * s.Channels,
		})
		if err != nil {
			return fmt.Errorf("encode sound: %w", err)
		}
		o.audio = enc
		if o.s.cfg.Picture.File {
			if err := o.track(enc.Track()); err != nil {
				return err
			}
		}
	}
	packets, err := o.audio.Encode(s)
	if err != nil {
		return fmt.Errorf("encode sound: %w", err)
	}
	o.skew.sound(o.s.clock.Now() - s.End())
	return o.write("", packets...)
}

// flushSound writes what the encoder still holds.
func (o *outlet) flushSound() error {
	if o.audio == nil {
		return nil
	}
	packets, err := o.audio.Flush()
	if err != nil {
		return fmt.Errorf("encode sound: %w", err)
	}
	return o.write("", packets...)
}

// dropSound forgets what the encoder still holds: whoever comes next has not
// heard what was before it.
func (o *outlet) dropSound() {
	if o.audio != nil {
		o.audio.Close()
		o.audio = nil
	}
}

// audioCodec is Opus, but for files the one that the sink takes.
func (o *outlet) audioCodec() media.Codec {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, a := range o.attached {
		if o.s.cfg.Picture.File && a.audio != "" {
			return a.audio
		}
	}
	return media.Opus
}

// track makes a track of a file known; its sinks start once all are.
func (o *outlet) track(t media.Track) error {
	o.mu.Lock()
	defer o.unlock()
	if o.started {
		return nil // too late for this sink: it started without the track
	}
	o.tracks = append(o.tracks, t)
	if len(o.tracks) < o.want {
		return nil
	}
	return o.start()
}

func (o *outlet) start() error {
	o.started = true
	if err := o.each(func(a *Attachment) error { return a.sink.Start(o.tracks) }); err != nil {
		return err
	}
	early := o.early
	o.early = nil
	for _, p := range early {
		if err := o.feed("", p); err != nil {
			return err
		}
	}
	return nil
}

// write hands packets to the sinks that take them; pictures are of the given codec.
func (o *outlet) write(c media.Codec, packets ...media.Packet) error {
	o.mu.Lock()
	defer o.unlock()
	for _, p := range packets {
		var err error
		if o.started {
			err = o.feed(c, p)
		} else if o.early = append(o.early, p); len(o.early) > maxEarly {
			err = o.start()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *outlet) feed(c media.Codec, p media.Packet) error {
	if o.s.cfg.Picture.File && track(o.tracks, p.Kind) == nil {
		return nil // the file started without it
	}
	return o.each(func(a *Attachment) error {
		if !a.takes(c, p) {
			return nil
		}
		return a.sink.Write(p)
	})
}

// each calls fn for every sink. One that is gone leaves; one that fails leaves
// too, or ends the session where the configuration says so.
func (o *outlet) each(fn func(*Attachment) error) error {
	stay := o.attached[:0]
	var fatal error
	for _, a := range o.attached {
		err := fn(a)
		switch {
		case err == nil:
			stay = append(stay, a)
		case errors.Is(err, media.ErrGone):
			o.left = append(o.left, a.sink)
		case o.s.cfg.SinkErrorsEnd:
			stay = append(stay, a)
			fatal = err
		default:
			o.s.fail("sink", err)
			o.left = append(o.left, a.sink)
		}
	}
	clear(o.attached[len(stay):])
	o.attached = stay
	o.sinks.Store(int32(len(stay)))
	return fatal
}

// unlock gives the lock back and closes the sinks that have left meanwhile:
// that may take as long as their networks want.
func (o *outlet) unlock() {
	left := o.left
	o.left = nil
	o.mu.Unlock()
	for _, sink := range left {
		sink.Close()
	}
}

// close ends all sinks and frees the encoders. Nothing may be written anymore.
func (o *outlet) close() error {
	last, first := o.end()
	for _, a := range last {
		if err := a.sink.Close(); first == nil {
			first = err
		}
	}
	for _, v := range o.videos {
		v.close()
	}
	o.dropSound()
	return first
}

// end takes all sinks away; a file without one of its tracks gets what there is.
func (o *outlet) end() (last []*Attachment, err error) {
	o.mu.Lock()
	defer o.unlock()
	o.closed = true
	if !o.started && len(o.tracks) > 0 {
		err = o.start()
	}
	last, o.attached = o.attached, nil
	o.sinks.Store(0)
	return last, err
}
