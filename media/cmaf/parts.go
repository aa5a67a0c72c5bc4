package cmaf

import (
	"fmt"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"livedub/media"
)

// Part is a piece of a segment, made as soon as its time has passed. The parts of a
// segment, one behind the other, are the segment.
type Part struct {
	N    int64 // the segment's place in its grid
	I    int   // the part's place in the segment
	Data []byte
	Key  bool // it begins with what needs nothing before it
}

// PartsConfig is what Parts makes.
type PartsConfig struct {
	Segment time.Duration    // the length of a segment; keyframes are expected at its multiples
	Part    time.Duration    // the length of a part, of which a segment is a multiple
	Init    func(Init) error // before the first part, and before the first with other parameters
	Made    func(Part) error // in order; places without a sample have none
}

// rounded is how far before its place in the grid a sample may stand.
const rounded = 500 * time.Microsecond

// Parts makes the parts of one track of H.264 or AAC, on the same grid as a Muxer: part i
// of segment n holds what is presented from n segments and i parts on. It begins, and
// after a gap goes on, with the first segment whose beginning it has. It holds one part.
// It is not safe for concurrent use.
type Parts struct {
	cfg   PartsConfig
	kind  media.Kind
	track track
	framer
	sound  *codecs.MPEG4Audio
	told   told
	on     bool  // the segment at hand was begun
	place  int64 // of the samples that wait: parts since time 0
	number uint32
}

// NewParts returns the muxer of one track. It fails where t is none of H.264 or AAC.
func NewParts(c PartsConfig, t media.Track) (*Parts, error) {
	p := &Parts{cfg: c, kind: t.Kind, framer: framer{blind: true}}
	switch t.Codec {
	case media.H264:
		sets, length, err := configOf(t.Extradata)
		if err != nil {
			return nil, err
		}
		p.sets, p.length = sets, length
	case media.AAC:
		sound, err := aac(t)
		if err != nil {
			return nil, err
		}
		t.SampleRate, p.sound = sound.Config.SampleRate, sound
	default:
		return nil, fmt.Errorf("cmaf: a track of %q: h264 and aac are taken", t.Codec)
	}
	p.track = newTrack(t)
	return p, nil
}

// Write takes one packet of the track.
func (p *Parts) Write(packet media.Packet) error {
	s := sample{Packet: packet}
	if p.kind == media.Video {
		if ok, err := p.frame(&s); err != nil || !ok {
			return err
		}
	} else if packet.SkipStart+packet.SkipEnd >= aacFrame {
		return nil
	}
	if s.PTS < 0 || s.DTS < 0 || !p.track.put(s) {
		p.blind = p.blind || p.kind == media.Video
		return nil
	}
	s = p.track.samples[len(p.track.samples)-1]
	at := int64((s.PTS + rounded) / p.cfg.Part)
	if s.gap || at != p.place {
		if err := p.flush(len(p.track.samples) - 1); err != nil {
			return err
		}
	}
	p.on = p.on && !s.gap || p.begins(s)
	p.place = at
	if !p.on {
		p.track.take(1)
	}
	return nil
}

// begins tells whether a segment can begin with s.
func (p *Parts) begins(s sample) bool {
	late := (s.PTS + rounded) % p.cfg.Segment
	if p.kind == media.Video {
		return s.Key && late < 2*rounded
	}
	return late < p.track.length
}

// Close makes the last part.
func (p *Parts) Close() error { return p.flush(len(p.track.samples)) }

// flush makes a part of the first n samples that wait.
func (p *Parts) flush(n int) error {
	if n == 0 {
		return nil
	}
	samples := p.track.take(n)
	if err := p.tell(samples[0]); err != nil {
		return err
	}
	each := int64(p.cfg.Segment / p.cfg.Part)
	made := Part{N: p.place / each, I: int(p.place % each), Key: p.kind == media.Audio || samples[0].Key}
	var out seekablebuffer.Buffer
	out.Grow(sizeOf(samples) + 1024)
	if made.I == 0 {
		_, _ = out.Write([]byte(styp)) // memory
	}
	p.number++
	part := fmp4.Part{SequenceNumber: p.number, Tracks: []*fmp4.PartTrack{partOf(p.id(), p.track.scale, samples)}}
	if err := part.Marshal(&out); err != nil {
		return fmt.Errorf("cmaf: part %d of segment %d: %w", made.I, made.N, err)
	}
	made.Data = out.Bytes()
	return p.cfg.Made(made)
}

func (p *Parts) id() int {
	if p.kind == media.Video {
		return videoID
	}
	return audioID
}

// tell tells of the track, where it is not what was told last.
func (p *Parts) tell(first sample) error {
	now := told{first.sets, p.sound}
	if now == p.told || p.kind == media.Video && !first.Key {
		return nil
	}
	init, err := initOf(now.sets, now.sound)
	if err != nil {
		return err
	}
	p.told = now
	return p.cfg.Init(init)
}
