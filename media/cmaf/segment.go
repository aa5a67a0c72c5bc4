package cmaf

import (
	"fmt"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"livedub/media"
)

// styp is the box that a segment begins with: brands msdh, msix and cmfs.
const styp = "\x00\x00\x00\x1cstypmsdh\x00\x00\x00\x00msdhmsixcmfs"

// closeSegment tells of the segment that ends there, and before it of its tracks.
func (m *Muxer) closeSegment(c ending) error {
	frames, sound := m.video.take(c.frames), m.audio.take(m.audio.until(c.at))
	if len(frames)+len(sound) == 0 {
		return nil
	}
	if err := m.tell(frames); err != nil {
		return err
	}
	var out seekablebuffer.Buffer
	out.Grow(sizeOf(frames) + sizeOf(sound) + 1024)
	_, _ = out.Write([]byte(styp)) // memory
	v, a := runs(frames), runs(sound)
	for i := range max(len(v), len(a)) {
		m.number++
		part := fmp4.Part{SequenceNumber: m.number}
		if i < len(v) {
			part.Tracks = append(part.Tracks, partOf(videoID, videoScale, v[i]))
		}
		if i < len(a) {
			part.Tracks = append(part.Tracks, partOf(audioID, m.audio.scale, a[i]))
		}
		if err := part.Marshal(&out); err != nil {
			return fmt.Errorf("cmaf: segment %d: %w", m.n, err)
		}
	}
	s := Segment{N: m.n, Data: out.Bytes()}
	s.At, s.Duration = span(c.at, frames, sound)
	s.Whole = m.whole(c, frames, sound) && len(v) < 2 && len(a) < 2
	return m.cfg.Closed(s)
}

// sizeOf returns about how many bytes samples take.
func sizeOf(samples []sample) int {
	n := 0
	for _, s := range samples {
		n += len(s.Data) + 16
	}
	return n
}

// span returns from when and how long samples are presented that end before end.
func span(end time.Duration, all ...[]sample) (at, length time.Duration) {
	var to time.Duration
	began := false
	for _, s := range all {
		if len(s) == 0 {
			continue
		}
		if !began || s[0].PTS < at {
			at, began = s[0].PTS, true
		}
		last := s[len(s)-1]
		to = max(to, last.PTS+last.Duration)
	}
	return at, min(to, end) - at
}

// whole tells whether frames and sound are all of the segment at hand.
func (m *Muxer) whole(c ending, frames, sound []sample) bool {
	from, end := time.Duration(m.n)*m.cfg.Segment, time.Duration(m.n+1)*m.cfg.Segment
	if m.video.scale > 0 && (len(frames) == 0 || frames[0].PTS != from || !frames[0].Key || !c.on || c.at != end) {
		return false
	}
	if m.audio.scale == 0 {
		return true
	}
	if len(sound) == 0 {
		return false
	}
	last := sound[len(sound)-1]
	return sound[0].PTS < from+m.audio.length && last.PTS+last.Duration >= end
}

// partOf returns a run as it is written.
func partOf(id, scale int, run []sample) *fmp4.PartTrack {
	at := toTicks(run[0].DTS, scale)
	out := &fmp4.PartTrack{ID: id, BaseTime: uint64(at), Samples: make([]*fmp4.Sample, len(run))}
	for i, s := range run {
		next := toTicks(s.DTS+s.Duration, scale)
		if i+1 < len(run) {
			next = toTicks(run[i+1].DTS, scale)
		}
		out.Samples[i] = &fmp4.Sample{
			Duration: uint32(next - at), PTSOffset: int32(toTicks(s.PTS, scale) - toTicks(s.DTS, scale)),
			IsNonSyncSample: s.Kind == media.Video && !s.Key, Payload: s.Data,
		}
		at = next
	}
	return out
}

// tell tells of the tracks, where they are not those that were told last.
func (m *Muxer) tell(frames []sample) error {
	now := told{m.told.sets, m.sound}
	if len(frames) > 0 {
		now.sets = frames[0].sets
	}
	if now == m.told {
		return nil
	}
	init, err := initOf(now.sets, now.sound)
	if err != nil {
		return err
	}
	m.told = now
	return m.cfg.Init(init)
}

// initOf returns the initialization section of tracks, of which one may be nil.
func initOf(video *codecs.H264, sound *codecs.MPEG4Audio) (Init, error) {
	var in fmp4.Init
	if video != nil {
		in.Tracks = append(in.Tracks, &fmp4.InitTrack{ID: videoID, TimeScale: videoScale, Codec: video})
	}
	if sound != nil {
		in.Tracks = append(in.Tracks, &fmp4.InitTrack{ID: audioID, TimeScale: uint32(sound.Config.SampleRate), Codec: sound})
	}
	var buf seekablebuffer.Buffer
	if err := in.Marshal(&buf); err != nil {
		return Init{}, fmt.Errorf("cmaf: the initialization section: %w", err)
	}
	out := Init{Data: buf.Bytes(), Codecs: codecsOf(video, sound)}
	for _, t := range in.Tracks {
		described, err := trackOf(t.Codec)
		if err != nil {
			return Init{}, err
		}
		if described.Kind == media.Video {
			out.Width, out.Height = described.Width, described.Height
		}
		out.Tracks = append(out.Tracks, described)
	}
	return out, nil
}
