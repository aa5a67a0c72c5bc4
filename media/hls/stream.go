package hls

import (
	"fmt"
	"sync"
	"time"

	"livedub/media"
	"livedub/media/cmaf"
)

// Stream is one language of a program: picture, sound and captions, each with a playlist
// of its own. Sinks of it come and go; what they bring lies on one grid.
type Stream struct {
	Video, Audio, Captions *Rendition

	cues func(from, to time.Duration) []byte

	mu   sync.Mutex
	cued int64 // the segment of captions that comes next; 0 before the first
}

// New returns an empty stream. zero is the wall time of output time 0; cues returns the
// captions of a stretch of output time as WebVTT, when that is over.
func New(zero time.Time, cues func(from, to time.Duration) []byte) *Stream {
	s := &Stream{
		Video:    newRendition("video", "m4s", videoType, perSegment, zero),
		Audio:    newRendition("audio", "m4s", audioType, perSegment, zero),
		Captions: newRendition("captions", "vtt", CaptionsType, 1, zero),
		cues:     cues,
	}
	s.Video.peers, s.Audio.peers = []*Rendition{s.Audio}, []*Rendition{s.Video}
	s.Video.whole, s.Audio.whole = s.caption, s.caption
	return s
}

// caption makes the captions up to segment n.
func (s *Stream) caption(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cued == 0 {
		s.cued = n
	}
	for s.cued = max(s.cued, n-listed); s.cued <= n; s.cued++ {
		from := time.Duration(s.cued) * SegmentLength
		_ = s.Captions.add(cmaf.Part{N: s.cued, Data: s.cues(from, from+SegmentLength)}) // it never fails
	}
}

// Advance tells that what is presented before output time t has come, or will not.
func (s *Stream) Advance(t time.Duration) {
	s.Video.Advance(t)
	s.Audio.Advance(t)
}

// End ends all playlists.
func (s *Stream) End() {
	for _, r := range []*Rendition{s.Video, s.Audio, s.Captions} {
		r.end()
	}
}

// Under returns the stream with the picture of another.
func (s *Stream) Under(film *Stream) *Stream {
	return &Stream{Video: film.Video, Audio: s.Audio, Captions: s.Captions}
}

// Ended tells whether the stream has ended.
func (s *Stream) Ended() bool { return s.Audio.now.Load().ended }

// Size returns how many bytes of media are in memory.
func (s *Stream) Size() (n int) {
	for _, r := range []*Rendition{s.Video, s.Audio, s.Captions} {
		r.mu.Lock()
		for _, g := range r.segments {
			n += g.size()
		}
		r.mu.Unlock()
	}
	return n
}

// Rendition returns the one whose playlist or files have names that begin with name; nil for none.
func (s *Stream) Rendition(name string) *Rendition {
	for _, r := range []*Rendition{s.Video, s.Audio, s.Captions} {
		if r.name == name {
			return r
		}
	}
	return nil
}

// Sink returns a sink that writes to the stream, of sound alone or of frames too. One at a
// time is written to.
func (s *Stream) Sink(frames bool) *Sink {
	return &Sink{to: s, frames: frames, done: make(chan struct{})}
}

// Sink writes the packets of H.264 and AAC to a stream. It implements media.Sink and
// media.TrackAdder. Closing it does not end the stream.
type Sink struct {
	to     *Stream
	frames bool
	done   chan struct{}

	mu     sync.Mutex
	tracks [media.Video + 1]*cmaf.Parts
	closed bool
}

var (
	_ media.Sink       = (*Sink)(nil)
	_ media.TrackAdder = (*Sink)(nil)
)

// Codecs tells what is taken.
func (s *Sink) Codecs() (video, audio media.Codec) {
	if s.frames {
		video = media.H264
	}
	return video, media.AAC
}

// Start announces the tracks that there are so far.
func (s *Sink) Start(tracks []media.Track) error {
	for _, t := range tracks {
		if err := s.AddTrack(t); err != nil {
			return err
		}
	}
	return nil
}

// AddTrack announces another track.
func (s *Sink) AddTrack(t media.Track) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.to.Audio
	if t.Kind == media.Video {
		r = s.to.Video
	}
	if s.tracks[t.Kind] != nil {
		return fmt.Errorf("hls: a second track of %s", t.Kind)
	}
	p, err := cmaf.NewParts(cmaf.PartsConfig{Segment: SegmentLength, Part: PartLength, Init: r.start, Made: r.add}, t)
	s.tracks[t.Kind] = p
	return err
}

// Write takes one packet.
func (s *Sink) Write(p media.Packet) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tracks[p.Kind]
	switch {
	case s.closed:
		return cmaf.ErrClosed
	case t == nil:
		return fmt.Errorf("hls: %s that was not announced", p.Kind)
	}
	if p.Kind == media.Video && p.Duration > 0 {
		s.to.Video.mu.Lock()
		s.to.Video.rate = float64(time.Second) / float64(p.Duration)
		s.to.Video.mu.Unlock()
	}
	return t.Write(p)
}

// Close makes the last parts.
func (s *Sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	defer close(s.done)
	for _, t := range s.tracks {
		if t != nil {
			if err := t.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Closed is closed when the sink has been closed.
func (s *Sink) Closed() <-chan struct{} { return s.done }
