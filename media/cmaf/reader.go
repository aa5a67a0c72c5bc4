package cmaf

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"livedub/internal/guard"
	"livedub/media"
)

// Reader reads segments that a Muxer has made.
type Reader struct {
	tracks []media.Track
	byID   map[int]source
}

// source is a track as its initialization section has it.
type source struct {
	media.Track
	scale int // of its times, 1/s
}

// NewReader reads an initialization section.
func NewReader(init []byte) (*Reader, error) {
	var in fmp4.Init
	if err := guard.Do("cmaf", func() error { return in.Unmarshal(bytes.NewReader(init)) }); err != nil {
		return nil, fmt.Errorf("%w: the initialization section: %w", errData, err)
	}
	r := &Reader{byID: map[int]source{}}
	for _, t := range in.Tracks {
		described, err := trackOf(t.Codec)
		if err != nil {
			return nil, err
		}
		if _, twice := r.byID[t.ID]; twice || media.FindTrack(r.tracks, described.Kind) != nil {
			return nil, fmt.Errorf("%w: two tracks of one kind", errData)
		}
		r.tracks = append(r.tracks, described)
		r.byID[t.ID] = source{described, int(t.TimeScale)}
	}
	return r, nil
}

// Tracks returns the tracks that segments may have.
func (r *Reader) Tracks() []media.Track { return slices.Clone(r.tracks) }

// Packets returns what is in a segment, in the order of decoding; H.264 is in Annex B
// form, with its parameter sets in the track's Extradata alone. It fails where the
// segment is not whole, as one that a full disk has cut off.
func (r *Reader) Packets(segment []byte) ([]media.Packet, error) {
	var parts fmp4.Parts
	if err := guard.Do("cmaf", func() error { return parts.Unmarshal(segment) }); err != nil {
		return nil, fmt.Errorf("%w: a segment of %d bytes: %w", errData, len(segment), err)
	}
	var out []media.Packet
	for _, part := range parts {
		for _, t := range part.Tracks {
			packets, err := r.run(t)
			if err != nil {
				return nil, err
			}
			out = append(out, packets...)
		}
	}
	slices.SortStableFunc(out, func(a, b media.Packet) int { return cmp.Compare(a.DTS, b.DTS) })
	return out, nil
}

// maxTicks bounds times: 100 days of the finest scale that is read.
const maxTicks = int64(100*24*time.Hour/time.Second) * 192000

// run returns the packets of one track in one fragment.
func (r *Reader) run(t *fmp4.PartTrack) ([]media.Packet, error) {
	track, ok := r.byID[t.ID]
	if !ok {
		return nil, fmt.Errorf("%w: a segment has track %d, which was not announced", errData, t.ID)
	}
	if t.BaseTime > uint64(maxTicks) {
		return nil, fmt.Errorf("%w: a segment at tick %d", errData, t.BaseTime)
	}
	at := int(t.BaseTime)
	out := make([]media.Packet, 0, len(t.Samples))
	for _, s := range t.Samples {
		p := media.Packet{
			Kind: track.Kind, Data: s.Payload, Key: track.Kind == media.Audio || !s.IsNonSyncSample,
			DTS: media.SamplesToTime(at, track.scale), PTS: media.SamplesToTime(at+int(s.PTSOffset), track.scale),
		}
		at += int(s.Duration)
		p.Duration = media.SamplesToTime(at, track.scale) - p.DTS
		if track.Kind == media.Video {
			nals, err := split(s.Payload, lengthSize)
			if err != nil {
				return nil, fmt.Errorf("%w: a frame at %v: %w", errData, p.PTS, err)
			}
			p.Data = annexB(nals...)
		}
		out = append(out, p)
	}
	return out, nil
}
