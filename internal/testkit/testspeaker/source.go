package testspeaker

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"livedub/media"
	"livedub/media/codec"
)

// SourceConfig says how a speaker is sent. Zero fields take the defaults.
type SourceConfig struct {
	Video       media.Codec   // media.H264 (the default) or media.VP8
	Audio       media.Codec   // media.Opus (the default) or media.AAC
	Bitrate     int           // of the frames, bit/s; 1000000
	KeyInterval time.Duration // between keyframes; 2 s
	OutOfBand   bool          // for files: parameter sets in the track, not in the packets
	Length      time.Duration // until io.EOF; 0: endless
}

// Source is a speaker as a session's input: encoded frame by frame as it is
// read, as fast as it is read. pace.Realtime makes a live one of it.
type Source struct {
	mu     sync.Mutex
	t      *Speaker // nil after Close
	c      SourceConfig
	video  *codec.VideoEncoder
	audio  *codec.AudioEncoder
	tracks []media.Track

	frame   int            // next to draw
	sample  int            // next to encode
	pending []media.Packet // encoded sound, not yet given out
	flushed bool
}

// soundBlock is how many samples are encoded at a time: 20 ms.
const soundBlock = Rate / 50

// NewSource takes t over, and closes it with the source or on failure.
func NewSource(t *Speaker, c SourceConfig) (*Source, error) {
	if c.Video == "" {
		c.Video = media.H264
	}
	if c.Audio == "" {
		c.Audio = media.Opus
	}
	if c.Bitrate == 0 {
		c.Bitrate = 1000000
	}
	if c.KeyInterval == 0 {
		c.KeyInterval = 2 * time.Second
	}
	s := &Source{t: t, c: c}
	var err error
	s.video, err = codec.NewVideoEncoder(codec.VideoEncoderConfig{Codec: c.Video, Width: t.c.Width, Height: t.c.Height,
		FrameRate: t.c.FPS, Bitrate: c.Bitrate, KeyInterval: c.KeyInterval, OutOfBand: c.OutOfBand})
	if err == nil {
		s.audio, err = codec.NewAudioEncoder(codec.AudioEncoderConfig{Codec: c.Audio, Channels: 1})
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.tracks = []media.Track{s.audio.Track(), s.video.Track()}
	return s, nil
}

// Tracks returns audio and video.
func (s *Source) Tracks() []media.Track { return s.tracks }

// Read encodes and returns what comes next in time.
func (s *Source) Read(ctx context.Context) (media.Packet, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.t == nil {
		return media.Packet{}, errors.New("speaker: the source is closed; open a new one")
	}
	if err := ctx.Err(); err != nil {
		return media.Packet{}, err
	}
	for len(s.pending) == 0 && !s.flushed {
		if err := s.speak(); err != nil {
			return media.Packet{}, err
		}
	}
	at := s.t.At(s.frame)
	end := s.c.Length > 0 && at >= s.c.Length
	if len(s.pending) > 0 && (end || s.pending[0].PTS <= at) {
		p := s.pending[0]
		s.pending = s.pending[1:]
		return p, nil
	}
	if end {
		return media.Packet{}, io.EOF
	}
	return s.show()
}

// show draws and encodes the next frame.
func (s *Source) show() (media.Packet, error) {
	f := s.t.Frame(s.frame)
	defer f.Release()
	p, err := s.video.Encode(f, s.frame == 0)
	s.frame++
	p.Duration = s.t.At(s.frame) - f.PTS
	return p, err
}

// speak encodes the next block of sound, or ends it.
func (s *Source) speak() error {
	n := soundBlock
	if s.c.Length > 0 {
		n = min(n, media.TimeToSamples(s.c.Length, Rate)-s.sample)
	}
	if n <= 0 {
		s.flushed = true
		rest, err := s.audio.Flush()
		s.pending = append(s.pending, rest...)
		return err
	}
	block := media.Samples{PTS: media.SamplesToTime(s.sample, Rate), Rate: Rate, Channels: 1, Data: s.t.Sound(s.sample, n)}
	s.sample += n
	ready, err := s.audio.Encode(block)
	s.pending = append(s.pending, ready...)
	return err
}

// Close frees everything.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.t == nil {
		return nil
	}
	s.t.Close()
	s.t = nil
	if s.video != nil {
		s.video.Close()
	}
	if s.audio != nil {
		s.audio.Close()
	}
	return nil
}
