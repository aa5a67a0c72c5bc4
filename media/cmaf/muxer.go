package cmaf

import (
	"fmt"
	"sync"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"livedub/media"
)

const (
	patience = 2 * time.Second // how far the other track may be behind the end of a segment
	longest  = 4               // segments' lengths that are waited for a keyframe
	maxHeld  = 64 << 20        // bytes of one segment
)

// Config is what a Muxer makes.
type Config struct {
	Segment time.Duration       // the length of one; keyframes are expected at its multiples
	Init    func(Init) error    // before the first segment, and before the first with other tracks or parameter sets
	Closed  func(Segment) error // in order
}

// Muxer makes segments of H.264 (Annex B, or as avcC in its Extradata says) and AAC. It
// implements media.Sink and media.TrackAdder. An error of what Config names is Write's.
//
// A segment ends with the first keyframe at or after its end. Where parameter sets
// change within one, it ends there, and its rest is another of the same number, after
// its own Init. It holds one segment, and what has come for the next.
type Muxer struct {
	cfg Config

	mu     sync.Mutex
	closed bool
	video  track
	audio  track
	sound  *codecs.MPEG4Audio
	framer
	n      int64         // the segment at hand
	from   time.Duration // what comes before is too late
	begun  bool
	told   told
	number uint32 // of the last fragment
}

// told is what the last Init was of.
type told struct {
	sets  *codecs.H264
	sound *codecs.MPEG4Audio
}

var (
	_ media.Sink       = (*Muxer)(nil)
	_ media.TrackAdder = (*Muxer)(nil)
)

// New returns a muxer without tracks.
func New(c Config) *Muxer { return &Muxer{cfg: c, framer: framer{blind: true}} }

// Codecs tells what is taken.
func (m *Muxer) Codecs() (video, audio media.Codec) { return media.H264, media.AAC }

// Start announces the tracks that there are so far.
func (m *Muxer) Start(tracks []media.Track) error {
	for _, t := range tracks {
		if err := m.AddTrack(t); err != nil {
			return err
		}
	}
	return nil
}

// AddTrack announces another track. Segments have it from the one at hand on.
func (m *Muxer) AddTrack(t media.Track) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return ErrClosed
	case t.Kind == media.Video && t.Codec == media.H264 && m.video.scale == 0:
		sets, length, err := configOf(t.Extradata)
		if err != nil {
			return err
		}
		m.sets, m.length = sets, length
		m.video = newTrack(t)
	case t.Kind == media.Audio && t.Codec == media.AAC && m.audio.scale == 0:
		sound, err := aac(t)
		if err != nil {
			return err
		}
		t.SampleRate = sound.Config.SampleRate
		m.sound, m.audio = sound, newTrack(t)
	default:
		return fmt.Errorf("cmaf: a track of %q: one of h264 and one of aac are taken", t.Codec)
	}
	return nil
}

// Write takes one packet.
func (m *Muxer) Write(p media.Packet) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	t := m.of(p.Kind)
	if t.scale == 0 {
		return fmt.Errorf("cmaf: %s that was not announced", p.Kind)
	}
	s := sample{Packet: p}
	if p.Kind == media.Video {
		ok, err := m.frame(&s)
		if err != nil || !ok {
			return err
		}
	} else if skipped := p.SkipStart + p.SkipEnd; skipped >= aacFrame {
		return nil
	}
	if s.PTS < m.from || s.DTS < 0 || !t.put(s) {
		m.blind = m.blind || p.Kind == media.Video
		return nil
	}
	if !m.begun {
		m.begun, m.n = true, m.place(s.PTS)
	}
	return m.cut(false)
}

// Close closes the last segment. It waits for the Write at hand.
func (m *Muxer) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	return m.cut(true)
}

func (m *Muxer) of(k media.Kind) *track {
	if k == media.Video {
		return &m.video
	}
	return &m.audio
}

func (m *Muxer) place(t time.Duration) int64 { return int64(t / m.cfg.Segment) }

// cut closes the segments that are complete; at the last, all.
func (m *Muxer) cut(last bool) error {
	for {
		c, ok := m.next(last)
		if !ok {
			return nil
		}
		if err := m.closeSegment(c); err != nil {
			return err
		}
		m.from = max(m.from, c.at)
		first, any := m.first()
		if !any {
			m.begun = false
			return nil
		}
		m.n = max(m.place(first), m.place(c.at))
	}
}

// first returns the earliest time of what waits.
func (m *Muxer) first() (at time.Duration, ok bool) {
	for _, t := range []*track{&m.video, &m.audio} {
		if len(t.samples) > 0 && (!ok || t.samples[0].PTS < at) {
			at, ok = t.samples[0].PTS, true
		}
	}
	return at, ok
}

// ending is where a segment ends: before output time at, and the sample frames of the video.
type ending struct {
	at     time.Duration
	frames int
	on     bool // what comes next goes on from there
}

// next returns where the segment at hand ends, once all of it is there.
func (m *Muxer) next(last bool) (ending, bool) {
	end := time.Duration(m.n+1) * m.cfg.Segment
	newest := max(m.video.newest(), m.audio.newest())
	c, ok := m.video.ends(end)
	switch {
	case ok:
	case len(m.video.samples) == 0 || m.video.newest() < end: // no frames, or none yet
		c = ending{at: end, frames: len(m.video.samples)}
		late := m.video.scale > 0 && newest < end+patience
		if newest < end || late {
			return c, last && m.begun
		}
		return c, true
	case newest > end+(longest-1)*m.cfg.Segment || m.video.bytes+m.audio.bytes > maxHeld:
		c = m.video.before(end)
	default: // no keyframe yet
		c = ending{at: max(end, newest+1), frames: len(m.video.samples)}
		return c, last
	}
	if m.audio.scale > 0 && m.audio.newest() < c.at && newest < c.at+patience {
		return c, last
	}
	return c, true
}
