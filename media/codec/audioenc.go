package codec

import (
	"fmt"
	"sync"
	"time"

	"livedub/media"
)

// AudioEncoderConfig says what to encode to, at 48 kHz.
type AudioEncoderConfig struct {
	Codec    media.Codec // media.Opus or media.AAC
	Channels int         // 1 or 2
	Bitrate  int         // bit/s; 0: 32000 a channel for Opus, 64000 for AAC
}

// longestFill is the largest gap filled with silence, and the largest overlap
// cut away; beyond, the stream ends and begins anew.
const longestFill = time.Second

// frameEncoder compresses frames of fixed length. Packet k, counted from 0,
// decodes to the sample instants from k*frame-priming of what was put in.
type frameEncoder interface {
	frame() int
	priming() int
	encode(pcm []int16) ([]byte, error) // nil: no packet yet
	extradata() []byte
	close()
}

// AudioEncoder compresses sound. A packet's PTS is that of the first sample the
// decoder will make of it: the encoder's delay (Priming) is accounted for, so
// the first packet stands that much before the first sample put in.
//
// Time is kept true: gaps in the input's PTS of over 1 ms become silence and
// overlaps are cut, up to a second; a longer jump ends the stream as Flush
// does and begins it at the new time.
type AudioEncoder struct {
	mu   sync.Mutex
	cfg  AudioEncoderConfig
	back frameEncoder

	running   bool
	prev, cur stretch
	frames    int     // handed to back
	packets   int     // got from back
	pending   []int16 // less than a frame
}

// stretch is input without a jump: its sample instant from, counted over all
// the encoder was ever given, stands at origin.
type stretch struct {
	from   int
	origin time.Duration
}

func (s stretch) time(index int) time.Duration {
	return s.origin + media.SamplesToTime(index-s.from, opusRate)
}

// NewAudioEncoder opens an encoder.
func NewAudioEncoder(c AudioEncoderConfig) (*AudioEncoder, error) {
	if c.Channels != 1 && c.Channels != 2 {
		return nil, fmt.Errorf("codec: cannot encode %d channels; resample to 1 or 2", c.Channels)
	}
	if c.Bitrate < 0 || c.Bitrate > 512_000 {
		return nil, fmt.Errorf("codec: an audio bitrate of %d bit/s; set up to 512000", c.Bitrate)
	}
	e := &AudioEncoder{}
	var err error
	switch c.Codec {
	case media.Opus:
		if c.Bitrate == 0 {
			c.Bitrate = 32000 * c.Channels
		}
		e.back, err = newOpusEncoder(c.Channels, c.Bitrate)
	case media.AAC:
		if c.Bitrate == 0 {
			c.Bitrate = 64000 * c.Channels
		}
		e.back, err = newAACEncoder(c.Channels, c.Bitrate)
	default:
		err = fmt.Errorf("codec: cannot encode %q; choose opus or aac", c.Codec)
	}
	if err != nil {
		return nil, err
	}
	e.cfg = c
	return e, nil
}

// Encode takes any length of 48 kHz sound, which the caller keeps, and returns the packets it completed.
func (e *AudioEncoder) Encode(s media.Samples) ([]media.Packet, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.back == nil {
		return nil, ErrClosed
	}
	if s.Rate != opusRate || s.Channels != e.cfg.Channels || len(s.Data)%s.Channels != 0 {
		return nil, fmt.Errorf("codec: cannot encode %d values of %d channels at %d Hz; resample to %d at %d",
			len(s.Data), s.Channels, s.Rate, e.cfg.Channels, opusRate)
	}
	if s.Frames() == 0 {
		return nil, nil
	}
	var out []media.Packet
	var err error
	if e.running {
		switch off := s.PTS - e.cur.time(e.end()); {
		case abs(off) > longestFill:
			out, err = e.finish()
		case off > clockSlack:
			out, err = e.put(make([]int16, media.TimeToSamples(off, opusRate)*s.Channels))
		case off < -clockSlack:
			s = skip(s, min(s.Frames(), media.TimeToSamples(-off, opusRate)))
		}
	}
	if !e.running {
		e.running = true
		e.prev, e.cur = e.cur, stretch{from: e.end(), origin: s.PTS}
	}
	more, err2 := e.put(s.Data)
	if err == nil {
		err = err2
	}
	return append(out, more...), err
}

// Flush pads what is pending with silence and returns the packets that hold the
// rest of the sound, the last with its padding in SkipEnd. The next block begins a new stream.
func (e *AudioEncoder) Flush() ([]media.Packet, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.back == nil {
		return nil, ErrClosed
	}
	return e.finish()
}

// end is the index of the sample instant to come.
func (e *AudioEncoder) end() int {
	return e.frames*e.back.frame() + len(e.pending)/e.cfg.Channels
}

// start is the index of the first sample instant that the next packet decodes to.
func (e *AudioEncoder) start() int { return e.packets*e.back.frame() - e.back.priming() }

// put adds sound and encodes every frame that is full.
func (e *AudioEncoder) put(pcm []int16) ([]media.Packet, error) {
	var out []media.Packet
	var failed error
	size := e.back.frame() * e.cfg.Channels
	for len(pcm) > 0 {
		n := min(size-len(e.pending), len(pcm))
		e.pending = append(e.pending, pcm[:n]...)
		pcm = pcm[n:]
		if len(e.pending) < size {
			break
		}
		data, err := e.back.encode(e.pending)
		e.pending = e.pending[:0]
		e.frames++
		if err != nil {
			failed = err
		}
		if data != nil {
			out = append(out, e.packet(data))
		}
		if data != nil || err != nil {
			e.packets++
		}
	}
	return out, failed
}

func (e *AudioEncoder) packet(data []byte) media.Packet {
	start, first := e.start(), e.cur.from-e.back.priming()
	p := media.Packet{
		Kind: media.Audio, Key: true, Data: data,
		Duration: media.SamplesToTime(e.back.frame(), opusRate),
	}
	switch {
	case start > first:
		p.PTS = e.cur.time(start)
	case start == first:
		p.PTS = e.cur.time(start)
		p.SkipStart = e.back.priming()
	default:
		// Padding of the stream before that the encoder held back.
		p.PTS = e.prev.time(start)
		p.SkipEnd = e.back.frame()
	}
	p.DTS = p.PTS
	return p
}

func (e *AudioEncoder) finish() ([]media.Packet, error) {
	if !e.running {
		return nil, nil
	}
	e.running = false
	var out []media.Packet
	size := e.back.frame() * e.cfg.Channels
	end := e.end()
	// Silence until the sound is through the encoder's delay and stands in whole packets.
	for e.start() < end || len(e.pending) > 0 {
		more, err := e.put(make([]int16, size-len(e.pending)))
		out = append(out, more...)
		if err != nil {
			return out, err
		}
	}
	if len(out) > 0 {
		out[len(out)-1].SkipEnd = min(e.start()-end, e.back.frame())
	}
	return out, nil
}

// Track describes the stream: Extradata is an AudioSpecificConfig (AAC) or an OpusHead.
func (e *AudioEncoder) Track() media.Track {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := media.Track{Kind: media.Audio, Codec: e.cfg.Codec, SampleRate: opusRate, Channels: e.cfg.Channels}
	if e.back != nil {
		t.Extradata = e.back.extradata()
	}
	return t
}

// Priming returns the encoder's delay in sample instants; 0 after Close.
func (e *AudioEncoder) Priming() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.back == nil {
		return 0
	}
	return e.back.priming()
}

// Close frees the encoder; what was not flushed is lost.
func (e *AudioEncoder) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.back != nil {
		e.back.close()
		e.back = nil
	}
}
