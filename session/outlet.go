package session

import (
	"fmt"
	"sync"
	"time"

	"livedub/media"
	"livedub/media/codec"
)

// maxEarly is how many packets wait for the slower track before a sink starts without it.
const maxEarly = 4096

// outlet encodes one dub, once for all of its sinks, and feeds them.
type outlet struct {
	s     *Session
	video *codec.VideoEncoder // opened by the first picture
	audio *codec.AudioEncoder // opened with the first sound

	mu          sync.Mutex // over what follows: sinks are fed by sound and pictures in turn
	sinks       []media.Sink
	wantSound   bool
	wantPicture bool
	tracks      []media.Track
	started     bool
	early       []media.Packet // before all tracks are known
}

func newOutlet(s *Session) *outlet { return &outlet{s: s} }

func (o *outlet) attach(sink media.Sink) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sinks = append(o.sinks, sink)
}

// expect tells which tracks will come.
func (o *outlet) expect(sound *soundLine, picture *media.Track) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wantSound, o.wantPicture = sound != nil, picture != nil
}

// picture encodes one picture for output time at.
func (o *outlet) picture(f *media.Frame, at time.Duration, fps float64) error {
	if o.video == nil {
		enc, err := codec.NewVideoEncoder(o.s.cfg.Picture.Encoder(f.Width, f.Height, fps))
		if err != nil {
			return fmt.Errorf("encode picture: %w", err)
		}
		o.video = enc
		if err := o.track(enc.Track()); err != nil {
			return err
		}
	}
	p, err := o.video.Encode(f, false)
	if err != nil {
		return fmt.Errorf("encode picture: %w", err)
	}
	p.PTS, p.DTS = at, at
	return o.write(p)
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
		if err := o.track(enc.Track()); err != nil {
			return err
		}
	}
	packets, err := o.audio.Encode(s)
	if err != nil {
		return fmt.Errorf("encode sound: %w", err)
	}
	return o.write(packets...)
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
	return o.write(packets...)
}

// audioCodec is the one that the first sink takes.
func (o *outlet) audioCodec() media.Codec {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, sink := range o.sinks {
		if _, a := sink.Codecs(); a != "" {
			return a
		}
	}
	return media.Opus
}

// track makes a track known; the sinks start once all are.
func (o *outlet) track(t media.Track) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.started {
		return nil // too late for this sink: it started without the track
	}
	o.tracks = append(o.tracks, t)
	want := 0
	if o.wantSound {
		want++
	}
	if o.wantPicture {
		want++
	}
	if len(o.tracks) < want {
		return nil
	}
	return o.startSinks()
}

func (o *outlet) startSinks() error {
	o.started = true
	if err := o.each(func(s media.Sink) error { return s.Start(o.tracks) }); err != nil {
		return err
	}
	early := o.early
	o.early = nil
	for _, p := range early {
		if err := o.feed(p); err != nil {
			return err
		}
	}
	return nil
}

func (o *outlet) write(packets ...media.Packet) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range packets {
		if !o.started {
			o.early = append(o.early, p)
			if len(o.early) < maxEarly {
				continue
			}
			if err := o.startSinks(); err != nil {
				return err
			}
			continue
		}
		if err := o.feed(p); err != nil {
			return err
		}
	}
	return nil
}

func (o *outlet) feed(p media.Packet) error {
	for _, t := range o.tracks {
		if t.Kind == p.Kind {
			return o.each(func(s media.Sink) error { return s.Write(p) })
		}
	}
	return nil
}

// each calls fn for every sink. A sink that fails is closed and leaves, or ends
// the session where the configuration says so.
func (o *outlet) each(fn func(media.Sink) error) error {
	stay := o.sinks[:0]
	var fatal error
	for _, s := range o.sinks {
		err := fn(s)
		switch {
		case err == nil:
			stay = append(stay, s)
		case o.s.cfg.SinkErrorsEnd:
			stay = append(stay, s)
			fatal = err
		default:
			o.s.fail("sink", err)
			s.Close()
		}
	}
	clear(o.sinks[len(stay):])
	o.sinks = stay
	return fatal
}

// close ends all sinks and frees the encoders. Nothing may be written anymore.
func (o *outlet) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var first error
	note := func(err error) {
		if first == nil {
			first = err
		}
	}
	if !o.started && len(o.tracks) > 0 {
		note(o.startSinks())
	}
	for _, s := range o.sinks {
		note(s.Close())
	}
	o.sinks = nil
	if o.video != nil {
		o.video.Close()
	}
	if o.audio != nil {
		o.audio.Close()
	}
	return first
}
