// Package fanout encodes one dub, once for each codec that somebody takes, and
// hands the packets to its sinks: those of a file, or viewers that come and go. A
// second encode, the program, is for those that keep what they get or pass it on.
package fanout

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	"livedub/media"
	"livedub/media/codec"
	"livedub/session/spec"
	"livedub/session/work"
)

// Fanout encodes one dub, once for all sinks that take the same codec, and hands
// the packets to its fan, which feeds the sinks.
type Fanout struct {
	env       Env
	receivers receivers
	audio     *codec.AudioEncoder      // opened with the first sound; used by play alone
	heard     *media.Track             // of audio; used by play alone
	level     leveled                  // before audio; used by play alone
	videos    map[media.Codec]*encoder // made by the first frame; used by show alone
	skew      skew

	mu      sync.Mutex  // over what follows
	program *program    // nil while no sink takes it
	louder  *leveled    // before the sound of the program, or the last one; nil before the first
	stage   *work.Stage // of all programs that there were; nil before the first
	closed  bool
}

// Env is what a fanout has of its session.
type Env struct {
	*work.Shared
	Video         spec.VideoConfig // Video.File: sinks that are there from beginning to end
	Loudness      spec.LoudnessTargets
	Offset        func(offset time.Duration) // told of each frame's offset to its audio; nil for nobody
	Viewers       func(n int)                // told when there are more or fewer; nil for nobody
	SinkErrorsEnd bool                       // the first error of a sink is the dub's
}

// New returns a fanout without sinks.
func New(e Env) *Fanout {
	fo := &Fanout{env: e, videos: map[media.Codec]*encoder{}}
	fo.level = leveled{env: &fo.env, target: e.Loudness.Live, lead: !e.Video.File}
	if e.Video.File {
		fo.receivers = &fileReceivers{roster: roster{env: e}}
	} else {
		fo.receivers = &liveReceivers{roster: roster{env: e}}
	}
	return fo
}

// Expect tells which tracks the dub will have.
func (fo *Fanout) Expect(sound, frames bool) { fo.receivers.expect(sound, frames) }

// Viewers returns how many sinks somebody looks at.
func (fo *Fanout) Viewers() int { return int(fo.receivers.viewers()) }

// State returns how the sinks keep up.
func (fo *Fanout) State() work.StageState { return fo.receivers.state() }

// Programs returns how the dub's program keeps up; what it dropped is missing in all
// that keep it.
func (fo *Fanout) Programs() work.StageState {
	fo.mu.Lock()
	defer fo.mu.Unlock()
	if fo.stage == nil {
		return work.StageState{}
	}
	return fo.stage.Read()
}

// Loudness returns how loud the dub's sound is, in each of its encodes that is leveled.
func (fo *Fanout) Loudness() spec.DubLoudness {
	fo.mu.Lock()
	program := fo.louder
	fo.mu.Unlock()
	return spec.DubLoudness{Live: fo.level.state(), Program: program.state()}
}

// Offsets returns the last frames' offsets to their audio, the newest last.
func (fo *Fanout) Offsets() []time.Duration { return fo.skew.read() }

// Subscribe adds a sink. What it asks for by its Subscription is done with the next frame.
func (fo *Fanout) Subscribe(sink media.Sink, options []Option) (*Subscription, error) {
	a := &Subscription{fanout: fo, sink: sink}
	a.video, a.audio = sink.Codecs()
	for _, set := range options {
		set(a)
	}
	a.Keyframe()
	if c, ok := sink.(media.Controller); ok {
		c.Control(a)
	}
	if err := fo.receivers.add(a); err != nil {
		return nil, err
	}
	return a, nil
}

// second returns the dub's program: it runs as long as a sink takes it. nil where none does.
func (fo *Fanout) second() *program {
	wanted := fo.receivers.programs() > 0
	fo.mu.Lock()
	defer fo.mu.Unlock()
	switch {
	case wanted && fo.program == nil && !fo.closed:
		if fo.stage == nil {
			fo.stage = fo.env.Stage("program")
		}
		fo.louder = fo.louder.next(&fo.env)
		fo.program = startProgram(&fo.env, fo.stage, fo.louder, func(t *media.Track, packets ...media.Packet) {
			_ = fo.receivers.write(encode{codec: t.Codec, program: true}, t, packets...) // live: what fails is detached
		})
	case !wanted && fo.program != nil:
		fo.program.abandon()
		fo.program = nil
	}
	return fo.program
}

// Watched tells whether anybody would see or hear what is encoded.
func (fo *Fanout) Watched() bool { return fo.receivers.sinks() > 0 }

// Frame encodes one frame for output time at, once for each codec that is
// wanted, and tells whether all were made.
func (fo *Fanout) Frame(f *media.Frame, at time.Duration, fps float64) (whole bool, err error) {
	if p := fo.second(); p != nil && fo.receivers.films() > 0 {
		p.show(f, at, fps)
	}
	whole = true
	for _, d := range fo.receivers.demands(at, fo.lastKey) {
		enc := fo.videos[d.codec]
		if enc == nil {
			enc = &encoder{codec: d.codec, frame: &fo.env.Video}
			fo.videos[d.codec] = enc
		}
		p, err := enc.encode(f, d, at, fps)
		if err != nil {
			if err := fo.receivers.broken(fmt.Errorf("encode frame: %w", err)); err != nil {
				return false, err
			}
			whole = false
			continue
		}
		if err := fo.receivers.write(encode{codec: d.codec}, enc.describe(p), p); err != nil {
			return false, err
		}
	}
	if offset, ok := fo.skew.frame(fo.env.Clock.Now() - at); ok && fo.env.Offset != nil {
		fo.env.Offset(offset)
	}
	return whole, nil
}

// lastKey returns the output time of a codec's last keyframe, if it has had one.
func (fo *Fanout) lastKey(c media.Codec) (at time.Duration, ok bool) {
	enc := fo.videos[c]
	if enc == nil {
		return 0, false
	}
	return enc.lastKey, true
}

// Sound encodes PCM that stands at its output time.
func (fo *Fanout) Sound(s media.Samples) error {
	if p := fo.second(); p != nil {
		p.play(s)
	}
	end := s.End()
	if fo.receivers.sinks() == fo.receivers.programs() {
		fo.closeSound()
	} else {
		for _, s := range fo.level.put(s) {
			end = s.End()
			if err := fo.encodeSound(s); err != nil {
				return err
			}
		}
	}
	fo.skew.sound(fo.env.Clock.Now() - end)
	return nil
}

func (fo *Fanout) encodeSound(s media.Samples) error {
	if fo.audio == nil {
		enc, err := codec.NewAudioEncoder(codec.AudioEncoderConfig{
			Codec: fo.receivers.audioCodec(), Channels: s.Channels, Bitrate: 64_000 * s.Channels,
		})
		if err != nil {
			return fmt.Errorf("encode sound: %w", err)
		}
		t := enc.Track()
		fo.audio, fo.heard = enc, &t
	}
	packets, err := fo.audio.Encode(s)
	if err != nil {
		return fmt.Errorf("encode sound: %w", err)
	}
	return fo.receivers.write(encode{}, fo.heard, packets...)
}

// FlushSound writes what the encoder still holds.
func (fo *Fanout) FlushSound() error {
	if p := fo.second(); p != nil {
		p.flush()
	}
	for _, s := range fo.level.flush() {
		if err := fo.encodeSound(s); err != nil {
			return err
		}
	}
	if fo.audio == nil {
		return nil
	}
	packets, err := fo.audio.Flush()
	if err != nil {
		return fmt.Errorf("encode sound: %w", err)
	}
	return fo.receivers.write(encode{}, fo.heard, packets...)
}

// DropSound forgets what the encoder still holds: whoever comes next has not
// heard what was before it.
func (fo *Fanout) DropSound() {
	fo.second()
	fo.closeSound()
}

func (fo *Fanout) closeSound() {
	fo.level.reset()
	if fo.audio != nil {
		fo.audio.Close()
		fo.audio = nil
	}
}

// Close ends all sinks and frees the encoders. Nothing may be written anymore.
func (fo *Fanout) Close() error {
	fo.mu.Lock()
	p := fo.program
	fo.program, fo.closed = nil, true
	fo.mu.Unlock()
	if p != nil {
		p.end()
	}
	err := fo.receivers.close()
	for _, v := range fo.videos {
		v.close()
	}
	fo.DropSound()
	fo.level.close()
	return err
}

// sameTrack tells whether two descriptions are of one stream.
func sameTrack(a, b media.Track) bool {
	return a.Codec == b.Codec && a.Width == b.Width && a.Height == b.Height && bytes.Equal(a.Extradata, b.Extradata)
}
